//! What a TranscodeJob needs next. Pure: spec, status and what was seen go in, the new status
//! and the actions that lead there come out.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use streamgate_contract::job_files::Termination;
use streamgate_contract::names::Step as Stage;
use streamgate_contract::reasons;
use streamgate_crds::conditions::reason;
use streamgate_crds::transcode_job::{Phase, SpansStatus, TranscodeJobSpec, TranscodeJobStatus};

use super::job::GateFacts;
use super::seen::JobSeen;
use super::status::{self, Mood};
use crate::events::Notice;

/// How often the steps of an attempt are run again because a result was lost.
const MAX_RERUNS: i32 = 3;
/// A result counts as lost when it is not seen this long after its Job ended: Jobs and pods are
/// watched apart, so one may be seen before the other.
const RESULT_GRACE: SignedDuration = SignedDuration::from_secs(5);

/// What the pass found in the cluster.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The StreamGate that gets the output.
    pub gate: GateSeen,
    /// The claim of the source, when it is named and does not exist.
    pub missing_claim: Option<String>,
    /// Jobs of the current attempt.
    pub jobs: BTreeMap<Stage, JobSeen>,
    /// Value of the retry annotation.
    pub retry: Option<String>,
    /// Generation of the TranscodeJob.
    pub generation: Option<i64>,
}

/// The StreamGate as a TranscodeJob sees it.
#[derive(Clone, Debug)]
pub enum GateSeen {
    /// There is none of this name.
    Missing(String),
    /// It does not allow this namespace.
    NotAllowed(String),
    /// It is not ready; what it says.
    NotReady(String),
    /// It takes jobs.
    Ready(Box<GateFacts>),
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make the Job of a stage.
    Create(Stage),
    /// Suspend the Job of a stage, or let it go on.
    Suspend(Stage, bool),
    /// Change how many pods of a stage work at once.
    Parallelism(Stage, i32),
    /// Delete the Job of a stage.
    Delete(Stage),
    /// Delete the TranscodeJob itself.
    DeleteSelf,
}

/// What a pass decided.
#[derive(Clone, Debug)]
pub struct Step {
    /// The status from now on.
    pub status: TranscodeJobStatus,
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// What to tell people.
    pub notice: Option<Notice>,
    /// When to look again although nothing was touched.
    pub wake_after: Option<Duration>,
}

/// Decides one pass.
pub fn step(
    spec: &TranscodeJobSpec,
    old: &TranscodeJobStatus,
    seen: &Observed,
    now: Timestamp,
) -> Step {
    let mut pass = Pass::new(spec, old, seen, now);
    match old.phase {
        Some(Phase::Failed) if wants_retry(old, seen) => pass.retry(),
        Some(phase) if phase.is_terminal() => pass.finished(),
        _ => pass.unfinished(),
    }
    pass.end()
}

/// The status after the API server refused what was to be made.
pub fn refused(
    old: &TranscodeJobStatus,
    words: &str,
    generation: Option<i64>,
    now: Timestamp,
) -> (TranscodeJobStatus, Option<Notice>) {
    let quota = words.contains("exceeded quota");
    let (word, mood) = match quota {
        true => (reason::QUOTA_EXCEEDED, Mood::Waiting),
        false => (reason::REFUSED_BY_API_SERVER, Mood::Stalled),
    };
    let phase = old.phase.unwrap_or_default();
    let message = format!("the API server refused a Job; it is tried again: {words}");
    let mut new = old.clone();
    status::say(&mut new, phase, word, &message, mood, generation, now);
    let notice = status::notice(old, &new);
    (new, notice)
}

/// A value of the annotation that no attempt has answered.
fn wants_retry(old: &TranscodeJobStatus, seen: &Observed) -> bool {
    seen.retry.is_some() && seen.retry != old.retried
}

/// A pass while it is decided.
struct Pass<'a> {
    spec: &'a TranscodeJobSpec,
    old: &'a TranscodeJobStatus,
    seen: &'a Observed,
    now: Timestamp,
    status: TranscodeJobStatus,
    actions: Vec<Action>,
    wake: Option<SignedDuration>,
}

impl<'a> Pass<'a> {
    fn new(
        spec: &'a TranscodeJobSpec,
        old: &'a TranscodeJobStatus,
        seen: &'a Observed,
        now: Timestamp,
    ) -> Self {
        // Progress is the worker's: what we do not write, it keeps.
        let status = TranscodeJobStatus {
            progress: None,
            ..old.clone()
        };
        Self {
            spec,
            old,
            seen,
            now,
            status,
            actions: Vec::new(),
            wake: None,
        }
    }

