//! Why the courier cannot go on, and what it then tells the transcoder, whose exit code carries
//! the truth to Kubernetes.

use std::io;

use streamgate_contract::exit;
use streamgate_contract::job_files::{Failure, GiveUp};
use streamgate_contract::reasons::job;

/// Most characters taken over from somebody else's explanation.
const MAX_DETAIL: usize = 500;

/// Reasons a worker may refuse a job for; anything else it says is tried again.
const REFUSALS: &[&str] = &[
    job::NOT_A_VIDEO,
    job::TRUNCATED,
    job::NO_MEDIA_STREAM,
    job::EMPTY,
    job::UNSUPPORTED_CODEC,
    job::LIMIT_EXCEEDED,
    job::SOURCE_NOT_FOUND,
    job::SOURCE_ABANDONED,
    job::SUBTITLES_REFUSED,
    job::SOURCE_HOLE,
    job::INIT_MISMATCH,
    job::SETTINGS_REFUSED,
    job::SANDBOX_UNAVAILABLE,
    job::OUT_OF_REACH,
    job::VOLUME_FULL,
    job::OUT_OF_MEMORY,
    job::FILE_REFUSED,
    job::INTERNAL,
];

/// The end of a courier's work before it is done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halt {
    #[error(
        "gate or store out of reach for {seconds} s, last: {last}; the step is tried again when they answer"
    )]
    OutOfReach { seconds: u64, last: String },
    #[error("{detail}")]
    Refused { reason: String, detail: String },
    #[error("{name} of the shared folder is refused: {why}; the step is tried again")]
    FileRefused { name: String, why: &'static str },
    #[error("the source {0} does not exist; name a file or upload that does")]
    SourceNotFound(String),
    #[error(
        "the source has {has} bytes where byte {wanted} is needed; upload it whole and do not change it while it is encoded"
    )]
    SourceTruncated { has: u64, wanted: u64 },
    #[error("the courier ended while the source was arriving; the step is tried again")]
    Interrupted,
    #[error("the store has no room left; make room, the step is tried again")]
    StoreFull,
    #[error("cannot {doing}: {source}; check size and rights of the job pod's volume")]
    Local {
        doing: &'static str,
        source: io::Error,
    },
    #[error(
        "the engine says it is done, but {missing} segments are missing; the step is tried again"
    )]
    Unfinished { missing: u64 },
    #[error(
        "the output is planned already and this plan is another one; run the job on the engine of its first plan"
    )]
    PlanDiffers,
    #[error("the plan is refused: {0}; the step is tried again")]
    BadPlan(String),
}

impl Halt {
    /// A refusal by the worker; `None` when the reason is not one to end a job for.
    pub(super) fn refusal(reason: &str, detail: &str) -> Option<Self> {
        REFUSALS.contains(&reason).then(|| Self::Refused {
            reason: reason.to_owned(),
            detail: detail.chars().take(MAX_DETAIL).collect(),
        })
    }

    fn reason(&self) -> &str {
        match self {
            Self::OutOfReach { .. } => job::OUT_OF_REACH,
            Self::Refused { reason, .. } => reason,
            Self::FileRefused { .. } => job::FILE_REFUSED,
            Self::SourceNotFound(_) => job::SOURCE_NOT_FOUND,
            Self::SourceTruncated { .. } => job::TRUNCATED,
            Self::StoreFull => job::VOLUME_FULL,
            Self::Local { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                job::VOLUME_FULL
            }
            Self::PlanDiffers => job::INIT_MISMATCH,
            Self::Local { .. } | Self::Interrupted | Self::Unfinished { .. } | Self::BadPlan(_) => {
                job::INTERNAL
            }
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::OutOfReach { .. } => exit::OUT_OF_REACH,
            Self::Refused { reason, .. } if reason == job::SETTINGS_REFUSED => {
                exit::SETTINGS_REFUSED
            }
            Self::Refused { .. } | Self::SourceNotFound(_) | Self::SourceTruncated { .. } => {
                exit::SOURCE_REFUSED
            }
            _ => exit::INTERNAL,
        }
    }

    pub(super) fn failure(&self) -> Failure {
        Failure {
            reason: self.reason().to_owned(),
            detail: self.to_string(),
            chunk: None,
        }
    }

    pub(super) fn give_up(&self) -> GiveUp {
        GiveUp {
            exit_code: self.exit_code(),
            failed: self.failure(),
        }
    }
}

/// Adds to an I/O error what was being done.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Halt>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str) -> Result<T, Halt> {
        self.map_err(|e| Halt::Local {
            doing,
            source: e.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_contract_end_a_job() {
        assert!(Halt::refusal("TooManyRequests", "later").is_none());
        let halt = Halt::refusal(job::SOURCE_NOT_FOUND, &"x".repeat(9_000)).unwrap();
        let given = halt.give_up();
        assert_eq!((given.exit_code, given.failed.detail.len()), (64, 500));
    }

    #[test]
    fn a_full_volume_is_named() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let halt = Err::<(), _>(full).doing("write the source").unwrap_err();
        assert_eq!(halt.failure().reason, job::VOLUME_FULL);
        assert_eq!(halt.exit_code(), exit::INTERNAL);
    }
}
