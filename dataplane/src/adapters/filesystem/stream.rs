//! A stream into a temporary file that goes away with its guard, whatever happens to the caller.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::ports::objects::ByteStream;

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;

/// A synced temporary file, removed when it is dropped.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // The next start removes what could not be removed now.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes the stream into a new file below `folder`.
pub(super) async fn receive(folder: &Path, mut body: ByteStream) -> io::Result<Temporary> {
    let temporary = Temporary(folder.join(format!("{:032x}", rand::random::<u128>())));
    let file = tokio::fs::File::create_new(temporary.path()).await?;
    let mut file = BufWriter::with_capacity(BUFFER, file);
    while let Some(bytes) = body.try_next().await.map_err(io::Error::other)? {
        file.write_all(&bytes).await?;
    }
    file.flush().await?;
    file.get_ref().sync_all().await?;
    Ok(temporary)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::StreamExt;

    use super::super::Filesystem;
    use crate::ports::objects::{ObjectKey, Objects, Put};

    fn stream(
        parts: Vec<Result<&'static [u8], &'static str>>,
    ) -> crate::ports::objects::ByteStream {
        let parts = parts.into_iter().map(|p| match p {
            Ok(bytes) => Ok(Bytes::from_static(bytes)),
            Err(words) => Err(words.into()),
        });
        futures::stream::iter(parts).boxed()
    }

    #[tokio::test]
    async fn a_stream_becomes_an_object_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = Filesystem::open(folder.path()).unwrap();
        let key = ObjectKey::parse("a/b").unwrap();
        let broken = stream(vec![Ok(b"half"), Err("cut")]);
        assert!(store.put_stream(&key, broken).await.is_err());
        assert_eq!(store.head(&key).await.unwrap(), None);
        let whole = stream(vec![Ok(b"half"), Ok(b"+half")]);
        assert_eq!(store.put_stream(&key, whole).await.unwrap(), Put::Created);
        let again = stream(vec![Ok(b"other")]);
        assert_eq!(store.put_stream(&key, again).await.unwrap(), Put::Existed);
        assert_eq!(store.get(&key).await.unwrap(), "half+half");
        let left = std::fs::read_dir(folder.path().join(".tmp")).unwrap();
        assert_eq!(left.count(), 0);
    }
}
