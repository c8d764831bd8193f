//! A source in a mounted claim: opened beneath the mount, copied range by range.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use streamgate_contract::plan::ByteRange;

use super::pieces::{Piece, pieces};
use crate::courier::halt::{Doing, Halt};

/// Bytes copied at once.
const BUFFER: usize = 1 << 20;

/// Opens the file `path` of the claim. Links within the claim are followed; none leads out.
pub(super) fn open(mount: Option<&Path>, path: &str) -> Result<File, Halt> {
    let missing = || Halt::SourceNotFound(format!("{path:?} of the claim"));
    let mount = mount.ok_or_else(missing)?;
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, mount, folder, Mode::empty()).doing("open the claim")?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let opened = match rustix::fs::openat2(root, path, flags, Mode::empty(), within) {
        Err(Errno::NOENT | Errno::XDEV | Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => {
            return Err(missing());
        }
        other => File::from(other.doing("open the source in the claim")?),
    };
    let plain = opened.metadata().doing("inspect the source")?.is_file();
    if plain { Ok(opened) } else { Err(missing()) }
}

/// Copies `wanted` of a file of `bytes` bytes into `target`.
pub(super) async fn copy(
    file: &Arc<File>,
    bytes: u64,
    wanted: &[ByteRange],
    target: &Arc<File>,
) -> Result<(), Halt> {
    let copy = |piece: Piece| {
        let (file, target) = (file.clone(), target.clone());
        async move {
            let copied = super::blocking(move || copy_piece(&file, &target, piece)).await;
            match copied {
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(Halt::SourceTruncated {
                    has: bytes,
                    wanted: piece.range.end - 1,
                }),
                other => other.doing("copy the source"),
            }
        }
    };
    stream::iter(pieces(&[bytes], wanted)?)
        .map(copy)
        .buffer_unordered(2)
        .try_collect()
        .await
}

fn copy_piece(file: &File, target: &File, piece: Piece) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut at = piece.range.start;
    while at < piece.range.end {
        let left = usize::try_from(piece.range.end - at).unwrap_or(BUFFER);
        let part = &mut buffer[..left.min(BUFFER)];
        file.read_exact_at(part, at)?;
        target.write_all_at(part, at)?;
        at += part.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_path_never_leads_out_of_the_claim() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("secret"), "s").unwrap();
        let mount = base.path().join("claim");
        fs::create_dir_all(mount.join("sub")).unwrap();
        fs::write(mount.join("sub/clip.mp4"), "v").unwrap();
        symlink("../secret", mount.join("out.mp4")).unwrap();
        symlink("sub/clip.mp4", mount.join("in.mp4")).unwrap();
        for bad in [
            "../secret",
            "/etc/passwd",
            "out.mp4",
            "none.mp4",
            "sub",
            "",
            "a\0b",
        ] {
            let opened = open(Some(&mount), bad);
            assert!(opened.is_err(), "{bad:?}");
        }
        for good in ["sub/clip.mp4", "in.mp4"] {
            assert!(open(Some(&mount), good).is_ok(), "{good}");
        }
        assert!(matches!(open(None, "in.mp4"), Err(Halt::SourceNotFound(_))));
    }

    #[tokio::test]
    async fn only_the_wanted_bytes_are_copied() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        file.write_all_at(&[7; 100], 0).unwrap();
        let target = Arc::new(tempfile::tempfile().unwrap());
        target.set_len(100).unwrap();
        let wanted = [ByteRange { start: 10, end: 20 }];
        copy(&file, 100, &wanted, &target).await.unwrap();
        let mut bytes = [9; 100];
        target.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(bytes.iter().filter(|b| **b == 7).count(), 10);
        assert_eq!((bytes[9], bytes[10], bytes[19], bytes[20]), (0, 7, 7, 0));
    }
}