    fn end(self) -> Step {
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
    fn finished(&mut self) {
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
    fn retry(&mut self) {
        self.status = TranscodeJobStatus {
            attempt: Some(self.old.attempt.unwrap_or(0) + 1),
            retried: self.seen.retry.clone(),
            conditions: self.old.conditions.clone(),
            start_time: Some(self.time()),
            ..TranscodeJobStatus::default()
        };
        self.actions.extend(self.seen.jobs.keys().map(|s| Action::Delete(*s)));
        self.say(Phase::Pending, reason::PROGRESSING, "a new attempt begins", Mood::Working);
    }

    fn unfinished(&mut self) {
        self.status.attempt.get_or_insert(0);
        // A value set before the job failed asks for nothing.
        self.status.retried.clone_from(&self.seen.retry);
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

    fn suspend(&mut self) {
        for (stage, job) in &self.seen.jobs {
            if job.end.is_none() && !job.suspended && !job.deleting {
                self.actions.push(Action::Suspend(*stage, true));
            }
        }
        self.count_spans();
        let message = "spec.suspend is set: pods are stopped, what is committed stays";
        self.say(Phase::Suspended, reason::SUSPENDED, message, Mood::Suspended);
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
        let message = format!("not finished {seconds} s after it began: raise spec.activeDeadlineSeconds and set the annotation streamgate.io/retry");
        self.fail(reason::DEADLINE_EXCEEDED, &message);
    }

    /// From stage to stage as far as what was seen allows.
    fn advance(&mut self) {
        if self.status.plan.is_none() && !self.planned() {
            return;
        }
        self.count_spans();
        let spans = self.status.plan.as_ref().map_or(0, |plan| plan.spans);
        let encoded = spans == 0 || self.seen.jobs.contains_key(&Stage::Publish);
        if !encoded && !self.stage(Stage::Encode, |_| Some(())).is_some() {
            return;
        }
        self.publish();
    }

    /// Whether the plan is there.
    fn planned(&mut self) -> bool {
        let summary = self.stage(Stage::Plan, |result| match result {
            Some(Termination::Plan(summary)) => Some(summary.clone()),
            _ => None,
        });
        self.status.plan = summary.map(status::plan);
        self.status.plan.is_some()
    }

    fn publish(&mut self) {
        let published = self.stage(Stage::Publish, |result| match result {
            Some(Termination::Published(published)) => Some(published.clone()),
            _ => None,
        });
        let Some(published) = published else { return };
        self.status.output = Some(status::output(&published));
        self.status.completion_time = Some(self.time());
        self.wake = None;
        let message = format!("content {} is playable", published.content);
        self.say(Phase::Succeeded, reason::PUBLISHED, &message, Mood::Done);
    }

    /// Brings one stage on: makes its Job, follows it, takes its result when it is complete.
    fn stage<T>(
        &mut self,
        stage: Stage,
        take: impl Fn(Option<&Termination>) -> Option<T>,
    ) -> Option<T> {
        let seen = self.seen;
        let Some(job) = seen.jobs.get(&stage) else {
            self.begin(stage);
            return None;
        };
        let Some(end) = &job.end else {
            self.follow(stage, job);
            return None;
        };
        let result = take(job.result.as_ref()).filter(|_| end.complete);
        if result.is_none() {
            self.ended_badly(stage, job);
        }
        result
    }

    /// Makes the Job of a stage, once everything it needs is there.
    fn begin(&mut self, stage: Stage) {
        let seen = self.seen;
        let (word, message, mood) = match &seen.gate {
            GateSeen::Missing(name) => (
                reason::STREAM_GATE_NOT_FOUND,
                format!("StreamGate {name} does not exist: make it, or name another in a new TranscodeJob"),
                Mood::Stalled,
            ),
            GateSeen::NotAllowed(message) => {
                (reason::NAMESPACE_NOT_ALLOWED, message.clone(), Mood::Stalled)
            }
            GateSeen::NotReady(message) => {
                (reason::GATE_NOT_READY, message.clone(), Mood::Waiting)
            }
            GateSeen::Ready(_) => match self.missing_claim(stage) {
                Some(claim) => (
                    reason::CLAIM_NOT_FOUND,
                    format!("PersistentVolumeClaim {claim} does not exist in this namespace: make it"),
                    Mood::Stalled,
                ),
                None => return self.create(stage),
            },
        };
        let phase = self.phase_so_far();
        self.say(phase, word, &message, mood);
    }

    fn missing_claim(&self, stage: Stage) -> Option<&'a String> {
        let needed = stage != Stage::Publish;
        self.seen.missing_claim.as_ref().filter(|_| needed)
    }

    fn create(&mut self, stage: Stage) {
        self.actions.push(Action::Create(stage));
        self.working(stage, None);
    }

    /// A Job that has not ended.
    fn follow(&mut self, stage: Stage, job: &JobSeen) {
        if job.deleting {
            let phase = self.phase_so_far();
            let message = "a Job is being deleted before its step is run again";
            return self.say(phase, reason::PROGRESSING, message, Mood::Working);
        }
        if job.out_of_memory_twice {
            let detail = job.failure.as_ref().map_or("", |f| f.detail.as_str());
            return self.fail(reasons::job::OUT_OF_MEMORY, detail);
        }
        if job.suspended {
            self.actions.push(Action::Suspend(stage, false));
        }
        let wanted = self.parallelism(stage);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != job.parallelism) {
            self.actions.push(Action::Parallelism(stage, wanted));
        }
        match &job.trouble {
            Some(trouble) => {
                let phase = status::phase(stage);
                self.say(phase, trouble.reason, &trouble.message, mood(trouble.reason));
            }
            None => self.working(stage, Some(job)),
        }
    }

    /// A Job that ended without what it was for.
    fn ended_badly(&mut self, stage: Stage, job: &JobSeen) {
        let Some(end) = &job.end else { return };
        if let Some(failure) = job.failure.as_ref().filter(|_| !end.complete) {
            let chunk = failure.chunk.map(|c| format!(" (chunk {c})"));
            let message = format!("{}{}", failure.detail, chunk.unwrap_or_default());
            return self.fail(&failure.reason, &message);
        }
        let left = self.left_of(end.at, RESULT_GRACE);
        if left > SignedDuration::ZERO {
            self.wake_in(left);
            return self.working(stage, Some(job));
        }
        if !end.complete && !end.message.contains("exit code 64") && !end.message.contains("exit code 65") {
            let indexes = if job.failed.is_empty() { String::new() } else { format!(" of index {}", job.failed) };
            let message = format!("pods{indexes} failed more often than spec.backoffLimitPerIndex allows and left no reason: {}", end.message);
            return self.fail(reason::BACKOFF_LIMIT_EXCEEDED, &message);
        }
        self.rerun(stage, &end.message);
    }

    /// The step is idempotent: run again, it finds its own work.
    fn rerun(&mut self, stage: Stage, words: &str) {
        let reruns = self.status.reruns.unwrap_or(0);
        if reruns >= MAX_RERUNS {
            let message = format!("the result of {} was lost {} times, the last time with: {words}", stage.name(), reruns + 1);
            return self.fail(reasons::job::INTERNAL, &message);
        }
        self.status.reruns = Some(reruns + 1);
        self.actions.push(Action::Delete(stage));
        let message = format!("the result of {} was lost; it is run again", stage.name());
        self.say(status::phase(stage), reason::PROGRESSING, &message, Mood::Working);
    }

    fn working(&mut self, stage: Stage, job: Option<&JobSeen>) {
        let (phase, word) = (status::phase(stage), status::word(stage));
        let failure = job.and_then(|job| job.failure.as_ref());
        let again = failure.map(|f| format!("; tried again after {}: {}", f.reason, f.detail));
        let message = status::doing(stage, &self.status) + &again.unwrap_or_default();
        self.say(phase, word, &message, Mood::Working);
    }

    fn fail(&mut self, word: &str, message: &str) {
        for (stage, job) in &self.seen.jobs {
            if job.end.is_none() && !job.deleting {
                self.actions.push(Action::Delete(*stage));
            }
        }
        self.status.completion_time = Some(self.time());
        self.wake = None;
        self.say(Phase::Failed, word, message, Mood::Failed);
    }

    fn count_spans(&mut self) {
        if let Some(job) = self.seen.jobs.get(&Stage::Encode) {
            self.status.spans = Some(SpansStatus {
                active: job.active,
                completed: status::bounded(&job.completed),
                failed: status::bounded(&job.failed),
            });
        }
    }

    /// Pods of Encode at once; unknown while there is no gate to ask.
    fn parallelism(&self, stage: Stage) -> Option<i32> {
        let spans = self.status.plan.as_ref()?.spans;
        match &self.seen.gate {
            GateSeen::Ready(gate) if stage == Stage::Encode => {
                Some(super::job::parallelism(self.spec, gate, spans))
            }
            _ => None,
        }
    }

    fn phase_so_far(&self) -> Phase {
        let old = self.old.phase.unwrap_or_default();
        if old == Phase::Suspended { Phase::Pending } else { old }
    }

    fn say(&mut self, phase: Phase, word: &str, message: &str, mood: Mood) {
        let generation = self.seen.generation;
        status::say(&mut self.status, phase, word, message, mood, generation, self.now);
    }

    fn time(&self) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::Time {
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.now)
    }

    fn left(&self, since: Timestamp, seconds: i64) -> SignedDuration {
        self.left_of(since, SignedDuration::from_secs(seconds))
    }

    fn left_of(&self, since: Timestamp, all: SignedDuration) -> SignedDuration {
        all - self.now.duration_since(since)
    }

    fn wake_in(&mut self, left: SignedDuration) {
        self.wake = Some(self.wake.map_or(left, |wake| wake.min(left)));
    }
}

/// Whether what pods wait for may come by itself.
fn mood(word: &str) -> Mood {
    match word {
        reason::QUOTA_EXCEEDED | reason::UNSCHEDULABLE => Mood::Waiting,
        _ => Mood::Stalled,
    }
}
