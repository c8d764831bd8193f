//! The audit log: who did what, when, with which result. A record that was acknowledged is never
//! lost and cannot be changed unseen.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Source;

/// Largest record as JSON, in bytes.
pub const MAX_RECORD_BYTES: usize = 64 << 10;

/// What kind of event a record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Sign-in, sign-out, sessions.
    Authentication,
    /// Something was read that a rule wants recorded.
    Read,
    /// Something was made or changed.
    Write,
    /// Something was deleted.
    Delete,
    /// The cache was changed by hand.
    Cache,
    /// A request was beyond its limit.
    Limit,
    /// A job was submitted, went on or ended.
    Job,
    /// The log itself: recovery, retention.
    Audit,
}

impl EventKind {
    /// Every kind.
    pub const EVERY: [EventKind; 8] = [
        EventKind::Authentication,
        EventKind::Read,
        EventKind::Write,
        EventKind::Delete,
        EventKind::Cache,
        EventKind::Limit,
        EventKind::Job,
        EventKind::Audit,
    ];

    /// Its name in records and labels.
    pub const fn name(self) -> &'static str {
        match self {
            EventKind::Authentication => "authentication",
            EventKind::Read => "read",
            EventKind::Write => "write",
            EventKind::Delete => "delete",
            EventKind::Cache => "cache",
            EventKind::Limit => "limit",
            EventKind::Job => "job",
            EventKind::Audit => "audit",
        }
    }
}

/// When in the life of a request a record was written, in the words of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Before anything was done; only in mode BlockingStrict.
    RequestReceived,
    /// When the answer was known.
    ResponseStarted,
}

/// Who acted. Wallets and addresses are keyed hashes: the same one has the same hash, and nobody
/// without the key learns whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// Hash of the wallet that is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<String>,
    /// Hash of the address the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Name of the record, unique; whoever gets it twice knows it by that.
    pub id: String,
    /// When, as RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// When in the life of the request.
    pub stage: Stage,
    /// What kind of event.
    pub kind: EventKind,
    /// Who.
    pub actor: Actor,
    /// What was done: a method, or a verb of the log itself.
    pub action: String,
    /// To what: a path, or a template where the path carries a secret.
    pub resource: String,
    /// How it ended.
    pub result: Outcome,
    /// What else is known.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

/// Now, as records say it.
pub fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Why a record is not in the log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The buffer is full: more happens than the disk takes.
    #[error("the audit log has more to write than it can; try again")]
    Overflow,
    /// The record is too large.
    #[error("the audit record has {0} bytes, at most {MAX_RECORD_BYTES} are taken")]
    TooLarge(usize),
    /// It cannot be written.
    #[error("cannot write the audit log; check the volume")]
    Unavailable(#[source] Source),
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Number of the record in the log, from 1.
    pub sequence: u64,
}

/// Keeps records.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes a record; it is on disk when this returns.
    async fn append(&self, record: &Record) -> Result<Receipt, AuditError>;
    /// Hands a record over without waiting for the disk.
    fn enqueue(&self, record: &Record) -> Result<(), AuditError>;
}

/// Which events are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventsOf {
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Before this place; any for `None`.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// A record and its place among those that are remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// Grows from record to record.
    pub place: i64,
    /// The record, without bodies.
    pub record: Record,
}

/// The newest records, as far as they are remembered.
pub trait RecentEvents: Send + Sync {
    /// Some of them, the newest first.
    fn recent(&self, of: EventsOf) -> Vec<Remembered>;
}
