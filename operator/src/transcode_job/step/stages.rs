//! The stages of a job: begun when their needs are met, followed, and left with a result. Pure.

use k8s_openapi::jiff::SignedDuration;
use streamgate_contract::job_files::Termination;
use streamgate_contract::names::Step as Stage;
use streamgate_contract::reasons;
use streamgate_crds::conditions::reason;
use streamgate_crds::transcode_job::Phase;

use super::super::job;
use super::super::seen::JobSeen;
use super::super::status::{self, Mood};
use super::pass::Pass;
use super::{Action, GateSeen};

/// How often the steps of an attempt are run again because a result was lost.
const MAX_RERUNS: i32 = 3;
/// A result counts as lost when it is not seen this long after its Job ended: Jobs and pods are
/// watched apart, so one may be seen before the other.
const RESULT_GRACE: SignedDuration = SignedDuration::from_secs(5);

impl<'a> Pass<'a> {
    /// From stage to stage as far as what was seen allows.
    pub(super) fn advance(&mut self) {
        if self.status.plan.is_none() && !self.planned() {
            return;
        }
        self.count_spans();
        let spans = self.status.plan.as_ref().map_or(0, |plan| plan.spans);
        let encoded = spans == 0 || self.seen.jobs.contains_key(&Stage::Publish);
        if !encoded && self.stage(Stage::Encode, |_| Some(())).is_none() {
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
        self.status.quality = status::quality(&published);
        self.status.cost = Some(status::cost(&published.cost));
        self.status.completion_time = Some(self.time());
        self.wake = None;
        let (word, how) = match &published.taken_from {
            None => (reason::PUBLISHED, String::new()),
            Some(output) => (
                reason::TAKEN_OVER,
                format!("; output {output} of the same source and settings was taken over"),
            ),
        };
        let message = format!("content {} is playable{how}", published.content);
        self.say(Phase::Succeeded, word, &message, Mood::Done);
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
                format!(
                    "StreamGate {name} does not exist: make it, or name another in a new TranscodeJob"
                ),
                Mood::Stalled,
            ),
            GateSeen::NotAllowed(message) => (
                reason::NAMESPACE_NOT_ALLOWED,
                message.clone(),
                Mood::Stalled,
            ),
            GateSeen::NotReady(message) => (reason::GATE_NOT_READY, message.clone(), Mood::Waiting),
            GateSeen::Ready(_) => match self.missing_claim(stage) {
                Some(claim) => (
                    reason::CLAIM_NOT_FOUND,
                    format!(
                        "PersistentVolumeClaim {claim} does not exist in this namespace: make it"
                    ),
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
                self.say(
                    phase,
                    trouble.reason,
                    &trouble.message,
                    mood(trouble.reason),
                );
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
        if !end.complete
            && !end.message.contains("exit code 64")
            && !end.message.contains("exit code 65")
        {
            let indexes = if job.failed.is_empty() {
                String::new()
            } else {
                format!(" of index {}", job.failed)
            };
            let message = format!(
                "pods{indexes} failed more often than spec.backoffLimitPerIndex allows and left no reason: {}",
                end.message
            );
            return self.fail(reason::BACKOFF_LIMIT_EXCEEDED, &message);
        }
        self.rerun(stage, &end.message);
    }

    /// The step is idempotent: run again, it finds its own work.
    fn rerun(&mut self, stage: Stage, words: &str) {
        let reruns = self.status.reruns.unwrap_or(0);
        if reruns >= MAX_RERUNS {
            let message = format!(
                "the result of {} was lost {} times, the last time with: {words}",
                stage.name(),
                reruns + 1
            );
            return self.fail(reasons::job::INTERNAL, &message);
        }
        self.status.reruns = Some(reruns + 1);
        self.actions.push(Action::Delete(stage));
        let message = format!("the result of {} was lost; it is run again", stage.name());
        self.say(
            status::phase(stage),
            reason::PROGRESSING,
            &message,
            Mood::Working,
        );
    }

    fn working(&mut self, stage: Stage, job: Option<&JobSeen>) {
        let (phase, word, doing) = match self.waits_for_source(stage) {
            true => (
                Phase::WaitingForSource,
                reason::WAITING_FOR_SOURCE,
                "the upload still runs; what has arrived of it is being encoded".to_owned(),
            ),
            false => (
                status::phase(stage),
                status::word(stage),
                status::doing(stage, &self.status),
            ),
        };
        let failure = job.and_then(|job| job.failure.as_ref());
        let again = failure.map(|f| format!("; tried again after {}: {}", f.reason, f.detail));
        let message = doing + &again.unwrap_or_default();
        self.say(phase, word, &message, Mood::Working);
    }

    /// A job that begins while its upload runs plans when the last byte is there; the first progress
    /// tells of the plan.
    fn waits_for_source(&self, stage: Stage) -> bool {
        let upload = self.spec.source.upload.as_ref();
        let early = upload.is_some_and(|upload| upload.while_uploading);
        stage == Stage::Plan && early && self.old.progress.is_none()
    }

    /// Pods of Encode at once; unknown while there is no gate to ask.
    fn parallelism(&self, stage: Stage) -> Option<i32> {
        let spans = self.status.plan.as_ref()?.spans;
        match &self.seen.gate {
            GateSeen::Ready(gate) if stage == Stage::Encode => {
                Some(job::parallelism(self.spec, gate, spans))
            }
            _ => None,
        }
    }

    fn phase_so_far(&self) -> Phase {
        let old = self.old.phase.unwrap_or_default();
        if old == Phase::Suspended {
            Phase::Pending
        } else {
            old
        }
    }
}

/// Whether what pods wait for may come by itself.
fn mood(word: &str) -> Mood {
    match word {
        reason::QUOTA_EXCEEDED | reason::UNSCHEDULABLE => Mood::Waiting,
        _ => Mood::Stalled,
    }
}
