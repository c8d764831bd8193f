//! How many jobs wait, run and have ended, and why. Values in, values out.

use std::collections::BTreeMap;
use std::sync::Arc;

use streamgate_contract::reasons::job as reasons;
use streamgate_crds::conditions::reason;
use streamgate_crds::transcode_job::Phase;

use super::{Desk, DeskError, names_gate};
use crate::ports::clock::UnixSeconds;
use crate::ports::jobs::Job;

/// Why jobs end; whatever else they say is `other`.
pub const REASONS: [&str; 21] = [
    reason::PUBLISHED,
    reason::CANCELLED,
    reason::DEADLINE_EXCEEDED,
    reason::BACKOFF_LIMIT_EXCEEDED,
    reasons::NOT_A_VIDEO,
    reasons::TRUNCATED,
    reasons::NO_MEDIA_STREAM,
    reasons::EMPTY,
    reasons::UNSUPPORTED_CODEC,
    reasons::LIMIT_EXCEEDED,
    reasons::SOURCE_NOT_FOUND,
    reasons::SOURCE_HOLE,
    reasons::INIT_MISMATCH,
    reasons::SETTINGS_REFUSED,
    reasons::SANDBOX_UNAVAILABLE,
    reasons::OUT_OF_REACH,
    reasons::VOLUME_FULL,
    reasons::OUT_OF_MEMORY,
    reasons::FILE_REFUSED,
    reasons::INTERNAL,
    OTHER,
];
const OTHER: &str = "other";

/// The queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Jobs that have not begun.
    pub queued: u64,
    /// Jobs at work.
    pub running: u64,
    /// Jobs that are told to wait.
    pub suspended: u64,
    /// Jobs that have ended and are still there, by reason.
    pub finished: BTreeMap<&'static str, u64>,
    /// For how many seconds the job has waited that waits longest.
    pub oldest_wait: Option<i64>,
}

impl Desk {
    /// The queue of this gate as it is now.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub async fn queue(&self) -> Result<Queue, DeskError> {
        let mut jobs = self.on.jobs.all().await?;
        jobs.retain(|job| names_gate(&self.gate, job));
        Ok(count(&jobs, self.on.clock.now()))
    }

    /// Shows the queue in the metrics; what the cluster does not say stays as it was.
    pub(super) async fn measure(&self) {
        if let Ok(queue) = self.queue().await {
            self.on_metrics(&queue);
        }
        if let Ok(pending) = self.on.catalog.pending_runs().await {
            self.metrics.pending(pending);
        }
    }
}

fn count(jobs: &[Arc<Job>], now: UnixSeconds) -> Queue {
    let mut queue = Queue::default();
    for job in jobs {
        match job.phase {
            Phase::Pending => {
                queue.queued += 1;
                let waits = now.saturating_sub(since(job)).max(0);
                queue.oldest_wait = queue.oldest_wait.max(Some(waits));
            }
            Phase::WaitingForSource | Phase::Planning | Phase::Encoding | Phase::Publishing => {
                queue.running += 1
            }
            Phase::Suspended => queue.suspended += 1,
            Phase::Succeeded | Phase::Failed => {
                *queue.finished.entry(word(job)).or_default() += 1;
            }
        }
    }
    queue
}

/// Since when a job waits: an attempt after the first begins when it is asked for.
fn since(job: &Job) -> UnixSeconds {
    let begun = job.status.start_time.as_ref().map(|t| t.0.as_second());
    match job.attempt {
        0 => job.created_at,
        _ => begun.unwrap_or(job.created_at),
    }
}

fn word(job: &Job) -> &'static str {
    let said = job.status.reason.as_deref();
    let known = REASONS.into_iter().find(|reason| Some(*reason) == said);
    known.unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::worker::testing;

    fn job(phase: Phase, reason: &str, created_at: i64) -> Arc<Job> {
        let mut job = testing::job();
        (job.phase, job.created_at) = (phase, created_at);
        Arc::make_mut(&mut job.status).reason = Some(reason.into());
        Arc::new(job)
    }

    #[test]
    fn every_job_is_counted_in_one_place() {
        let jobs = [
            job(Phase::Pending, "Progressing", 70),
            job(Phase::Pending, "GateNotReady", 40),
            job(Phase::Planning, "Planning", 1),
            job(Phase::Encoding, "Encoding", 1),
            job(Phase::Suspended, "Suspended", 1),
            job(Phase::Succeeded, "Published", 1),
            job(Phase::Failed, "Cancelled", 1),
            job(Phase::Failed, "Cancelled", 1),
            job(Phase::Failed, "Whatever", 1),
        ];
        let queue = count(&jobs, 100);
        assert_eq!((queue.queued, queue.running, queue.suspended), (2, 2, 1));
        assert_eq!(queue.oldest_wait, Some(60));
        let finished = [("Cancelled", 2), ("Published", 1), ("other", 1)];
        assert_eq!(queue.finished, BTreeMap::from(finished));
        assert_eq!(count(&[], 100), Queue::default());
    }

    #[test]
    fn a_later_attempt_waits_from_when_it_was_asked_for() {
        let mut again = (*job(Phase::Pending, "Progressing", 10)).clone();
        again.attempt = 1;
        let status = Arc::make_mut(&mut again.status);
        let time = serde_json::from_str("\"1970-01-01T00:01:30Z\"").unwrap();
        status.start_time = Some(time);
        assert_eq!(count(&[Arc::new(again)], 100).oldest_wait, Some(10));
    }
}
