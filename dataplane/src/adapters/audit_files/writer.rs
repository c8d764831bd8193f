//! The one writer of the log: a thread that takes what waits, appends it in one write, syncs once
//! and then acknowledges. While the disk works, the next batch gathers by itself.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::frame::{Frame, Kind, chain, seal};
use super::segment::{self, Head};
use super::{Figures, Settings};
use crate::ports::audit_log::{Actor, AuditError, EventKind, Outcome, Receipt, Record, Stage, now};

/// Bytes of one write.
const BATCH: usize = 256 << 10;

/// A record that waits.
pub struct Waiting {
    /// The record as JSON.
    pub payload: Vec<u8>,
    /// Who wants to know.
    pub ack: Option<oneshot::Sender<Result<Receipt, AuditError>>>,
}

/// The segment that is written.
struct Active {
    file: File,
    path: PathBuf,
    first: u64,
    bytes: u64,
    begun: SystemTime,
}

/// The writer.
pub struct Writer {
    folder: PathBuf,
    settings: Settings,
    figures: Figures,
    head: Head,
    active: Option<Active>,
    buffer: Vec<u8>,
}

impl Writer {
    /// Takes up the log of a folder; what a crash tore off is set aside, never removed.
    ///
    /// # Errors
    /// When the folder cannot be read and written.
    pub fn open(folder: &Path, settings: Settings, figures: Figures) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut writer = Self {
            folder: folder.to_owned(),
            settings,
            figures,
            head: Head::default(),
            active: None,
            buffer: Vec::with_capacity(BATCH),
        };
        writer.take_up()?;
        Ok(writer)
    }

    /// Reads the last segment and goes on behind its last sound record.
    fn take_up(&mut self) -> io::Result<()> {
        let Some(last) = segment::list(&self.folder)?.pop() else {
            return self.begin_segment();
        };
        let bytes = std::fs::read(&last.path)?;
        let scan = segment::scan(&bytes, |_, _| {});
        if scan.sound == 0 {
            // Not even its beginning is there: the segment before it is the last.
            set_aside(&last.path, 0, &bytes)?;
            std::fs::remove_file(&last.path)?;
            return self.take_up();
        }
        self.head = scan.head;
        let torn = bytes.len() - scan.sound;
        let file = OpenOptions::new().append(true).open(&last.path)?;
        if torn > 0 {
            set_aside(&last.path, scan.sound, &bytes[scan.sound..])?;
            file.set_len(scan.sound as u64)?;
            file.sync_all()?;
        }
        self.active = Some(Active {
            begun: file
                .metadata()?
                .modified()
                .unwrap_or(SystemTime::UNIX_EPOCH),
            file,
            path: last.path,
            first: last.first,
            bytes: scan.sound as u64,
        });
        if scan.seal.is_some() {
            self.begin_segment()?;
        }
        if torn > 0 {
            self.note("recovered", json!({"bytesSetAside": torn}))?;
        }
        self.figures.show(&self.head);
        Ok(())
    }

    /// Works until nobody can send any more.
    pub fn run(mut self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut batch = Vec::new();
        while let Some(first) = waiting.blocking_recv() {
            let mut bytes = first.payload.len();
            batch.push(first);
            while bytes < BATCH
                && let Ok(next) = waiting.try_recv()
            {
                bytes += next.payload.len();
                batch.push(next);
            }
            let begin = std::time::Instant::now();
            let written = self.write(&batch);
            self.figures.seconds.observe(begin.elapsed().as_secs_f64());
            self.acknowledge(&mut batch, written);
            self.housekeeping();
        }
        // Ends sealed, when it ends in order and there is something to seal.
        let empty = |active: &Active| active.first > self.head.sequence;
        if self.active.as_ref().is_none_or(empty) {
            return;
        }
        if let Err(error) = self.seal() {
            tracing::warn!(%error, "the audit log cannot be sealed");
        }
    }

    /// Appends a batch and syncs it; the number before its first record.
    fn write(&mut self, batch: &[Waiting]) -> io::Result<u64> {
        if self.active.is_none() {
            // The write before this one failed: look again at what is there.
            self.take_up()?;
        }
        let before = self.head;
        self.buffer.clear();
        for waiting in batch {
            self.head = append(&mut self.buffer, &self.head, &waiting.payload);
        }
        if let Err(error) = self.flush() {
            self.head = before;
            self.active = None;
            return Err(error);
        }
        self.figures.show(&self.head);
        Ok(before.sequence)
    }

    fn flush(&mut self) -> io::Result<()> {
        let active = self.active.as_mut().ok_or(io::ErrorKind::NotFound)?;
        active.file.write_all(&self.buffer)?;
        active.file.sync_data()?;
        active.bytes += self.buffer.len() as u64;
        Ok(())
    }

    fn acknowledge(&self, batch: &mut Vec<Waiting>, written: io::Result<u64>) {
        let count = batch.len() as u64;
        match &written {
            Ok(_) => self.figures.written.inc_by(count),
            Err(error) => {
                tracing::error!(%error, "cannot write the audit log");
                self.figures.failed.inc_by(count);
            }
        }
        for (sequence, waiting) in (1..).zip(batch.drain(..)) {
            let Some(ack) = waiting.ack else { continue };
            let receipt = match &written {
                Ok(before) => Ok(Receipt {
                    sequence: before + sequence,
                }),
                Err(error) => {
                    let copy = io::Error::new(error.kind(), error.to_string());
                    Err(AuditError::Unavailable(copy.into()))
                }
            };
            // Whoever asked may have gone away.
            let _ = ack.send(receipt);
        }
    }

    /// Begins a new segment when this one is large or old, and removes what is past its time.
    fn housekeeping(&mut self) {
        let old = |active: &Active| {
            active.begun.elapsed().unwrap_or_default() > self.settings.rotate_after
        };
        let full = |active: &Active| active.bytes >= self.settings.segment_bytes;
        if !self
            .active
            .as_ref()
            .is_some_and(|active| full(active) || old(active))
        {
            return;
        }
        let turned = self
            .seal()
            .and_then(|()| self.begin_segment())
            .and_then(|()| self.retire());
        if let Err(error) = turned {
            tracing::error!(%error, "cannot begin a new segment of the audit log");
            self.active = None;
        }
    }

    /// Signs the head at the end of the segment.
    fn seal(&mut self) -> io::Result<()> {
        let signature = seal(&self.settings.key, self.head.sequence, &self.head.hash);
        let frame = Frame {
            kind: Kind::Seal,
            sequence: self.head.sequence,
            hash: self.head.hash,
            payload: &signature,
        };
        self.buffer.clear();
        frame.write(&mut self.buffer);
        self.flush()
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let first = self.head.sequence + 1;
        let path = segment::path(&self.folder, first);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)?;
        let begun = SystemTime::now();
        self.active = Some(Active {
            file,
            path,
            first,
            bytes: 0,
            begun,
        });
        let frame = Frame {
            kind: Kind::Begin,
            sequence: first,
            hash: self.head.hash,
            payload: &[],
        };
        self.buffer.clear();
        frame.write(&mut self.buffer);
        self.flush()?;
        // The name itself must survive, too.
        File::open(&self.folder)?.sync_all()
    }

    /// Removes the oldest sealed segments beyond age and size, and says so in the log.
    fn retire(&mut self) -> io::Result<()> {
        let active = self.active.as_ref().map(|active| active.path.clone());
        let mut sealed = segment::list(&self.folder)?;
        sealed.retain(|file| Some(&file.path) != active.as_ref());
        let (mut through, mut total) = (None, 0);
        let mut keep_from = sealed.len();
        for (n, file) in sealed.iter().enumerate().rev() {
            let metadata = std::fs::metadata(&file.path)?;
            total += metadata.len();
            let age = metadata.modified()?.elapsed().unwrap_or_default();
            if total > self.settings.max_bytes || age > self.settings.retention {
                break;
            }
            keep_from = n;
        }
        for (n, _) in sealed[..keep_from].iter().enumerate() {
            let next = sealed.get(n + 1).map(|file| file.first);
            let next = next.or_else(|| self.active.as_ref().map(|active| active.first));
            through = next.map(|first| first - 1);
        }
        let Some(through) = through else {
            return Ok(());
        };
        // First the record, so that a crash in between leaves too much, not too little.
        self.note("retention", json!({"through": through}))?;
        sealed[..keep_from]
            .iter()
            .try_for_each(|file| std::fs::remove_file(&file.path))
    }

    /// A record of the log about itself.
    fn note(&mut self, action: &str, details: serde_json::Value) -> io::Result<()> {
        let record = Record {
            id: hex::encode(rand::random::<[u8; 16]>()),
            time: now(),
            stage: Stage::ResponseStarted,
            kind: EventKind::Audit,
            actor: Actor::default(),
            action: action.to_owned(),
            resource: "audit".to_owned(),
            result: Outcome::default(),
            details: details.as_object().cloned().unwrap_or_default(),
        };
        let payload = serde_json::to_vec(&record).map_err(io::Error::other)?;
        self.buffer.clear();
        let head = append(&mut self.buffer, &self.head, &payload);
        self.flush()?;
        self.head = head;
        Ok(())
    }
}

fn append(buffer: &mut Vec<u8>, head: &Head, payload: &[u8]) -> Head {
    let sequence = head.sequence + 1;
    let hash = chain(&head.hash, sequence, payload);
    let kind = Kind::Record;
    Frame {
        kind,
        sequence,
        hash,
        payload,
    }
    .write(buffer);
    Head { sequence, hash }
}

/// Keeps bytes that are no sound frames: a torn tail, or evidence.
fn set_aside(segment: &Path, offset: usize, bytes: &[u8]) -> io::Result<()> {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let stamp = seconds.map_or(0, |d: Duration| d.as_millis());
    let mut file = File::create(segment.with_extension(format!("{offset}.{stamp}.torn")))?;
    file.write_all(bytes)?;
    file.sync_all()
}
