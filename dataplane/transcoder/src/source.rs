//! The source as FFmpeg reads it: a sparse file of which only some ranges are there. Reading
//! where nothing was fetched is an error that names the byte, never a run of zeros. A source that is
//! still being uploaded grows, and who reads past its end waits.

mod arrival;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use streamgate_contract::plan::ByteRange;

use crate::error::{EngineError, WithFile};
use arrival::Arrival;

const NO_HOLE: u64 = u64::MAX;

/// Where the demuxer looked in vain, if it did. FFmpeg only passes numbers back, so this is the
/// side door by which the typed error gets out.
#[derive(Clone, Debug)]
pub struct Hole(Arc<AtomicU64>);

impl Hole {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NO_HOLE)))
    }

    /// The hole's error if one was hit, else `otherwise`.
    pub fn or(&self, otherwise: EngineError) -> EngineError {
        match self.0.load(Ordering::Acquire) {
            NO_HOLE => otherwise,
            at => EngineError::SourceHole(at),
        }
    }

    /// A hole was hit.
    pub fn hit(&self) -> Result<(), EngineError> {
        match self.0.load(Ordering::Acquire) {
            NO_HOLE => Ok(()),
            at => Err(EngineError::SourceHole(at)),
        }
    }
}

/// The file and what of it is there.
#[derive(Clone, Debug)]
pub struct Source {
    file: Arc<File>,
    bytes: u64,
    ranges: Arc<[ByteRange]>,
    arrival: Option<Arc<Arrival>>,
}

impl Source {
    /// The whole file.
    pub fn whole(path: &Path) -> Result<Self, EngineError> {
        let file = File::open(path).doing("open the source")?;
        let bytes = file.metadata().doing("read the source's size")?.len();
        Ok(Self {
            file: Arc::new(file),
            bytes,
            ranges: Arc::new([ByteRange {
                start: 0,
                end: bytes,
            }]),
            arrival: None,
        })
    }

    /// The file of a source that will have `bytes` bytes and is as long as what has come of it.
    pub fn arriving(path: &Path, bytes: u64) -> Result<Self, EngineError> {
        let here = Self::whole(path)?;
        let whole = here.limited(
            bytes,
            &[ByteRange {
                start: 0,
                end: bytes,
            }],
        );
        Ok(Self {
            arrival: Some(Arc::default()),
            ..whole
        })
    }

    /// Whether it may still be growing.
    pub fn is_arriving(&self) -> bool {
        self.arrival.is_some()
    }

    /// The same source, of which what has not come can be treated otherwise.
    pub fn apart(&self) -> Self {
        Self {
            arrival: self.arrival.as_ref().map(|_| Arc::default()),
            ..self.clone()
        }
    }

    /// From now on what has not come reads as zeros, for a scan that does not look at it.
    pub fn imagine(&self) {
        if let Some(arrival) = &self.arrival {
            arrival.imagine();
        }
    }

    /// From now on every read fails: nobody needs what is being made of it.
    pub fn shut(&self) {
        if let Some(arrival) = &self.arrival {
            arrival.shut();
        }
    }

    /// Bytes that have come.
    pub fn here(&self) -> Result<u64, EngineError> {
        let length = self.file.metadata().doing("read the source's size")?.len();
        Ok(length.min(self.bytes))
    }

    /// The same file of `bytes` bytes in all with only `ranges` there.
    pub fn limited(&self, bytes: u64, ranges: &[ByteRange]) -> Self {
        let ranges = crate::plan::byte_map::merge(ranges.to_vec(), 0);
        Self {
            file: self.file.clone(),
            bytes,
            ranges: ranges.into(),
            arrival: self.arrival.clone(),
        }
    }

    /// Size of the whole source.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Start of the last range: where a container without an index is entered.
    pub fn last_range_start(&self) -> u64 {
        self.ranges.last().map_or(0, |r| r.start)
    }

