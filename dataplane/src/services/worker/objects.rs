//! The internal object endpoint: what S3's signed URLs are for a bucket, for a store that has
//! none. The signature is all that is asked for; it allows one thing, for a while.

use std::ops::Range;
use std::sync::Arc;

use futures::{StreamExt, stream};

use super::Worker;
use super::body::{Fault, exactly};
use super::error::WorkerError;
use super::signature::Grant;
use crate::ports::clock::UnixSeconds;
use crate::ports::objects::{ByteStream, ObjectKey, Objects, ObjectsError, Put};

/// Bytes read at once.
const READ_BYTES: u64 = 1 << 20;

/// A signed URL, taken apart.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) key: ObjectKey,
    pub(super) expires: UnixSeconds,
    pub(super) signature: String,
}

impl Worker {
    /// Length of the object that a URL lets somebody read.
    pub(super) async fn readable(&self, url: &Signed) -> Result<u64, WorkerError> {
        self.check_url(url, None)?;
        let length = self.objects.head(&url.key).await?;
        Ok(length.ok_or_else(|| ObjectsError::NotFound(url.key.clone()))?)
    }

    /// Bytes of an object, read as they are taken.
    pub(super) fn read(&self, key: ObjectKey, range: Range<u64>) -> ByteStream {
        let store = self.objects.clone();
        let next = move |(store, key, at): (Arc<dyn Objects>, ObjectKey, u64)| async move {
            if at >= range.end {
                return Ok(None);
            }
            let end = range.end.min(at + READ_BYTES);
            let bytes = store.get_range(&key, at..end).await?;
            Ok(Some((bytes, (store, key, end))))
        };
        let start = range.start;
        stream::try_unfold((store, key, start), next).boxed()
    }

    /// Stores the one body that a URL allows.
    pub(super) async fn store(
        &self,
        url: &Signed,
        (bytes, sha256): (u64, String),
        body: ByteStream,
    ) -> Result<Put, WorkerError> {
        self.check_url(url, Some((bytes, &sha256)))?;
        let fault = Fault::default();
        let body = exactly(body, bytes, sha256, &fault);
        let put = self.objects.put_stream(&url.key, body).await;
        if fault.was_found() {
            return Err(WorkerError::Body);
        }
        Ok(put?)
    }

    fn check_url(&self, url: &Signed, body: Option<(u64, &str)>) -> Result<(), WorkerError> {
        let (key, expires) = (&url.key, url.expires);
        let grant = Grant { key, expires, body };
        let allowed = self
            .url_key
            .allows(&grant, &url.signature, self.clock.now());
        allowed.then_some(()).ok_or(WorkerError::Url)
    }
}
