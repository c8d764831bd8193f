//! A pass while it is decided: what holds for every stage. Pure.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use streamgate_contract::names::Step as Stage;
use streamgate_crds::conditions::reason;
use streamgate_crds::transcode_job::{
    Ask, Phase, SpansStatus, TranscodeJobSpec, TranscodeJobStatus,
};

use super::super::status::{self, Mood};
use super::{Action, Observed, Step};

/// A pass while it is decided.
pub(super) struct Pass<'a> {
    pub(super) spec: &'a TranscodeJobSpec,
    pub(super) old: &'a TranscodeJobStatus,
    pub(super) seen: &'a Observed,
    pub(super) now: Timestamp,
    pub(super) status: TranscodeJobStatus,
    pub(super) actions: Vec<Action>,
    pub(super) wake: Option<SignedDuration>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        spec: &'a TranscodeJobSpec,
        old: &'a TranscodeJobStatus,
        seen: &'a Observed,
        now: Timestamp,
    ) -> Self {
        Self {
            spec,
            old,
            seen,
            now,
            status: status::ours(old),
            actions: Vec::new(),
            wake: None,
        }
    }

    pub(super) fn end(self) -> Step {
        Step {
            notice: status::notice(self.old, &self.status),
            status: self.status,
            actions: self.actions,
            wake_after: self
                .wake
                .map(|wake| Duration::try_from(wake).unwrap_or(Duration::ZERO)),
        }
    }

    /// Nothing moves any more; only its time may come.
    pub(super) fn finished(&mut self) {
        let ended = self.old.completion_time.as_ref().map(|t| t.0);
        if let Some((ttl, ended)) = self.spec.ttl_seconds_after_finished.zip(ended) {
            let left = self.left(ended, ttl);
            if left <= SignedDuration::ZERO {
                self.actions.push(Action::DeleteSelf);
            } else {
                self.wake_in(left);
            }
        }
    }

    /// The next attempt begins with nothing but its number; the next pass does the rest.
    pub(super) fn retry(&mut self) {
        self.status = TranscodeJobStatus {
            attempt: Some(self.old.attempt.unwrap_or(0) + 1),
            retried: self.seen.retry.clone(),
            conditions: self.old.conditions.clone(),
            start_time: Some(self.time()),
            ..TranscodeJobStatus::default()
        };
        self.actions
            .extend(self.seen.jobs.keys().map(|s| Action::Delete(*s)));
        self.say(
            Phase::Pending,
            reason::PROGRESSING,
            "a new attempt begins",
            Mood::Working,
        );
    }

    pub(super) fn unfinished(&mut self) {
        self.status.attempt.get_or_insert(0);
        // A value set before the job failed asks for nothing.
        self.status.retried.clone_from(&self.seen.retry);
        if self.is_cancelled() {
            let message = "it was cancelled through the gate's API: ask for a retry there, or set the annotation streamgate.io/retry";
            return self.fail(reason::CANCELLED, message);
        }
        if self.spec.suspend {
            return self.suspend();
        }
        let resumed = self.old.phase == Some(Phase::Suspended);
        if resumed || self.status.start_time.is_none() {
            self.status.start_time = Some(self.time());
        }
        if self.is_late() {
            return self.late();
        }
        self.advance();
    }

    /// Once Publish has begun, the output may be the content's already.
    fn is_cancelled(&self) -> bool {
        self.old.is_asked(Ask::Cancel) && !self.seen.jobs.contains_key(&Stage::Publish)
    }

    fn suspend(&mut self) {
        for (stage, job) in &self.seen.jobs {
            if job.end.is_none() && !job.suspended && !job.deleting {
                self.actions.push(Action::Suspend(*stage, true));
            }
        }
        self.count_spans();
        let message = "spec.suspend is set: pods are stopped, what is committed stays";
        self.say(
            Phase::Suspended,
            reason::SUSPENDED,
            message,
            Mood::Suspended,
        );
    }

    fn is_late(&mut self) -> bool {
        let start = self.status.start_time.as_ref().map(|t| t.0);
        let Some((deadline, start)) = self.spec.active_deadline_seconds.zip(start) else {
            return false;
        };
        let left = self.left(start, deadline);
        self.wake_in(left);
        left <= SignedDuration::ZERO
    }

    fn late(&mut self) {
        let seconds = self.spec.active_deadline_seconds.unwrap_or_default();
        let message = format!(
            "not finished {seconds} s after it began: raise spec.activeDeadlineSeconds and set the annotation streamgate.io/retry"
        );
        self.fail(reason::DEADLINE_EXCEEDED, &message);
    }

    pub(super) fn fail(&mut self, word: &str, message: &str) {
        for (stage, job) in &self.seen.jobs {
            if job.end.is_none() && !job.deleting {
                self.actions.push(Action::Delete(*stage));
            }
        }
        self.status.completion_time = Some(self.time());
        self.wake = None;
        self.say(Phase::Failed, word, message, Mood::Failed);
    }

    pub(super) fn count_spans(&mut self) {
        if let Some(job) = self.seen.jobs.get(&Stage::Encode) {
            self.status.spans = Some(SpansStatus {
                active: job.active,
                completed: status::bounded(&job.completed),
                failed: status::bounded(&job.failed),
            });
        }
    }

    pub(super) fn say(&mut self, phase: Phase, word: &str, message: &str, mood: Mood) {
        let generation = self.seen.generation;
        status::say(
            &mut self.status,
            phase,
            word,
            message,
            mood,
            generation,
            self.now,
        );
    }

    pub(super) fn time(&self) -> Time {
        Time(self.now)
    }

    pub(super) fn left(&self, since: Timestamp, seconds: i64) -> SignedDuration {
        self.left_of(since, SignedDuration::from_secs(seconds))
    }

    pub(super) fn left_of(&self, since: Timestamp, all: SignedDuration) -> SignedDuration {
        all - self.now.duration_since(since)
    }

    pub(super) fn wake_in(&mut self, left: SignedDuration) {
        self.wake = Some(self.wake.map_or(left, |wake| wake.min(left)));
    }
}
