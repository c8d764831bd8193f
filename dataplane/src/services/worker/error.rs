//! Why the worker does not do what a job pod asks.

use streamgate_contract::UploadId;
use streamgate_contract::reasons::job as reasons;

use crate::ports::catalog::CatalogError;
use crate::ports::jobs::{JobsError, TokenError};
use crate::ports::objects::ObjectsError;

/// What a job pod is refused with.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The caller did not prove to be a pod.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The pod's name is not that of a job pod.
    #[error("pod {0} is no pod of a TranscodeJob; only those are served here")]
    NotAJobPod(String),
    /// The namespace may not use this StreamGate.
    #[error(
        "namespace {0} may not use this StreamGate; add it to the StreamGate's spec.allowedNamespaces"
    )]
    NamespaceNotAllowed(String),
    /// The TranscodeJob names another StreamGate.
    #[error("TranscodeJob {0} belongs to another StreamGate; ask that one")]
    ForeignGate(String),
    /// The job ended, was deleted, never was in the pod's namespace, or runs a later attempt.
    #[error("the TranscodeJob of this pod is not at work in its namespace; this pod can end")]
    JobGone,
    /// The job must fail, for a reason of the contract.
    #[error("{detail}")]
    Refused {
        /// A word of the contract's job reasons.
        reason: &'static str,
        /// What was wrong and what to do.
        detail: String,
    },
    /// No plan is stored yet.
    #[error("the job has no plan yet; wait until its Plan step has ended")]
    NotPlanned,
    /// The step or index of the pod does not do what was asked.
    #[error("this pod's step and index do not make {0}; ask for what the assignment says")]
    NotAssigned(String),
    /// Hash or size of an object are out of bounds.
    #[error("{0} cannot have this hash and size; deliver what the plan says")]
    Misfit(String),
    /// A commit of something that is not in the store as announced.
    #[error(
        "{0} is not in the store with this key and size; ask for a ticket and deliver it again"
    )]
    NotDelivered(String),
    /// Publish came before the last commit.
    #[error("the output is not committed whole; try again when every span is done")]
    Incomplete,
    /// A signed URL was changed, expired, or never ours.
    #[error("the signed URL is not valid or has expired; ask for a new one")]
    Url,
    /// A body that is not what its signed URL allows.
    #[error("the body has not the announced length and hash; send exactly those bytes")]
    Body,
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The cluster.
    #[error(transparent)]
    Jobs(#[from] JobsError),
}

impl WorkerError {
    pub(super) fn no_source(detail: impl Into<String>) -> Self {
        Self::Refused {
            reason: reasons::SOURCE_NOT_FOUND,
            detail: detail.into(),
        }
    }

    pub(super) fn abandoned(upload: &UploadId) -> Self {
        Self::Refused {
            reason: reasons::SOURCE_ABANDONED,
            detail: format!(
                "upload {upload} was ended, refused or expired before its last byte; upload the file again"
            ),
        }
    }

    pub(super) fn settings(detail: impl Into<String>) -> Self {
        Self::Refused {
            reason: reasons::SETTINGS_REFUSED,
            detail: detail.into(),
        }
    }

    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self::Refused {
            reason: reasons::INTERNAL,
            detail: detail.into(),
        }
    }
}
