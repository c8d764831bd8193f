//! The audit log in files of a folder: append-only segments, a chain of hashes, one writer thread
//! that commits in groups, seals that are signed, retention by age and size.

use std::io;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use streamgate_contract::audit::AuditSettings;
use tokio::sync::{mpsc, oneshot};

use crate::ports::audit_log::{AuditError, AuditLog, EventKind, MAX_RECORD_BYTES, Receipt, Record};

mod frame;
mod segment;
pub mod verify;
mod writer;

use segment::Head;
use writer::{Waiting, Writer};

/// Records that may wait for the disk.
const WAITING: usize = 10_000;

/// Settings of the log.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Signs seals.
    pub key: [u8; 32],
    /// Bytes after which a segment is sealed.
    pub segment_bytes: u64,
    /// Time after which a segment is sealed.
    pub rotate_after: Duration,
    /// Age at which a sealed segment goes.
    pub retention: Duration,
    /// Bytes of sealed segments beyond which the oldest go.
    pub max_bytes: u64,
}

impl Settings {
    /// As a gate is configured.
    pub fn of(settings: &AuditSettings, key: [u8; 32]) -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            key,
            segment_bytes: (settings.max_bytes / 16).clamp(64 << 10, 64 << 20),
            rotate_after: DAY,
            retention: DAY * settings.retention_days,
            max_bytes: settings.max_bytes,
        }
    }
}

/// Figures of the log.
#[derive(Clone)]
pub struct Figures {
    kinds: Vec<IntCounter>,
    written: IntCounter,
    failed: IntCounter,
    dropped: IntCounter,
    seconds: Histogram,
    sequence: IntGauge,
    hash: IntGauge,
}

impl Figures {
    /// Makes and registers the families.
    ///
    /// # Errors
    /// When one is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let help = "Records handed to the audit log, by kind of event.";
        let kinds =
            IntCounterVec::new(Opts::new("streamgate_audit_events_total", help), &["kind"])?;
        let help = "Records by what became of them.";
        let records = IntCounterVec::new(
            Opts::new("streamgate_audit_records_total", help),
            &["outcome"],
        )?;
        let help = "Time to append and sync one batch of records.";
        let seconds = HistogramOpts::new("streamgate_audit_commit_seconds", help);
        let seconds =
            Histogram::with_opts(seconds.buckets(vec![0.000_5, 0.002, 0.005, 0.02, 0.1, 1.0]))?;
        let help = "Number of the last record on disk.";
        let sequence = IntGauge::new("streamgate_audit_head_sequence", help)?;
        let help = "First 48 bits of the hash of the last record on disk, as a number.";
        let hash = IntGauge::new("streamgate_audit_head_hash", help)?;
        registry.register(Box::new(kinds.clone()))?;
        registry.register(Box::new(records.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(sequence.clone()))?;
        registry.register(Box::new(hash.clone()))?;
        let kind = |kind: EventKind| kinds.with_label_values(&[kind.name()]);
        Ok(Self {
            kinds: EventKind::EVERY.into_iter().map(kind).collect(),
            written: records.with_label_values(&["written"]),
            failed: records.with_label_values(&["failed"]),
            dropped: records.with_label_values(&["dropped"]),
            seconds,
            sequence,
            hash,
        })
    }

    /// Publishes the head, so that the removal of what came before it is seen.
    fn show(&self, head: &Head) {
        let prefix = head.hash[..6]
            .iter()
            .fold(0_i64, |n, byte| n << 8 | i64::from(*byte));
        self.sequence
            .set(i64::try_from(head.sequence).unwrap_or(i64::MAX));
        self.hash.set(prefix);
    }
}

/// The log.
pub struct AuditFiles {
    waiting: mpsc::Sender<Waiting>,
    figures: Figures,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl AuditFiles {
    /// Opens the log of a folder and starts its writer.
    ///
    /// # Errors
    /// When the folder cannot be read and written.
    pub fn open(folder: &Path, settings: Settings, figures: Figures) -> io::Result<Self> {
        let writer = Writer::open(folder, settings, figures.clone())?;
        let (waiting, received) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let writer = Some(thread.spawn(move || writer.run(received))?);
        Ok(Self {
            waiting,
            figures,
            writer,
        })
    }

    fn hand_over(
        &self,
        record: &Record,
        ack: Option<oneshot::Sender<Result<Receipt, AuditError>>>,
    ) -> Result<(), AuditError> {
        let payload = serde_json::to_vec(record);
        let payload = payload.map_err(|error| AuditError::Unavailable(error.into()))?;
        if payload.len() > MAX_RECORD_BYTES {
            return Err(AuditError::TooLarge(payload.len()));
        }
        let sent = self.waiting.try_send(Waiting { payload, ack });
        if let Err(error) = sent {
            self.figures.dropped.inc();
            return Err(match error {
                mpsc::error::TrySendError::Full(_) => AuditError::Overflow,
                mpsc::error::TrySendError::Closed(_) => ended(),
            });
        }
        self.figures.kinds[record.kind as usize].inc();
        Ok(())
    }
}

fn ended() -> AuditError {
    AuditError::Unavailable("the writer has ended".into())
}

/// Waits until everything is written and sealed.
impl Drop for AuditFiles {
    fn drop(&mut self) {
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.waiting, closed));
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl AuditLog for AuditFiles {
    async fn append(&self, record: &Record) -> Result<Receipt, AuditError> {
        let (ack, acknowledged) = oneshot::channel();
        self.hand_over(record, Some(ack))?;
        acknowledged.await.map_err(|_| ended())?
    }

    fn enqueue(&self, record: &Record) -> Result<(), AuditError> {
        self.hand_over(record, None)
    }
}

#[cfg(test)]
mod tests;
