//! Conditions: the types and reasons the three kinds use, and the pure way to set one.
//! `Ready` is what people wait for; `Reconciling` and `Stalled` are kstatus' abnormal-true pair
//! (source: kstatus of cli-utils); `Complete`, `Failed`, `Suspended` follow batch/v1.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// Everything asked for is there and serves.
pub const READY: &str = "Ready";
/// The controller works towards the spec.
pub const RECONCILING: &str = "Reconciling";
/// The controller cannot go on before somebody changes something.
pub const STALLED: &str = "Stalled";
/// A TranscodeJob succeeded; terminal.
pub const COMPLETE: &str = "Complete";
/// A TranscodeJob failed; terminal.
pub const FAILED: &str = "Failed";
/// A TranscodeJob is suspended.
pub const SUSPENDED: &str = "Suspended";

/// Reasons of conditions and Events; stable words.
pub mod reason {
    /// All good.
    pub const AVAILABLE: &str = "Available";
    /// Children are being made or rolled out.
    pub const PROGRESSING: &str = "Progressing";
    /// `spec.paused` is set.
    pub const PAUSED: &str = "Paused";
    /// The spec contradicts itself or names something that does not exist in it.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// A child of the wanted name belongs to somebody else.
    pub const NAME_TAKEN: &str = "NameTaken";
    /// The API server refused an object; the message holds its words.
    pub const REFUSED_BY_API_SERVER: &str = "RefusedByApiServer";
    /// The named StreamGate does not exist.
    pub const STREAM_GATE_NOT_FOUND: &str = "StreamGateNotFound";
    /// The StreamGate does not list this namespace.
    pub const NAMESPACE_NOT_ALLOWED: &str = "NamespaceNotAllowed";
    /// The StreamGate is not ready yet.
    pub const GATE_NOT_READY: &str = "GateNotReady";
    /// The upload still runs.
    pub const WAITING_FOR_SOURCE: &str = "WaitingForSource";
    /// Plan is running.
    pub const PLANNING: &str = "Planning";
    /// Encode is running.
    pub const ENCODING: &str = "Encoding";
    /// Publish is running.
    pub const PUBLISHING: &str = "Publishing";
    /// The output is playable.
    pub const PUBLISHED: &str = "Published";
    /// A job succeeded without encoding: a finished output of the same source and plan was taken over.
    pub const TAKEN_OVER: &str = "TakenOver";
    /// `spec.suspend` is set.
    pub const SUSPENDED: &str = "Suspended";
    /// The job ran longer than `spec.activeDeadlineSeconds`.
    pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";
    /// Somebody cancelled the job.
    pub const CANCELLED: &str = "Cancelled";
    /// An index failed more often than `spec.backoffLimitPerIndex`.
    pub const BACKOFF_LIMIT_EXCEEDED: &str = "BackoffLimitExceeded";
    /// The claim that holds the source does not exist.
    pub const CLAIM_NOT_FOUND: &str = "PersistentVolumeClaimNotFound";
    /// A ResourceQuota leaves no room for the job's pods.
    pub const QUOTA_EXCEEDED: &str = "QuotaExceeded";
    /// A pod's image cannot be had.
    pub const IMAGE_UNAVAILABLE: &str = "ImageUnavailable";
    /// No node takes a pod.
    pub const UNSCHEDULABLE: &str = "Unschedulable";
    /// An expression of an AlertPolicy is not supported; the message says where.
    pub const UNSUPPORTED_EXPRESSION: &str = "UnsupportedExpression";
    /// An AlertPolicy is accepted; the monitor evaluates it.
    pub const ACCEPTED: &str = "Accepted";
}

/// What a condition is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// One of the types above.
    pub kind: &'static str,
    /// `True` or `False`.
    pub status: bool,
    /// A word of [`reason`] or of the contract's reasons.
    pub reason: String,
    /// A sentence for a person; what is wrong and what to do.
    pub message: String,
}

impl Saying {
    /// A condition that holds or not, with its reason and message.
    pub fn new(kind: &'static str, status: bool, reason: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            status,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

/// Conditions after saying `sayings`: types not named keep what they said, the transition time
/// moves only when a status changes, and saying the same twice changes nothing.
pub fn set(
    conditions: &[Condition],
    sayings: &[Saying],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let mut all = conditions.to_vec();
    for saying in sayings {
        let old = all.iter().position(|c| c.type_ == saying.kind);
        let since = old
            .map(|i| &all[i])
            .filter(|c| c.status == status_word(saying.status))
            .map_or(Time(now), |c| c.last_transition_time.clone());
        let new = Condition {
            type_: saying.kind.to_owned(),
            status: status_word(saying.status).to_owned(),
            reason: saying.reason.clone(),
            message: bounded(&saying.message),
            observed_generation: generation,
            last_transition_time: since,
        };
        match old {
            Some(i) => all[i] = new,
            None => all.push(new),
        }
    }
    all
}

/// Whether the condition of this type is `True`.
pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    conditions
        .iter()
        .any(|c| c.type_ == kind && c.status == "True")
}

fn status_word(status: bool) -> &'static str {
    if status { "True" } else { "False" }
}

/// The API server refuses condition messages above 32,768 characters.
fn bounded(message: &str) -> String {
    message.chars().take(4_096).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap_or_default()
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let first = set(
            &[],
            &[Saying::new(READY, false, reason::PROGRESSING, "a")],
            Some(1),
            at(10),
        );
        let same = set(
            &first,
            &[Saying::new(READY, false, reason::PAUSED, "b")],
            Some(2),
            at(20),
        );
        let turned = set(
            &same,
            &[Saying::new(READY, true, reason::AVAILABLE, "c")],
            Some(2),
            at(30),
        );
        assert_eq!(same[0].last_transition_time, Time(at(10)));
        assert_eq!(
            (same[0].reason.as_str(), same[0].observed_generation),
            ("Paused", Some(2))
        );
        assert_eq!(turned[0].last_transition_time, Time(at(30)));
        assert!(is_true(&turned, READY) && !is_true(&same, READY));
    }

    #[test]
    fn types_not_named_stay() {
        let first = set(&[], &[Saying::new(STALLED, false, "A", "")], None, at(1));
        let both = set(&first, &[Saying::new(READY, true, "B", "")], None, at(2));
        assert_eq!(both.len(), 2);
        assert_eq!(both[0], first[0]);
    }
}
