//! The catalog: what exists and in which state. Committing a segment is inserting its row, first
//! writer wins; nothing is playable that is not in here.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use streamgate_contract::encryption::ContentKey;
use streamgate_contract::job_files::Usage;
use streamgate_contract::plan::Plan;
use streamgate_contract::quality::TrackQuality;
use streamgate_contract::{ContentId, OutputId, TrackId};

use super::Source;
use super::clock::UnixSeconds;

pub mod alarms;
pub mod changes;
pub mod library;
mod machine_keys;
pub mod plays;
pub mod reads;
pub mod retired;
pub mod schedules;
#[cfg(test)]
pub mod suite;
mod twins;
pub mod uploads;

use alarms::Alarms;
use changes::Changes;
use library::Library;
pub use machine_keys::{MachineKey, MachineKeys};
use plays::Plays;
use retired::Retirement;
use schedules::Schedules;
pub use twins::Twins;
pub use uploads::{OutboxEntry, Upload, UploadKind, UploadPart, Uploads};

/// Why the catalog did not do it.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No such thing.
    #[error("{kind} {id} does not exist")]
    NotFound {
        /// `content`, `output`, `upload`, …
        kind: &'static str,
        /// Which one.
        id: String,
    },
    /// It is not in the state the request supposes.
    #[error("{kind} {id} {detail}")]
    Conflict {
        /// `content`, `output`, `upload`, …
        kind: &'static str,
        /// Which one.
        id: String,
        /// What is in the way and what to do.
        detail: &'static str,
    },
    /// The database failed or holds what this version cannot read.
    #[error("cannot {action} in the catalog; check the database")]
    Unavailable {
        /// What was tried.
        action: &'static str,
        /// What the database said.
        source: Source,
    },
}

/// State of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContentState {
    /// No output is finished yet.
    Processing,
    /// Playable by those its rule admits.
    Published,
    /// Taken down: playable by nobody.
    Withdrawn,
}

/// A piece of video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Identifier.
    pub id: ContentId,
    /// Title for people.
    pub title: String,
    /// Wallet of its owner, lower case.
    pub owner: String,
    /// Gate rule by name; without one it is its owner's alone.
    pub rule: Option<String>,
    /// State.
    pub state: ContentState,
    /// The finished output that plays.
    pub current_output: Option<OutputId>,
}

/// One encode of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Identifier.
    pub id: OutputId,
    /// Content it belongs to.
    pub content: ContentId,
    /// UID of the TranscodeJob and attempt that make it: a job has one output.
    pub job: String,
    /// How it is cut.
    pub plan: Plan,
    /// Everything is committed and Publish closed it.
    pub complete: bool,
}

/// A committed object of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Track.
    pub track: TrackId,
    /// Number from 0; `None` for the init segment.
    pub number: Option<u32>,
    /// Key of the object.
    pub key: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
    /// Bytes up to the end of its first fragment, which holds a video segment's first I-frame alone.
    pub head_bytes: Option<u64>,
}

/// Contents as other roles need them.
#[async_trait]
pub trait Contents: Send + Sync {
    /// Adds a content; a conflict when the id is taken.
    async fn create_content(&self, content: &Content) -> Result<(), CatalogError>;
    /// Adds a content that a TranscodeJob of `namespace` makes; false when the id is taken.
    async fn create_content_of(
        &self,
        content: &Content,
        namespace: &str,
    ) -> Result<bool, CatalogError>;
    /// The namespace whose TranscodeJob made a content; `None` for one that was uploaded.
    async fn namespace_of(&self, id: &ContentId) -> Result<Option<String>, CatalogError>;
    /// One content.
    async fn content(&self, id: &ContentId) -> Result<Content, CatalogError>;
}

/// Outputs, their plans and segments.
#[async_trait]
pub trait Outputs: Send + Sync {
    /// Stores a planned output; when the job has one already, that one is returned unchanged.
    async fn plan_output(&self, output: &Output) -> Result<Output, CatalogError>;
    /// One output.
    async fn output(&self, id: &OutputId) -> Result<Output, CatalogError>;
    /// The output of a job, if its plan is stored.
    async fn output_of_job(&self, job: &str) -> Result<Option<Output>, CatalogError>;
    /// What plays: the content's current output, else its newest one in work.
    async fn playable_output(&self, content: &ContentId) -> Result<Option<OutputId>, CatalogError>;
    /// Commits an object; false when (track, number) was committed before.
    async fn commit(&self, output: &OutputId, segment: &Segment) -> Result<bool, CatalogError>;
    /// Everything committed, by track and number, init segments first.
    async fn segments(&self, output: &OutputId) -> Result<Vec<Segment>, CatalogError>;
    /// One committed object.
    async fn segment(
        &self,
        output: &OutputId,
        track: &TrackId,
        number: Option<u32>,
    ) -> Result<Option<Segment>, CatalogError>;
    /// Keeps a key for the output of a job, which need not be planned yet; the first key stays and is
    /// returned.
    async fn keep_key(&self, job: &str, key: &ContentKey) -> Result<ContentKey, CatalogError>;
    /// The key of an output, if it is encrypted.
    async fn key_of(&self, output: &OutputId) -> Result<Option<ContentKey>, CatalogError>;
    /// Notes what a pod of the output's job took so far; a pod that says less later changes nothing.
    async fn note_usage(
        &self,
        output: &OutputId,
        pod: &str,
        usage: &Usage,
    ) -> Result<(), CatalogError>;
    /// What all pods together took for an output.
    async fn usage(&self, output: &OutputId) -> Result<Usage, CatalogError>;
    /// Notes what a pod compared of a rung; of the same pod what says more counts.
    async fn note_quality(
        &self,
        output: &OutputId,
        pod: &str,
        quality: &TrackQuality,
    ) -> Result<(), CatalogError>;
    /// What all pods together compared of an output, by track.
    async fn quality(&self, output: &OutputId) -> Result<Vec<TrackQuality>, CatalogError>;
    /// Closes an output of which everything is committed and makes it the content's current one.
    async fn publish(&self, output: &OutputId) -> Result<(), CatalogError>;
}

/// Challenges, ended sessions and the revocation epoch.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Remembers a nonce until `expires`, and forgets those that expired before `now`.
    async fn put_nonce(
        &self,
        nonce: &str,
        now: UnixSeconds,
        expires: UnixSeconds,
    ) -> Result<(), CatalogError>;
    /// Takes a nonce; true exactly once, and only before it expires.
    async fn take_nonce(&self, nonce: &str, now: UnixSeconds) -> Result<bool, CatalogError>;
    /// Ends a session and begins a new epoch.
    async fn revoke_session(&self, session: &str) -> Result<(), CatalogError>;
    /// Was the session ended?
    async fn session_revoked(&self, session: &str) -> Result<bool, CatalogError>;
    /// Begins a new epoch.
    async fn begin_epoch(&self) -> Result<(), CatalogError>;
    /// Number of the epoch: grows whenever somebody's admission may have ended early.
    async fn epoch(&self) -> Result<u64, CatalogError>;
}

/// The whole catalog.
pub trait Catalog:
    Contents
    + Library
    + Changes
    + Plays
    + Outputs
    + Twins
    + Retirement
    + Uploads
    + Schedules
    + Sessions
    + MachineKeys
    + Alarms
{
}

impl<T> Catalog for T where
    T: Contents
        + Library
        + Changes
        + Plays
        + Outputs
        + Twins
        + Retirement
        + Uploads
        + Schedules
        + Sessions
        + MachineKeys
        + Alarms
{
}
