//! What a StreamGate's status says after a pass. Values in, values out.

use jiff::Timestamp;
use streamgate_crds::conditions::{self, READY, RECONCILING, STALLED, Saying, reason};
use streamgate_crds::stream_gate::SigningKey;
use streamgate_crds::{StreamGate, StreamGateStatus};

use super::rollout::Rollout;
use crate::events::Notice;

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `spec.paused`: nothing was touched.
    Paused(Rollout),
    /// Nothing goes on before somebody changes something.
    Stuck {
        /// A word of [`reason`].
        reason: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// Something has to happen first, and will.
    Waits(String),
    /// Every child is as wanted.
    Made(Made),
}

/// What a complete pass made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Where the Deployment is.
    pub rollout: Rollout,
    /// Namespaces that were allowed and do not exist.
    pub absent: Vec<String>,
    /// Version of the data plane.
    pub version: String,
    /// Base URL viewers use.
    pub public_url: String,
    /// The keys that sign tokens.
    pub keys: Vec<SigningKey>,
    /// When they change, in seconds since 1970.
    pub wakes: Option<i64>,
}

/// The status after the pass. Saying the same twice changes nothing.
pub fn status(gate: &StreamGate, outcome: &Outcome, now: Timestamp) -> StreamGateStatus {
    let old = gate.status.clone().unwrap_or_default();
    let generation = gate.metadata.generation;
    let (version, public_url, keys) = match outcome {
        Outcome::Made(made) => (
            Some(made.version.clone()),
            Some(made.public_url.clone()),
            made.keys.clone(),
        ),
        _ => (old.version, old.public_url, old.keys),
    };
    StreamGateStatus {
        observed_generation: generation,
        conditions: conditions::set(&old.conditions, &sayings(outcome), generation, now),
        version,
        public_url,
        keys,
    }
}

fn sayings(outcome: &Outcome) -> [Saying; 3] {
    match outcome {
        Outcome::Paused(rollout) => paused(rollout),
        Outcome::Stuck { reason, message } => stuck(reason, message),
        Outcome::Waits(message) => waits(reason::PROGRESSING, message),
        Outcome::Made(made) => made_sayings(made),
    }
}

fn made_sayings(made: &Made) -> [Saying; 3] {
    match &made.rollout {
        Rollout::Unavailable { reason, message } => waits(reason, message),
        Rollout::Available => {
            let serves = format!("serves at {}", made.public_url);
            let ready = Saying::new(READY, true, reason::AVAILABLE, serves);
            [ready, progress(&made.absent), fine(reason::AVAILABLE)]
        }
    }
}

/// The gate serves its own namespace meanwhile.
fn progress(absent: &[String]) -> Saying {
    if absent.is_empty() {
        return Saying::new(
            RECONCILING,
            false,
            reason::AVAILABLE,
            "everything is as the spec says",
        );
    }
    let message = format!(
        "spec.allowedNamespaces names {}, which does not exist yet: create it or remove it from the list",
        absent.join(", ")
    );
    Saying::new(RECONCILING, true, reason::PROGRESSING, message)
}

fn waits(reason: &str, message: &str) -> [Saying; 3] {
    [
        Saying::new(READY, false, reason, message),
        Saying::new(RECONCILING, true, reason, message),
        fine(reason),
    ]
}

fn stuck(reason: &str, message: &str) -> [Saying; 3] {
    [
        Saying::new(READY, false, reason, message),
        Saying::new(RECONCILING, false, reason, message),
        Saying::new(STALLED, true, reason, message),
    ]
}

fn paused(rollout: &Rollout) -> [Saying; 3] {
    let message = "spec.paused is set: the operator leaves everything as it is; remove it to go on";
    let serves = *rollout == Rollout::Available;
    [
        Saying::new(READY, serves, reason::PAUSED, message),
        Saying::new(RECONCILING, false, reason::PAUSED, message),
        Saying::new(STALLED, false, reason::PAUSED, message),
    ]
}

