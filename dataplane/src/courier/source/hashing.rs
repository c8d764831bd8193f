//! The hash of a whole source, made while the transcoder reads it. It is taken from the courier's own
//! descriptor: the transcoder may put another file under the name, but cannot write to this one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// A hash in the making.
pub(in crate::courier) struct Hashing(Option<JoinHandle<io::Result<String>>>);

impl Hashing {
    /// Nothing is hashed: not every step has the whole source.
    pub(in crate::courier) fn none() -> Self {
        Self(None)
    }

    /// Begins to hash a file.
    pub(in crate::courier) fn begin(file: Arc<File>) -> Self {
        Self(Some(tokio::task::spawn_blocking(move || sha256(&file))))
    }

    /// The hash in hex; `None` when there is none. Without it the source is taken for a new one.
    pub(in crate::courier) async fn sha256(self) -> Option<String> {
        self.0?.await.ok()?.ok()
    }
}

fn sha256(file: &File) -> io::Result<String> {
    let (mut hash, mut piece, mut at) = (Sha256::new(), vec![0; PIECE], 0);
    loop {
        let read = file.read_at(&mut piece, at)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(piece.get(..read).unwrap_or_default());
        at += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_hashed_whole() {
        let file = tempfile::tempfile().unwrap();
        let bytes = vec![7_u8; PIECE + 3];
        file.write_all_at(&bytes, 0).unwrap();
        let expected = hex::encode(Sha256::digest(&bytes));
        let hashed = Hashing::begin(Arc::new(file)).sha256().await;
        assert_eq!(hashed, Some(expected));
        assert_eq!(Hashing::none().sha256().await, None);
    }
}
