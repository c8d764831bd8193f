//! A body that must be exactly what was announced. The stream ends with an error otherwise, so
//! that no store makes an object of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use crate::ports::Source;
use crate::ports::objects::ByteStream;

/// Longest silence of a sender.
const SILENCE: Duration = Duration::from_secs(30);

/// Says afterwards whether the body was at fault.
#[derive(Clone, Debug, Default)]
pub(super) struct Fault(Arc<AtomicBool>);

impl Fault {
    pub(super) fn was_found(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

struct Reading {
    body: ByteStream,
    hash: Sha256,
    left: u64,
}

/// The body, held to its announced length and hash (hex).
pub(super) fn exactly(body: ByteStream, bytes: u64, sha256: String, fault: &Fault) -> ByteStream {
    let reading = Reading {
        body,
        hash: Sha256::new(),
        left: bytes,
    };
    let fault = fault.clone();
    stream::try_unfold(reading, move |reading| next(reading, sha256.clone()))
        .inspect_err(move |_| fault.0.store(true, Ordering::Release))
        .boxed()
}

async fn next(mut reading: Reading, sha256: String) -> Result<Option<(Bytes, Reading)>, Source> {
    let Some(bytes) = tokio::time::timeout(SILENCE, reading.body.try_next()).await?? else {
        let whole = reading.left == 0 && hex::encode(reading.hash.finalize()) == sha256;
        return if whole {
            Ok(None)
        } else {
            Err("the body is another".into())
        };
    };
    let more = reading.left.checked_sub(bytes.len() as u64);
    reading.left = more.ok_or("the body is too long")?;
    reading.hash.update(&bytes);
    Ok(Some((bytes, reading)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `abc`. Source: FIPS 180-4, example.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    async fn passes(parts: &[&'static str], bytes: u64, sha256: &str) -> bool {
        let parts: Vec<_> = parts
            .iter()
            .map(|p| Ok(Bytes::from_static(p.as_bytes())))
            .collect();
        let fault = Fault::default();
        let body = exactly(stream::iter(parts).boxed(), bytes, sha256.into(), &fault);
        let read: Result<Vec<Bytes>, _> = body.try_collect().await;
        assert_eq!(read.is_err(), fault.was_found());
        read.is_ok()
    }

    #[tokio::test]
    async fn only_the_announced_bytes_pass() {
        assert!(passes(&["a", "bc"], 3, ABC).await);
        assert!(!passes(&["a", "b"], 3, ABC).await, "shorter");
        assert!(!passes(&["a", "b"], 2, ABC).await, "another hash");
        assert!(!passes(&["abc", "d"], 3, ABC).await, "longer");
    }
}
