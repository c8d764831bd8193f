//! Figures of the auth role.

use prometheus::{IntCounterVec, Opts, Registry};

use super::error::AuthError;
use super::sign_in::SignedIn;
use crate::ports::chain::{ChainError, Holding};
use crate::ports::identity::{Denied, Lease};

/// The families.
pub struct Metrics {
    sign_ins: IntCounterVec,
    entitlements: IntCounterVec,
    questions: IntCounterVec,
}

fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
    outcomes: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let family = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
    for outcome in outcomes {
        family.with_label_values(&[outcome]);
    }
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

impl Metrics {
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            sign_ins: counter(
                registry,
                "streamgate_auth_sign_ins_total",
                "Signed messages taken, by outcome.",
                &["granted", "refused", "failed"],
            )?,
            entitlements: counter(
                registry,
                "streamgate_auth_entitlements_total",
                "Decisions whether somebody may watch, by outcome.",
                &["granted", "denied", "undecided"],
            )?,
            questions: counter(
                registry,
                "streamgate_auth_chain_questions_total",
                "Questions to chains, by outcome; answers that were remembered are not asked again.",
                &["holds", "does_not_hold", "failed"],
            )?,
        })
    }

    pub fn sign_in(&self, outcome: &Result<SignedIn, AuthError>) {
        let outcome = match outcome {
            Ok(_) => "granted",
            Err(AuthError::Catalog(_) | AuthError::Key(_) | AuthError::Clock) => "failed",
            Err(_) => "refused",
        };
        self.sign_ins.with_label_values(&[outcome]).inc();
    }

    pub fn entitlement(&self, outcome: &Result<Lease, Denied>) {
        let outcome = match outcome {
            Ok(_) => "granted",
            Err(Denied::Undecided(_)) => "undecided",
            Err(_) => "denied",
        };
        self.entitlements.with_label_values(&[outcome]).inc();
    }

    pub fn question(&self, outcome: &Result<Holding, ChainError>) {
        let outcome = match outcome {
            Ok(Holding { holds: true, .. }) => "holds",
            Ok(_) => "does_not_hold",
            Err(_) => "failed",
        };
        self.questions.with_label_values(&[outcome]).inc();
    }
}