    /// A reader at byte 0 with its own position, hole and record of reads.
    pub fn reader(&self) -> SourceReader {
        SourceReader {
            source: self.clone(),
            position: 0,
            hole: Hole::new(),
            reads: Reads::default(),
        }
    }

    /// Reads at a position without a reader.
    pub fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, EngineError> {
        self.file.read_at(buffer, at).doing("read the source")
    }
}

/// The ranges a reader has read.
#[derive(Clone, Debug, Default)]
pub struct Reads(Arc<Mutex<Vec<ByteRange>>>);

impl Reads {
    fn note(&self, start: u64, end: u64) {
        if let Ok(mut ranges) = self.0.lock() {
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(ByteRange { start, end }),
            }
        }
    }

    /// What was read so far, merged.
    pub fn ranges(&self) -> Vec<ByteRange> {
        let ranges = self.0.lock().map(|r| r.clone()).unwrap_or_default();
        crate::plan::byte_map::merge(ranges, 0)
    }
}

/// A position in a [`Source`].
#[derive(Debug)]
pub struct SourceReader {
    source: Source,
    position: u64,
    hole: Hole,
    reads: Reads,
}

impl SourceReader {
    /// Tells later whether a hole was hit.
    pub fn hole(&self) -> Hole {
        self.hole.clone()
    }

    /// Tells later what was read.
    pub fn reads(&self) -> Reads {
        self.reads.clone()
    }

    /// Bytes that are there from the position on.
    fn available(&self) -> Option<u64> {
        let ranges = &self.source.ranges;
        let next = ranges.partition_point(|r| r.end <= self.position);
        let range = ranges.get(next).filter(|r| r.start <= self.position)?;
        Some(range.end - self.position)
    }
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.source.bytes {
            return Ok(0);
        }
        let Some(available) = self.available() else {
            self.hole.0.store(self.position, Ordering::Release);
            return Err(io::Error::other("read in a hole of the source"));
        };
        let most = usize::try_from(available)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let (file, at) = (&self.source.file, self.position);
        let read = match &self.source.arrival {
            None => file.read_at(&mut buffer[..most], at)?,
            Some(arrival) => arrival.read_at(file, &mut buffer[..most], at)?,
        };
        self.reads.note(self.position, self.position + read as u64);
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for SourceReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => i128::from(at),
            SeekFrom::End(by) => i128::from(self.source.bytes) + i128::from(by),
            SeekFrom::Current(by) => i128::from(self.position) + i128::from(by),
        };
        self.position = u64::try_from(target)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "seek before byte 0"))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(ranges: &[(u64, u64)]) -> Source {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), (0..=99).collect::<Vec<u8>>()).unwrap();
        let whole = Source::whole(file.path()).unwrap();
        let range = |&(start, end): &(u64, u64)| ByteRange { start, end };
        whole.limited(100, &ranges.iter().map(range).collect::<Vec<_>>())
    }

    #[test]
    fn a_read_stops_where_the_bytes_end_and_a_hole_is_named() {
        let mut reader = source(&[(10, 20), (50, 60)]).reader();
        let mut buffer = [0; 64];
        reader.seek(SeekFrom::Start(15)).unwrap();
        assert_eq!(reader.read(&mut buffer).unwrap(), 5);
        assert!(reader.hole().hit().is_ok());
        assert!(reader.read(&mut buffer).is_err());
        assert!(matches!(
            reader.hole().hit(),
            Err(EngineError::SourceHole(20))
        ));
    }

    #[test]
    fn what_was_read_is_recorded() {
        let mut reader = source(&[(0, 100)]).reader();
        let mut buffer = [0; 10];
        reader.read_exact(&mut buffer).unwrap();
        reader.seek(SeekFrom::End(-10)).unwrap();
        reader.read_exact(&mut buffer).unwrap();
        let ranges = reader.reads().ranges();
        assert_eq!(
            ranges.iter().map(|r| (r.start, r.end)).collect::<Vec<_>>(),
            [(0, 10), (90, 100)]
        );
    }
}
