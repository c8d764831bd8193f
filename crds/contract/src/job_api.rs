//! The internal interface between courier and worker. The caller proves itself with a projected
//! service-account token (audience: the StreamGate's UID); its pod name says which job, attempt,
//! step and index it is, so no request names them again.
//!
//! | route | body → answer |
//! | --- | --- |
//! | `GET  /internal/v1/assignment` | → [`Assignment`]; with `?beyond=BYTES`, of a source that is arriving: waits up to [`ARRIVAL_SECONDS`] until it has more bytes than these, or is whole |
//! | `POST /internal/v1/plan` | [`crate::plan::Plan`] → [`Assignment`] of the planned output (init segments are uploaded as [`Object::Init`] afterwards) |
//! | `POST /internal/v1/tickets` | [`TicketRequest`] → [`Ticket`] |
//! | `POST /internal/v1/commits` | [`CommitRequest`] → [`CommitResult`] |
//! | `POST /internal/v1/progress` | [`ProgressReport`] → 204 |
//! | `POST /internal/v1/usage` | [`crate::job_files::Usage`] of this pod so far → 204 |
//! | `POST /internal/v1/quality` | list of [`crate::quality::TrackQuality`] of this pod → 204 |
//! | `POST /internal/v1/publish` | → [`crate::job_files::Published`] |
//!
//! Refusals are problem+json; `reason` in it is a word of [`crate::reasons::job`] where the job
//! must fail for it (status 422), anything else is tried again.

use serde::{Deserialize, Serialize};

use crate::encryption::Protection;
use crate::ids::TrackId;
use crate::job_files::{Order, SegmentName};
use crate::stills::Still;

/// Path of the assignment.
pub const ASSIGNMENT_PATH: &str = "/internal/v1/assignment";
/// Longest wait of a question for more of an arriving source, in seconds.
pub const ARRIVAL_SECONDS: u64 = 5;
/// Path for a finished plan.
pub const PLAN_PATH: &str = "/internal/v1/plan";
/// Header of a plan's request: SHA-256 of the whole source in hex, as the courier fetched it.
pub const SOURCE_SHA256: &str = "streamgate-source-sha256";
/// Path for upload tickets.
pub const TICKETS_PATH: &str = "/internal/v1/tickets";
/// Path for commits.
pub const COMMITS_PATH: &str = "/internal/v1/commits";
/// Path for progress.
pub const PROGRESS_PATH: &str = "/internal/v1/progress";
/// Path for what a pod took.
pub const USAGE_PATH: &str = "/internal/v1/usage";
/// Path for how near a pod's pictures come to the source.
pub const QUALITY_PATH: &str = "/internal/v1/quality";
/// Path that closes an output.
pub const PUBLISH_PATH: &str = "/internal/v1/publish";
/// Path prefix of the internal object endpoint (volume storage): `…/{key}?expires=…&signature=…`.
pub const OBJECTS_PATH: &str = "/internal/v1/objects";

/// What a job pod is to do and where its source is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// What the transcoder is told.
    pub order: Order,
    /// Where the bytes of the source are.
    pub source: SourceAccess,
    /// Paths of the subtitle files of Plan's order, in their order, below the mount of the claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtitles: Vec<String>,
    /// What the output is encrypted with. Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
}

/// Access to the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum SourceAccess {
    /// Objects in a row make the source.
    Parts {
        /// In order; the first starts at byte 0. Those that have arrived, while the order says that the
        /// source is arriving.
        parts: Vec<SourcePart>,
    },
    /// A file of a claim that is mounted in the courier container.
    Mounted {
        /// Path below the mount.
        path: String,
    },
}

/// One object of the source.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePart {
    /// Short-lived URL for GET with a range; absolute, or a path on the worker. Secret.
    pub url: String,
    /// Bytes.
    pub bytes: u64,
}

impl std::fmt::Debug for SourcePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourcePart")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// An object a job pod may deliver.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Object {
    /// Init segment of a track.
    Init {
        /// Track.
        track: TrackId,
    },
    /// Media segment.
    Segment {
        /// Track.
        track: TrackId,
        /// Number from 0.
        number: u32,
    },
    /// A text track, whole.
    Text {
        /// Track.
        track: TrackId,
    },
    /// Still image.
    Still {
        /// Which.
        still: Still,
    },
}

/// Asks where to put an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRequest {
    /// Which object.
    pub object: Object,
    /// SHA-256 in hex.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
}

/// Where to put an object: one PUT of exactly the announced bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Key of the object, to be named in the commit.
    pub key: String,
    /// Short-lived URL; absolute, or a path on the worker. Secret.
    pub url: String,
    /// Headers the PUT must carry.
    pub headers: Vec<(String, String)>,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Announces a delivered object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitRequest {
    /// Which object.
    pub object: Object,
    /// Its key.
    pub key: String,
    /// SHA-256 in hex.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
    /// Bytes up to the end of its first fragment, if it has fragments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_bytes: Option<u64>,
}

/// Answer to a commit; the first writer wins, and that is a success for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitResult {
    /// This request made the commit; false when somebody was first.
    pub first: bool,
}

/// Progress of one index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressReport {
    /// Frames encoded by this process.
    pub frames: u64,
    /// Frames of this span.
    pub of: u64,
    /// Frames per second lately.
    pub fps: f64,
}

/// What is committed, as the courier keeps it.
pub type Committed = std::collections::BTreeSet<SegmentName>;