fn fine(reason: &str) -> Saying {
    Saying::new(STALLED, false, reason, "nothing needs a person")
}

/// What is worth an Event: a new reason of `Ready`.
pub fn notice(old: Option<&StreamGateStatus>, new: &StreamGateStatus) -> Option<Notice> {
    let ready = |status: &StreamGateStatus| {
        let found = status.conditions.iter().find(|c| c.type_ == READY).cloned();
        found.map(|c| (c.status, c.reason, c.message))
    };
    let (_, reason, note) = ready(new)?;
    let before = old.and_then(ready).map(|(_, reason, _)| reason);
    let quiet = [reason::AVAILABLE, reason::PROGRESSING, reason::PAUSED];
    (before.as_ref() != Some(&reason)).then(|| Notice {
        warning: !quiet.contains(&reason.as_str()),
        reason,
        note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streamgate::samples;
    use serde_json::json;

    fn made(rollout: Rollout, absent: &[&str]) -> Outcome {
        Outcome::Made(Made {
            rollout,
            absent: absent.iter().map(|s| (*s).to_owned()).collect(),
            version: "0.1.0".into(),
            public_url: "http://demo".into(),
            keys: Vec::new(),
            wakes: None,
        })
    }

    /// Ready, Reconciling, Stalled as one word each: `T` or `F`, with the reason of Ready.
    fn said(outcome: &Outcome) -> (String, String) {
        let status = status(&samples::gate(json!({})), outcome, Timestamp::UNIX_EPOCH);
        let word = |kind: &str| {
            if conditions::is_true(&status.conditions, kind) {
                "T"
            } else {
                "F"
            }
        };
        let words = [READY, RECONCILING, STALLED].map(word).concat();
        (words, status.conditions[0].reason.clone())
    }

    fn starting() -> Rollout {
        Rollout::Unavailable {
            reason: reason::IMAGE_UNAVAILABLE,
            message: "no image".into(),
        }
    }

    #[test]
    fn each_outcome_has_its_conditions() {
        let stuck = Outcome::Stuck {
            reason: reason::INVALID_SPEC,
            message: "x".into(),
        };
        for (outcome, words, reason) in [
            (made(Rollout::Available, &[]), "TFF", "Available"),
            (made(Rollout::Available, &["later"]), "TTF", "Available"),
            (made(starting(), &[]), "FTF", "ImageUnavailable"),
            (Outcome::Waits("old one".into()), "FTF", "Progressing"),
            (stuck, "FFT", "InvalidSpec"),
            (Outcome::Paused(Rollout::Available), "TFF", "Paused"),
            (Outcome::Paused(starting()), "FFF", "Paused"),
        ] {
            assert_eq!(
                said(&outcome),
                (words.to_owned(), reason.to_owned()),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_second_pass_says_the_same() {
        let mut gate = samples::gate(json!({}));
        let outcome = made(Rollout::Available, &[]);
        let first = status(&gate, &outcome, Timestamp::UNIX_EPOCH);
        gate.status = Some(first.clone());
        assert_eq!(status(&gate, &outcome, Timestamp::MAX), first);
        assert_eq!(notice(Some(&first), &first), None);
    }

    #[test]
    fn version_and_url_outlive_a_pass_that_stops() {
        let mut gate = samples::gate(json!({}));
        gate.status = Some(status(
            &gate,
            &made(Rollout::Available, &[]),
            Timestamp::UNIX_EPOCH,
        ));
        let stuck = Outcome::Stuck {
            reason: reason::NAME_TAKEN,
            message: "x".into(),
        };
        let after = status(&gate, &stuck, Timestamp::UNIX_EPOCH);
        assert_eq!(after.version.as_deref(), Some("0.1.0"));
        let event = notice(gate.status.as_ref(), &after).unwrap();
        assert!(event.warning && event.reason == "NameTaken");
    }
}
