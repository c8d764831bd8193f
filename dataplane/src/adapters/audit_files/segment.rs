//! Segment files of a folder, and what a file holds up to its first unsound frame.

use std::io;
use std::path::{Path, PathBuf};

use super::frame::{self, Hash, Kind, chain};

/// A segment file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentFile {
    /// Number of its first record, from its name.
    pub first: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// Path of the segment that begins with this record.
pub fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("audit-{first:020}.log"))
}

/// The segments of a folder, oldest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<SegmentFile>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let number = name
            .strip_prefix("audit-")
            .and_then(|n| n.strip_suffix(".log"));
        if let Some(first) = number.and_then(|n| n.parse().ok()) {
            found.push(SegmentFile { first, path });
        }
    }
    found.sort();
    Ok(found)
}

/// What stops a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// No whole frame with the right CRC.
    #[error("no sound frame: bytes were changed, or the end was torn off")]
    Frame,
    /// The frame is sound and of no place here.
    #[error("a frame of the wrong kind or number: records were removed, inserted or reordered")]
    Order,
    /// The hash does not follow from what came before.
    #[error("the chain of hashes is broken: a record was changed, removed or reordered")]
    Chain,
}

/// State of the chain at some point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of the last record; 0 before the first.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

/// A segment as far as it is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The chain before its first record.
    pub begin: Head,
    /// The chain after its last one.
    pub head: Head,
    /// Bytes that are sound.
    pub sound: usize,
    /// Signature of its seal.
    pub seal: Option<Hash>,
    /// What stops the reader at `sound`, if that is not the end of the file.
    pub unsound: Option<Unsound>,
}

/// Reads a segment; calls `each` with every record.
pub fn scan(bytes: &[u8], mut each: impl FnMut(u64, &[u8])) -> Scan {
    let mut scan = Scan {
        begin: Head::default(),
        head: Head::default(),
        sound: 0,
        seal: None,
        unsound: None,
    };
    while scan.sound < bytes.len() {
        let Some(frame) = frame::read(&bytes[scan.sound..]) else {
            scan.unsound = Some(Unsound::Frame);
            break;
        };
        if let Some(unsound) = scan.take(&frame) {
            scan.unsound = Some(unsound);
            break;
        }
        if frame.kind == Kind::Record {
            each(frame.sequence, frame.payload);
        }
        scan.sound += frame.len();
    }
    if bytes.is_empty() {
        scan.unsound = Some(Unsound::Frame);
    }
    scan
}

impl Scan {
    fn take(&mut self, frame: &frame::Frame<'_>) -> Option<Unsound> {
        let next = self.head.sequence.wrapping_add(1);
        let first = self.sound == 0;
        match frame.kind {
            _ if self.seal.is_some() || first != (frame.kind == Kind::Begin) => {
                return Some(Unsound::Order);
            }
            Kind::Begin => {
                self.begin = Head {
                    sequence: frame.sequence.wrapping_sub(1),
                    hash: frame.hash,
                };
                self.head = self.begin;
            }
            Kind::Record if frame.sequence != next => return Some(Unsound::Order),
            Kind::Record => {
                let hash = chain(&self.head.hash, frame.sequence, frame.payload);
                if hash != frame.hash {
                    return Some(Unsound::Chain);
                }
                let sequence = frame.sequence;
                self.head = Head { sequence, hash };
            }
            Kind::Seal => {
                if frame.sequence != self.head.sequence || frame.hash != self.head.hash {
                    return Some(Unsound::Chain);
                }
                let signature = frame.payload.try_into();
                self.seal = Some(signature.unwrap_or_default());
            }
        }
        None
    }
}
