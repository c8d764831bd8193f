//! The operator's part of an AlertPolicy's status. Values in, values out.

use jiff::Timestamp;
use streamgate_crds::conditions::{self, READY, RECONCILING, STALLED, Saying, reason};
use streamgate_crds::{AlertPolicy, AlertPolicyStatus};

use super::validate::Refusal;
use crate::events::Notice;

/// What the operator writes; `evaluation` is the monitor's and is never in it.
pub fn ours(status: Option<&AlertPolicyStatus>) -> AlertPolicyStatus {
    AlertPolicyStatus {
        evaluation: None,
        ..status.cloned().unwrap_or_default()
    }
}

/// The status after a pass. Saying the same twice changes nothing.
pub fn status(
    policy: &AlertPolicy,
    verdict: &Result<(), Refusal>,
    now: Timestamp,
) -> AlertPolicyStatus {
    let generation = policy.metadata.generation;
    let old = ours(policy.status.as_ref()).conditions;
    AlertPolicyStatus {
        observed_generation: generation,
        conditions: conditions::set(&old, &sayings(verdict), generation, now),
        evaluation: None,
    }
}

fn sayings(verdict: &Result<(), Refusal>) -> [Saying; 3] {
    let (ready, reason, message) = match verdict {
        Ok(()) => {
            let message = "accepted; the monitor of the StreamGate evaluates the rules";
            (true, reason::ACCEPTED, message.to_owned())
        }
        Err(refusal) => (false, refusal.reason(), refusal.to_string()),
    };
    [
        Saying::new(READY, ready, reason, message.clone()),
        Saying::new(RECONCILING, false, reason, message.clone()),
        Saying::new(STALLED, !ready, reason, message),
    ]
}

/// What is worth an Event: a new reason of `Ready`.
pub fn notice(old: &AlertPolicyStatus, new: &AlertPolicyStatus) -> Option<Notice> {
    let ready = |status: &AlertPolicyStatus| {
        let mut conditions = status.conditions.iter();
        conditions.find(|c| c.type_ == READY).cloned()
    };
    let now = ready(new)?;
    let before = ready(old).map(|c| c.reason);
    (before.as_ref() != Some(&now.reason)).then(|| Notice {
        warning: now.status != "True",
        reason: now.reason,
        note: now.message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use streamgate_crds::alert_policy::Evaluation;

    fn policy() -> AlertPolicy {
        let rules = json!([{"name": "Down", "expr": "up == 0"}]);
        let spec = json!({"streamGateRef": {"name": "demo"}, "rules": rules});
        let mut policy = AlertPolicy::new("policy", serde_json::from_value(spec).unwrap());
        policy.metadata.generation = Some(3);
        policy
    }

    #[test]
    fn the_monitors_part_is_never_written() {
        let mut policy = policy();
        policy.status.get_or_insert_default().evaluation = Some(Evaluation::default());
        let new = status(&policy, &Ok(()), Timestamp::UNIX_EPOCH);
        assert_eq!(new.evaluation, None);
        assert!(!serde_json::to_string(&new).unwrap().contains("evaluation"));
        assert_eq!(ours(policy.status.as_ref()).evaluation, None);
    }

    #[test]
    fn a_verdict_is_told_once() {
        let mut policy = policy();
        let refused = Err(Refusal::StreamGateNotFound("demo".into()));
        let first = status(&policy, &refused, Timestamp::UNIX_EPOCH);
        assert!(conditions::is_true(&first.conditions, STALLED));
        assert!(notice(&ours(None), &first).unwrap().warning);
        policy.status = Some(first.clone());
        let second = status(&policy, &refused, Timestamp::MAX);
        assert_eq!((second.clone(), notice(&first, &second)), (first.clone(), None));
        let ready = status(&policy, &Ok(()), Timestamp::MAX);
        assert_eq!(ready.observed_generation, Some(3));
        assert_eq!(notice(&first, &ready).unwrap().reason, "Accepted");
    }
}
