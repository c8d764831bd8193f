//! TranscodeJobs of the cluster, and the proof of who a job pod is.

use std::sync::Arc;

use async_trait::async_trait;
use streamgate_contract::ContentId;
use streamgate_crds::TranscodeJobSpec;
use streamgate_crds::transcode_job::{Asked, Phase, Progress, TranscodeJobStatus};

use super::Source;
use super::clock::UnixSeconds;

#[cfg(test)]
pub mod memory;

/// A TranscodeJob as it was seen last.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// UID.
    pub uid: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Version that was seen; a write names it, so that it never lands on a later one.
    pub version: String,
    /// What is wanted.
    pub spec: Arc<TranscodeJobSpec>,
    /// Where it is.
    pub phase: Phase,
    /// Attempt, from 0.
    pub attempt: u32,
    /// Somebody deleted it.
    pub deleted: bool,
    /// What it was made with.
    pub marks: Marks,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// What became of it so far.
    pub status: Arc<TranscodeJobStatus>,
}

/// What the gate notes on a job that it makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Wallet of whose it is.
    pub owner: Option<String>,
    /// Content that gets the output.
    pub content: Option<ContentId>,
    /// Names the request that made it.
    pub request: Option<String>,
}

impl Job {
    /// It came to nothing.
    pub fn failed(&self) -> bool {
        self.phase == Phase::Failed
    }

    /// Nothing may be done for it any more.
    pub fn ended(&self) -> bool {
        self.deleted || self.phase.is_terminal()
    }

    /// Wallet of whose it is, if that is known.
    pub fn owner(&self) -> Option<&str> {
        let named = self.spec.content.as_ref().and_then(|c| c.owner.as_deref());
        self.marks.owner.as_deref().or(named)
    }

    /// The content that gets the output, if that is known.
    pub fn content(&self) -> Option<&str> {
        let made = self.status.output.as_ref().map(|o| o.content.as_str());
        let named = self.spec.content.as_ref().map(|c| c.id.as_str());
        let marked = self.marks.content.as_ref().map(ContentId::as_str);
        made.or(named).or(marked)
    }
}

/// What became of a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is new.
    Created,
    /// The same job was there already.
    Existed,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is written.
    Done,
    /// The job has changed or gone since it was seen: look again.
    Stale,
}

/// Why the cluster did not do it.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// Another job has the name.
    #[error("TranscodeJob {namespace}/{name} exists and does something else; delete it")]
    Taken {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
    /// The API server does not take it as it is.
    #[error("the cluster refused the TranscodeJob: {0}")]
    Refused(String),
    /// The TranscodeJobs of a namespace are not known yet.
    #[error(
        "the TranscodeJobs of namespace {0} are not known yet; try again, and check that the data plane's account may list them"
    )]
    Unknown(String),
    /// Anything else.
    #[error("cannot {action}; check the API server and the data plane's rights")]
    Unavailable {
        /// What was tried.
        action: &'static str,
        /// What the cluster said.
        source: Source,
    },
}

/// TranscodeJobs.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// The TranscodeJob with this UID, if `namespace` has it.
    async fn job(&self, namespace: &str, uid: &str) -> Result<Option<Job>, JobsError>;
    /// The TranscodeJob of this name as it is now, whatever was seen of it.
    async fn read(&self, namespace: &str, name: &str) -> Result<Option<Job>, JobsError>;
    /// The TranscodeJob of this name as it was seen last, or as it is now when it was never seen.
    async fn named(&self, namespace: &str, name: &str) -> Result<Option<Job>, JobsError>;
    /// Every TranscodeJob that was seen, in no order.
    async fn all(&self) -> Result<Vec<Arc<Job>>, JobsError>;
    /// Makes a TranscodeJob; harmless when repeated. It is the one that is there now.
    async fn create(
        &self,
        namespace: &str,
        name: &str,
        spec: &TranscodeJobSpec,
        marks: &Marks,
    ) -> Result<(Made, Job), JobsError>;
    /// Whether the cluster would take such a TranscodeJob; makes none.
    async fn check(&self, namespace: &str, spec: &TranscodeJobSpec) -> Result<(), JobsError>;
    /// Writes `status.asked` and nothing else, unless the job has changed since it was seen.
    async fn ask(&self, job: &Job, asked: Asked) -> Result<Written, JobsError>;
    /// Writes `status.progress` and nothing else, unless the job has changed since it was seen.
    async fn write_progress(&self, job: &Job, progress: &Progress) -> Result<Written, JobsError>;
}

/// A pod that proved itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Why a pod's token proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not a token of a pod for this audience, or no longer.
    #[error("the service-account token is not valid here: {0}; send a pod's projected token")]
    Refused(&'static str),
    /// The keys cannot be had now.
    #[error("the cluster's token keys cannot be read; check the API server")]
    Unavailable(#[source] Source),
}

/// Verifies the projected service-account tokens of pods.
#[async_trait]
pub trait PodTokens: Send + Sync {
    /// Which pod the token was issued to.
    async fn verify(&self, token: &str) -> Result<Pod, TokenError>;
}
