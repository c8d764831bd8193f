//! Delivers one file: ticket, PUT, commit. Everything is read from one descriptor; the hash is
//! taken from it before and again while it is sent, and the last bytes leave only when both agree.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{Stream, stream};
use reqwest::Body;
use sha2::{Digest, Sha256};
use streamgate_contract::job_api::{CommitRequest, Object, TicketRequest};

use super::boxes;
use super::folder::Found;
use super::halt::{Doing, Halt};
use super::retry::Miss;
use super::source::blocking;
use super::worker::Worker;

/// Bytes read at once.
const PIECE: u64 = 256 << 10;

/// A file whose content is known.
#[derive(Clone, Debug)]
pub(super) struct Hashed {
    found: Found,
    pub(super) sha256: String,
    /// Bytes up to the end of its first fragment.
    head: Option<u64>,
}

impl Hashed {
    /// Hashes an inspected file.
    pub(super) async fn new(found: Found) -> Result<Self, Halt> {
        let file = found.clone();
        let sha256 = blocking(move || hash(&file)).await;
        let sha256 = sha256.doing("read a file of the transcoder")?;
        let sha256 = sha256.ok_or_else(|| found.changed())?;
        let head = boxes::head(&found.file, found.bytes);
        let head = head.doing("read a file of the transcoder")?;
        Ok(Self {
            found,
            sha256,
            head,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.found.bytes
    }

    /// Delivers the file as `object`; done when it is committed, by whomever.
    pub(super) async fn deliver(&self, object: &Object, worker: &Worker) -> Result<(), Halt> {
        let mut retry = worker.retry();
        let mut stored = None;
        loop {
            match self.attempt(object, worker, &mut stored).await {
                Ok(()) => return Ok(()),
                Err(miss) => {
                    // A commit that was refused may mean that the object is not there after all.
                    if matches!(
                        &miss,
                        Miss::Again {
                            status: Some(400..500),
                            ..
                        }
                    ) {
                        stored = None;
                    }
                    retry.after(miss).await?;
                }
            }
        }
    }

    /// One attempt; `stored` keeps the key of what is in the store already.
    async fn attempt(
        &self,
        object: &Object,
        worker: &Worker,
        stored: &mut Option<String>,
    ) -> Result<(), Miss> {
        let key = match stored {
            Some(key) => key.clone(),
            None => stored.insert(self.store(object, worker).await?).clone(),
        };
        let commit = CommitRequest {
            object: object.clone(),
            key,
            sha256: self.sha256.clone(),
            bytes: self.bytes(),
            head_bytes: self.head,
        };
        worker.commit(&commit).await.map(|_| ())
    }

    async fn store(&self, object: &Object, worker: &Worker) -> Result<String, Miss> {
        let request = TicketRequest {
            object: object.clone(),
            sha256: self.sha256.clone(),
            bytes: self.bytes(),
        };
        let ticket = worker.ticket(&request).await?;
        let changed = Arc::new(AtomicBool::new(false));
        let body = Body::wrap_stream(self.content(changed.clone()));
        let sent = worker.put(&ticket, self.bytes(), body).await;
        if changed.load(Ordering::Acquire) {
            return Err(self.found.changed().into());
        }
        sent.map(|()| ticket.key)
    }

    /// The content; ends in an error before its last bytes when it is not what was hashed.
    fn content(
        &self,
        changed: Arc<AtomicBool>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let hashed = self.clone();
        stream::try_unfold((0, Sha256::new()), move |(at, hasher)| {
            let (hashed, changed) = (hashed.clone(), changed.clone());
            async move {
                let read = blocking(move || hashed.next(at, hasher)).await;
                if matches!(&read, Err(e) if e.kind() == io::ErrorKind::InvalidData) {
                    changed.store(true, Ordering::Release);
                }
                read
            }
        })
    }

    /// The piece at `at` and the state after it.
    fn next(&self, at: u64, mut hasher: Sha256) -> io::Result<Option<(Bytes, (u64, Sha256))>> {
        let piece = piece(&self.found, at)?;
        if piece.is_empty() {
            return Ok(None);
        }
        hasher.update(&piece);
        let at = at + piece.len() as u64;
        let last = at == self.bytes();
        if last && !(self.matches(hasher.clone()) && self.found.is_unchanged()?) {
            return Err(changed());
        }
        Ok(Some((piece, (at, hasher))))
    }

    fn matches(&self, hasher: Sha256) -> bool {
        hex::encode(hasher.finalize()) == self.sha256
    }
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file changed")
}

/// Bytes from `at` on; empty at the inspected end.
fn piece(found: &Found, at: u64) -> io::Result<Bytes> {
    let left = found.bytes.saturating_sub(at).min(PIECE);
    let mut bytes = vec![0; usize::try_from(left).map_err(io::Error::other)?];
    match found.file.read_exact_at(&mut bytes, at) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(changed()),
        other => other.map(|()| bytes.into()),
    }
}

/// The hash, or `None` when the file changed meanwhile.
fn hash(found: &Found) -> io::Result<Option<String>> {
    let mut hasher = Sha256::new();
    let mut at = 0;
    while at < found.bytes {
        let piece = match piece(found, at) {
            Err(e) if e.kind() == io::ErrorKind::InvalidData => return Ok(None),
            other => other?,
        };
        hasher.update(&piece);
        at += piece.len() as u64;
    }
    let unchanged = found.is_unchanged()?;
    Ok(unchanged.then(|| hex::encode(hasher.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::courier::folder::Folder;
    use futures::TryStreamExt;
    use std::path::Path;

    async fn hashed(work: &Path, bytes: &[u8]) -> Hashed {
        std::fs::write(work.join("f"), bytes).unwrap();
        let found = Folder::open(work).unwrap().find("f", 1 << 30).unwrap();
        Hashed::new(found.unwrap()).await.unwrap()
    }

    async fn sent(hashed: &Hashed) -> (Vec<u8>, bool) {
        let changed = Arc::new(AtomicBool::new(false));
        let mut bytes = Vec::new();
        let mut content = Box::pin(hashed.content(changed.clone()));
        while let Ok(Some(piece)) = content.try_next().await {
            bytes.extend_from_slice(&piece);
        }
        (bytes, changed.load(Ordering::Acquire))
    }

    #[tokio::test]
    async fn content_is_sent_as_it_was_hashed() {
        let work = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..700_000u32).map(|n| n as u8).collect();
        let hashed = hashed(work.path(), &bytes).await;
        assert!(sent(&hashed).await == (bytes, false));
    }

    #[tokio::test]
    async fn a_file_changed_after_hashing_never_leaves_whole() {
        let work = tempfile::tempdir().unwrap();
        let hashed = hashed(work.path(), &[1; 700_000]).await;
        let file = std::fs::File::options()
            .write(true)
            .open(work.path().join("f"))
            .unwrap();
        file.write_all_at(&[2], 5).unwrap();
        let (bytes, changed) = sent(&hashed).await;
        assert!(changed && bytes.len() < 700_000);
    }
}
