//! What may be asked of a job, as it is. Values in, values out. What is asked names the attempt, so a
//! repeated request asks the same, and one that comes late asks for nothing.

use streamgate_crds::conditions::reason;
use streamgate_crds::transcode_job::{Ask, Asked, Phase};

use super::DeskError;
use crate::ports::jobs::Job;

/// What is to be done for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing: it is asked already, or done.
    Stands,
    /// Write this.
    Write(Asked),
}

/// Decides.
pub(super) fn decide(job: &Job, action: Ask) -> Result<Turn, DeskError> {
    if job.deleted {
        return Err(match action {
            Ask::Cancel => DeskError::Ended,
            Ask::Retry => DeskError::NotFailed,
        });
    }
    match action {
        Ask::Cancel => cancel(job),
        Ask::Retry => retry(job),
    }
}

fn asked(action: Ask, job: &Job) -> Asked {
    let attempt = i32::try_from(job.attempt).unwrap_or(i32::MAX);
    Asked { action, attempt }
}

fn cancel(job: &Job) -> Result<Turn, DeskError> {
    let cancelled = job.status.reason.as_deref() == Some(reason::CANCELLED);
    match job.phase {
        Phase::Failed if cancelled => Ok(Turn::Stands),
        Phase::Failed | Phase::Succeeded => Err(DeskError::Ended),
        Phase::Publishing => Err(DeskError::Publishing),
        _ => Ok(unless_asked(job, Ask::Cancel)),
    }
}

fn retry(job: &Job) -> Result<Turn, DeskError> {
    match job.phase {
        Phase::Failed => Ok(unless_asked(job, Ask::Retry)),
        // The attempt that was asked for has begun.
        phase if !phase.is_terminal() && answers(job) => Ok(Turn::Stands),
        _ => Err(DeskError::NotFailed),
    }
}

fn unless_asked(job: &Job, action: Ask) -> Turn {
    let wanted = asked(action, job);
    match job.status.asked == Some(wanted) {
        true => Turn::Stands,
        false => Turn::Write(wanted),
    }
}

fn answers(job: &Job) -> bool {
    let asked = job.status.asked;
    asked.is_some_and(|asked| {
        asked.action == Ask::Retry && i64::from(asked.attempt) + 1 == i64::from(job.attempt)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::worker::testing;
    use std::sync::Arc;

    fn job(phase: Phase, attempt: u32, reason: &str, asked: Option<Asked>) -> Job {
        let mut job = testing::job();
        (job.phase, job.attempt) = (phase, attempt);
        let status = Arc::make_mut(&mut job.status);
        (status.reason, status.asked) = (Some(reason.into()), asked);
        job
    }

    /// In one word, to be compared.
    fn word(job: &Job, action: Ask) -> String {
        match decide(job, action) {
            Ok(Turn::Stands) => "stands".into(),
            Ok(Turn::Write(asked)) => format!("write {}", asked.attempt),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn whatever_has_not_ended_is_cancelled_once() {
        use Phase::*;
        let cancel = |attempt| {
            let action = Ask::Cancel;
            Some(Asked { action, attempt })
        };
        for (phase, attempt, reason, asked, expected) in [
            (Pending, 0, "Progressing", None, "write 0"),
            (Encoding, 2, "Encoding", cancel(1), "write 2"),
            (Encoding, 2, "Encoding", cancel(2), "stands"),
            (Suspended, 0, "Suspended", None, "write 0"),
            (Publishing, 0, "Publishing", None, "Publishing"),
            (Failed, 0, "Cancelled", cancel(0), "stands"),
            (Failed, 0, "NotAVideo", None, "Ended"),
            (Succeeded, 0, "Published", None, "Ended"),
        ] {
            let job = job(phase, attempt, reason, asked);
            assert_eq!(word(&job, Ask::Cancel), expected, "{phase:?} {asked:?}");
        }
    }

    #[test]
    fn a_failed_attempt_is_retried_once() {
        use Phase::*;
        let retry = |attempt| {
            let action = Ask::Retry;
            Some(Asked { action, attempt })
        };
        for (phase, attempt, asked, expected) in [
            (Failed, 0, None, "write 0"),
            (Failed, 0, retry(0), "stands"),
            (Failed, 1, retry(0), "write 1"),
            (Pending, 1, retry(0), "stands"),
            (Encoding, 0, None, "NotFailed"),
            (Encoding, 2, retry(0), "NotFailed"),
            (Succeeded, 1, retry(0), "NotFailed"),
        ] {
            let job = job(phase, attempt, "x", asked);
            assert_eq!(word(&job, Ask::Retry), expected, "{phase:?} {asked:?}");
        }
        let deleted = Job {
            deleted: true,
            ..job(Failed, 0, "x", None)
        };
        assert_eq!(word(&deleted, Ask::Retry), "NotFailed");
        assert_eq!(word(&deleted, Ask::Cancel), "Ended");
    }
}
