//! The folder shared with the transcoder, which parses hostile media and may have been taken
//! over: every path is resolved beneath the folder without following links, only plain files
//! with one name and a sane size are read, and what the courier writes is new and renamed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use streamgate_contract::job_files::{OUT, SOURCE};

use super::halt::{Doing, Halt};

/// Most names `out` may hold; the engine leaves less than a hundred waiting.
const MAX_NAMES: usize = 4_096;
/// The source while it is fetched.
const SOURCE_PART: &str = ".source.part";

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(Arc<OwnedFd>);

/// A file of the folder that passed inspection.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) file: Arc<File>,
    pub(super) bytes: u64,
}

fn beneath() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS
}

fn refused(name: &str, why: &'static str) -> Halt {
    Halt::FileRefused {
        name: name.to_owned(),
        why,
    }
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        Ok(Self(Arc::new(folder)))
    }

    /// Something has this name; what it is does not matter.
    pub(super) fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&*self.0, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Puts a whole file in place under its name.
    pub(super) fn place(&self, name: &str, bytes: &[u8]) -> Result<(), Halt> {
        let part = format!(".{name}.{:016x}.part", rand::random::<u64>());
        let written = self.create(&part).and_then(|mut f| f.write_all(bytes));
        if written.is_err() {
            // Leave no half file on a full volume.
            drop(self.remove(&part));
        }
        written.doing("write a file for the transcoder")?;
        self.rename(&part, name)
            .doing("finish a file for the transcoder")
    }

    /// A new, empty file for the source; what an earlier courier left unfinished goes.
    pub(super) fn create_source(&self) -> Result<File, Halt> {
        match self.remove(SOURCE_PART) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => self.create(SOURCE_PART),
        }
        .doing("create the source file")
    }

    /// Puts the fetched source in place.
    pub(super) fn finish_source(&self) -> Result<(), Halt> {
        self.rename(SOURCE_PART, SOURCE)
            .doing("finish the source file")
    }

    /// Opens a file by its path in the folder; `None` when nothing has that name.
    pub(super) fn find(&self, path: &str, most: u64) -> Result<Option<Found>, Halt> {
        // Not blocking: opening a FIFO must not wait for somebody at its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match self.openat2(path, flags) {
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::XDEV | Errno::NOTDIR) => {
                return Err(refused(path, "it is or lies behind a link"));
            }
            Err(Errno::NXIO | Errno::NODEV | Errno::ACCESS | Errno::PERM) => {
                return Err(refused(path, "it cannot be read"));
            }
            other => other.doing("open a file of the transcoder")?,
        };
        inspect(path, File::from(opened), most).map(Some)
    }

    /// Names in `out`, which is made by the transcoder and may not be there yet.
    pub(super) fn names(&self) -> Result<Vec<String>, Halt> {
        let Some(out) = self.out()? else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for entry in Dir::read_from(out).doing("list the out folder")? {
            let entry = entry.doing("list the out folder")?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                Err(_) => return Err(refused(OUT, "it holds a name that is no text")),
            }
            if names.len() > MAX_NAMES {
                return Err(refused(OUT, "it holds too many files"));
            }
        }
        Ok(names)
    }

    /// Removes a delivered file; it does not matter when it is gone already.
    pub(super) fn remove_out(&self, name: &str) -> Result<(), Halt> {
        let Some(out) = self.out()? else {
            return Ok(());
        };
        match rustix::fs::unlinkat(out, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            other => other.doing("remove a delivered file"),
        }
    }

    fn out(&self) -> Result<Option<OwnedFd>, Halt> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match self.openat2(OUT, flags) {
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::XDEV | Errno::NOTDIR) => Err(refused(OUT, "it is no folder")),
            other => other.doing("open the out folder").map(Some),
        }
    }

    fn openat2(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        // The kernel gives up with EAGAIN when something is renamed during the walk.
        for _ in 0..16 {
            match rustix::fs::openat2(&*self.0, path, flags, Mode::empty(), beneath()) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// The group may read: the transcoder shares it, under another user.
    fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP;
        let created = rustix::fs::openat2(&*self.0, name, flags, mode, beneath())?;
        Ok(File::from(created))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&*self.0, from, &*self.0, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&*self.0, name, AtFlags::empty())?)
    }
}

fn inspect(path: &str, file: File, most: u64) -> Result<Found, Halt> {
    let facts = file.metadata().doing("inspect a file of the transcoder")?;
    if !facts.is_file() {
        return Err(refused(path, "it is no plain file"));
    }
    if facts.nlink() != 1 {
        return Err(refused(path, "it has more than one name"));
    }
    if facts.len() > most {
        return Err(refused(path, "it is too large"));
    }
    Ok(Found {
        name: path.to_owned(),
        file: Arc::new(file),
        bytes: facts.len(),
    })
}

impl Found {
    /// The file still is what was inspected, as far as its inode tells.
    pub(super) fn is_unchanged(&self) -> io::Result<bool> {
        let facts = self.file.metadata()?;
        Ok(facts.len() == self.bytes && facts.nlink() == 1)
    }

    /// The refusal of a file that changed under the reader.
    pub(super) fn changed(&self) -> Halt {
        refused(&self.name, "it changed while it was read")
    }

    /// The whole file, which is at most as large as it was inspected to be.
    pub(super) fn read(&self) -> Result<Vec<u8>, Halt> {
        let mut bytes = Vec::new();
        (&*self.file)
            .take(self.bytes)
            .read_to_end(&mut bytes)
            .doing("read a file of the transcoder")?;
        match self.is_unchanged().doing("inspect a file again")? && bytes.len() as u64 == self.bytes
        {
            true => Ok(bytes),
            false => Err(self.changed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_placed_replaces_a_planted_link_and_leaves_its_target_alone() {
        let (work, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("secret");
        fs::write(&target, "untouched").unwrap();
        std::os::unix::fs::symlink(&target, work.path().join("plan.json")).unwrap();
        let folder = Folder::open(work.path()).unwrap();
        folder.place("plan.json", b"{}").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
        let placed = work.path().join("plan.json");
        assert!(fs::symlink_metadata(&placed).unwrap().is_file());
        assert_eq!(fs::read_dir(work.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_out_folder_that_is_a_link_is_refused() {
        let (work, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("v240-0.m4s"), "secret").unwrap();
        std::os::unix::fs::symlink(outside.path(), work.path().join(OUT)).unwrap();
        let folder = Folder::open(work.path()).unwrap();
        assert!(folder.names().is_err());
        assert!(folder.find("out/v240-0.m4s", 100).is_err());
        assert!(folder.remove_out("v240-0.m4s").is_err());
        assert!(outside.path().join("v240-0.m4s").exists());
    }

    #[test]
    fn a_missing_file_is_no_error() {
        let work = tempfile::tempdir().unwrap();
        let folder = Folder::open(work.path()).unwrap();
        assert!(folder.find("out/plan.json", 100).unwrap().is_none());
        assert!(folder.names().unwrap().is_empty());
        folder.remove_out("gone").unwrap();
    }
}
