//! TranscodeJobs of the cluster, and the proof of who a job pod is.

use std::sync::Arc;

use async_trait::async_trait;
use streamgate_crds::TranscodeJobSpec;
use streamgate_crds::transcode_job::{Phase, Progress};

use super::Source;

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
}

impl Job {
    /// Nothing may be done for it any more.
    pub fn ended(&self) -> bool {
        self.deleted || self.phase.is_terminal()
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
    /// Makes a TranscodeJob; harmless when repeated.
    async fn create(
        &self,
        namespace: &str,
        name: &str,
        spec: &TranscodeJobSpec,
    ) -> Result<Made, JobsError>;
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
