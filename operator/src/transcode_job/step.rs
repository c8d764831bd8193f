//! What a TranscodeJob needs next. Pure: spec, status and what was seen go in, the new status
//! and the actions that lead there come out.

mod pass;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use streamgate_contract::names::Step as Stage;
use streamgate_crds::conditions::reason;
use streamgate_crds::transcode_job::{Ask, Phase, TranscodeJobSpec, TranscodeJobStatus};

use self::pass::Pass;
use super::job::GateFacts;
use super::seen::JobSeen;
use super::status::{self, Mood};
use crate::events::Notice;

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

/// A value of the annotation that no attempt has answered, or a word through the gate's API.
fn wants_retry(old: &TranscodeJobStatus, seen: &Observed) -> bool {
    old.is_asked(Ask::Retry) || (seen.retry.is_some() && seen.retry != old.retried)
}
