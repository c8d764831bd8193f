//! Objects as files below one folder. A put writes a temporary file, syncs it and links it into
//! place: linking fails when the name is taken, so two writers cannot overwrite each other.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::ports::objects::{ByteStream, ObjectKey, Objects, ObjectsError, Put};

mod stream;

/// Folder of unfinished files; no key can name it, since parts never start with a dot.
const TEMPORARY: &str = ".tmp";

/// Objects below a folder.
#[derive(Clone, Debug)]
pub struct Filesystem {
    root: Arc<Path>,
}

impl Filesystem {
    /// Opens the folder, makes it when it is missing and removes what a killed writer left.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root: PathBuf = root.into();
        match fs::remove_dir_all(root.join(TEMPORARY)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => fs::create_dir_all(root.join(TEMPORARY))?,
        }
        Ok(Self { root: root.into() })
    }

    /// Runs file work off the async threads.
    async fn work<T: Send + 'static>(
        &self,
        action: &'static str,
        key: &ObjectKey,
        job: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ObjectsError> {
        let (root, path) = (self.root.clone(), self.root.join(key.as_str()));
        let done = tokio::task::spawn_blocking(move || job(&root, &path)).await;
        done.unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
            .map_err(|e| explain(action, key, e))
    }
}

fn explain(action: &'static str, key: &ObjectKey, error: io::Error) -> ObjectsError {
    match error.kind() {
        ErrorKind::NotFound => ObjectsError::NotFound(key.clone()),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ObjectsError::Full(key.clone()),
        _ => ObjectsError::Unavailable {
            action,
            key: key.to_string(),
            source: error.into(),
        },
    }
}

fn put(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<Put> {
    let temporary = root
        .join(TEMPORARY)
        .join(format!("{:032x}", rand::random::<u128>()));
    let written = write_synced(&temporary, bytes).and_then(|()| link(&temporary, path));
    // The temporary name goes whatever happened; open() removes what a crash leaves.
    let _ = fs::remove_file(&temporary);
    written
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn link(temporary: &Path, path: &Path) -> io::Result<Put> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    match fs::hard_link(temporary, path) {
        Ok(()) => File::open(folder)?.sync_all().map(|()| Put::Created),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(Put::Existed),
        Err(e) => Err(e),
    }
}

/// `None` when the range does not lie inside the file.
fn read_range(path: &Path, range: &Range<u64>) -> io::Result<Option<Bytes>> {
    let mut file = File::open(path)?;
    let length = range.end.checked_sub(range.start);
    let (Some(length), true) = (length, range.end <= file.metadata()?.len()) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes.into()))
}

fn collect(folder: &Path, key: &str, found: &mut Vec<ObjectKey>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let child = format!("{key}/{}", entry.file_name().to_string_lossy());
        match (entry.file_type()?.is_dir(), ObjectKey::parse(&child)) {
            (true, _) => collect(&entry.path(), &child, found)?,
            (false, Ok(key)) => found.push(key),
            (false, Err(_)) => {}
        }
    }
    Ok(())
}

fn none_if_missing<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[async_trait]
impl Objects for Filesystem {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<Put, ObjectsError> {
        self.work("write", key, move |root, path| put(root, path, &bytes))
            .await
    }

    async fn put_stream(&self, key: &ObjectKey, body: ByteStream) -> Result<Put, ObjectsError> {
        let temporary = stream::receive(&self.root.join(TEMPORARY), body)
            .await
            .map_err(|e| explain("write", key, e))?;
        self.work("write", key, move |_, path| link(temporary.path(), path))
            .await
    }

    /// A second name for the same file: objects never change, and it goes with its last name.
    async fn copy(&self, from: &ObjectKey, to: &ObjectKey) -> Result<Put, ObjectsError> {
        let to = self.root.join(to.as_str());
        self.work("copy", from, move |_, path| link(path, &to))
            .await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, ObjectsError> {
        self.work("read", key, |_, path| fs::read(path).map(Bytes::from))
            .await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, ObjectsError> {
        let (start, end) = (range.start, range.end);
        let bytes = self
            .work("read", key, move |_, path| read_range(path, &range))
            .await?;
        let key = key.clone();
        bytes.ok_or(ObjectsError::OutsideObject { key, start, end })
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<u64>, ObjectsError> {
        let length = |_: &Path, path: &Path| none_if_missing(fs::metadata(path).map(|m| m.len()));
        self.work("look at", key, length).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectsError> {
        let remove = |_: &Path, path: &Path| none_if_missing(fs::remove_file(path)).map(|_| ());
        self.work("delete", key, remove).await
    }

    async fn list(&self, prefix: &ObjectKey) -> Result<Vec<ObjectKey>, ObjectsError> {
        let text = prefix.to_string();
        let walk = move |_: &Path, path: &Path| {
            let mut found = Vec::new();
            none_if_missing(collect(path, &text, &mut found))?;
            found.sort();
            Ok(found)
        };
        self.work("list", prefix, walk).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::objects::suite;

    #[tokio::test]
    async fn passes_the_suite_of_object_stores() {
        let folder = tempfile::tempdir().unwrap();
        suite::run(&Filesystem::open(folder.path()).unwrap()).await;
    }

    #[tokio::test]
    async fn nothing_temporary_survives_puts_or_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Filesystem::open(folder.path()).unwrap();
        let key = ObjectKey::parse("a/b").unwrap();
        store.put(&key, Bytes::from_static(b"x")).await.unwrap();
        let left = || fs::read_dir(folder.path().join(TEMPORARY)).unwrap().count();
        assert_eq!(left(), 0);
        fs::write(folder.path().join(TEMPORARY).join("killed"), b"half").unwrap();
        Filesystem::open(folder.path()).unwrap();
        assert_eq!(left(), 0);
    }

    #[test]
    fn keys_never_leave_the_folder() {
        for text in [
            "", "/a", "a/", "a//b", "..", "a/../b", ".tmp/x", "a\0b", "a b", "ä",
        ] {
            assert!(ObjectKey::parse(text).is_err(), "{text:?}");
        }
        assert!(ObjectKey::parse("contents/a/o/v720/init-00ff.mp4").is_ok());
    }
}
