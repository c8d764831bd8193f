//! Verification: is the log whole and unchanged? Without a head that was kept elsewhere, the removal
//! of its newest records cannot be seen; with one, it is.

use std::io;
use std::path::{Path, PathBuf};

use super::frame;
use super::segment::{self, Head, SegmentFile, Unsound};
use crate::ports::audit_log::{EventKind, Record};

/// A head as it was published: number of a record and the first bytes of its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedHead {
    /// Number.
    pub sequence: u64,
    /// First bytes of the hash.
    pub prefix: Vec<u8>,
}

impl std::str::FromStr for PublishedHead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no head; write SEQUENCE:HASH, HASH in hex");
        let (sequence, hash) = text.split_once(':').ok_or_else(wrong)?;
        let prefix = hex::decode(hash).map_err(|_| wrong())?;
        let sequence = sequence.parse().map_err(|_| wrong())?;
        if prefix.is_empty() || prefix.len() > 32 {
            return Err(wrong());
        }
        Ok(Self { sequence, prefix })
    }
}

/// What a sound log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments.
    pub segments: usize,
    /// Sealed segments whose signature was checked.
    pub seals: usize,
    /// Records.
    pub records: u64,
    /// Number of the first record.
    pub first: u64,
    /// The chain at its end.
    pub head: Head,
}

/// What is wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A place in a segment.
    #[error("{path}: offset {offset}: {what}")]
    Unsound {
        /// Which segment.
        path: PathBuf,
        /// First byte that is not as it must be.
        offset: usize,
        /// What is wrong there.
        what: Unsound,
    },
    /// A segment does not follow the one before it.
    #[error(
        "{path} begins with record {first} and does not follow record {last}: a segment was removed or reordered"
    )]
    Gap {
        /// Which segment.
        path: PathBuf,
        /// Its first record.
        first: u64,
        /// The last record before it.
        last: u64,
    },
    /// A segment that others follow has no seal, or one that the key did not sign.
    #[error("{path} has no valid seal: it was cut, or signed by somebody else")]
    Seal {
        /// Which segment.
        path: PathBuf,
    },
    /// The first record there is, is not the first there was, and no retention explains it.
    #[error("the log begins with record {first} and no retention removed those before it")]
    Beginning {
        /// First record there is.
        first: u64,
    },
    /// The published head is not in the log.
    #[error(
        "record {sequence} of the published head is missing or has another hash: the end was cut off or rewritten"
    )]
    Head {
        /// Number of the record.
        sequence: u64,
    },
}

/// Reads the whole log, calls `each` with every record and says what is wrong first.
///
/// # Errors
/// The first fault there is.
pub fn verify(
    folder: &Path,
    key: Option<&[u8; 32]>,
    published: Option<&PublishedHead>,
    mut each: impl FnMut(u64, &[u8]),
) -> Result<Report, Fault> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| Fault::Unreadable { path, source }
    };
    let files = segment::list(folder).map_err(unreadable(folder))?;
    let mut report = Report::default();
    let mut seen = Seen {
        published,
        found: published.is_none(),
        retained_through: 0,
    };
    for (n, file) in files.iter().enumerate() {
        let bytes = std::fs::read(&file.path).map_err(unreadable(&file.path))?;
        let last = n + 1 == files.len();
        one(file, &bytes, last, key, &mut report, &mut seen, &mut each)?;
    }
    if report.first > 1 && report.first > seen.retained_through + 1 {
        return Err(Fault::Beginning {
            first: report.first,
        });
    }
    match published {
        Some(head) if !seen.found => Err(Fault::Head {
            sequence: head.sequence,
        }),
        _ => Ok(report),
    }
}

struct Seen<'a> {
    published: Option<&'a PublishedHead>,
    found: bool,
    retained_through: u64,
}

impl Seen<'_> {
    fn record(&mut self, payload: &[u8]) {
        // Cheap look before the parse: few records are of the log itself.
        if !payload.windows(9).any(|w| w == b"retention") {
            return;
        }
        let record: Option<Record> = serde_json::from_slice(payload).ok();
        let Some(record) = record.filter(|r| r.kind == EventKind::Audit) else {
            return;
        };
        if let Some(through) = record.details.get("through").and_then(|t| t.as_u64()) {
            self.retained_through = through;
        }
    }
}

fn one(
    file: &SegmentFile,
    bytes: &[u8],
    last: bool,
    key: Option<&[u8; 32]>,
    report: &mut Report,
    seen: &mut Seen<'_>,
    each: &mut impl FnMut(u64, &[u8]),
) -> Result<(), Fault> {
    let path = || file.path.clone();
    let mut running = None::<Head>;
    let scan = segment::scan(bytes, |sequence, payload| {
        seen.record(payload);
        each(sequence, payload);
    });
    if let Some(what) = scan.unsound {
        return Err(Fault::Unsound {
            path: path(),
            offset: scan.sound,
            what,
        });
    }
    let follows = report.segments == 0 || scan.begin == report.head;
    if !follows || scan.begin.sequence + 1 != file.first {
        let (first, last) = (file.first, report.head.sequence);
        return Err(Fault::Gap {
            path: path(),
            first,
            last,
        });
    }
    let signed =
        |key: &[u8; 32]| scan.seal == Some(frame::seal(key, scan.head.sequence, &scan.head.hash));
    match (scan.seal, key) {
        (None, _) if !last => return Err(Fault::Seal { path: path() }),
        (Some(_), Some(key)) if !signed(key) => return Err(Fault::Seal { path: path() }),
        (Some(_), Some(_)) => report.seals += 1,
        _ => {}
    }
    // The published head lies in this segment: find the hash of its record.
    if let Some(head) = seen
        .published
        .filter(|head| in_segment(&scan, head.sequence))
    {
        let mut at = 0;
        while let Some(frame) = frame::read(&bytes[at..]) {
            if frame.kind == frame::Kind::Record && frame.sequence == head.sequence {
                running = Some(Head {
                    sequence: frame.sequence,
                    hash: frame.hash,
                });
            }
            at += frame.len();
        }
        seen.found = running.is_some_and(|found| found.hash.starts_with(&head.prefix));
    }
    if report.segments == 0 {
        report.first = file.first;
    }
    report.segments += 1;
    report.records += scan.head.sequence - scan.begin.sequence;
    report.head = scan.head;
    Ok(())
}

fn in_segment(scan: &segment::Scan, sequence: u64) -> bool {
    scan.begin.sequence < sequence && sequence <= scan.head.sequence
}
