//! Figures of the auth role.

use prometheus::{IntCounterVec, Opts, Registry};

use super::error::AuthError;
use super::sign_in::SignedIn;
use super::watch::News;
use crate::ports::identity::{Denied, Lease};
use crate::ports::openid::OpenIdError;

/// The families.
pub struct Metrics {
    sign_ins: IntCounterVec,
    entitlements: IntCounterVec,
    questions: IntCounterVec,
    news: IntCounterVec,
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

fn news(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
    let name = "streamgate_auth_chain_news_total";
    let help = "What the endpoints of a chain showed to have changed: tokens that moved, blocks \
                that were replaced, and times when blocks were missed.";
    let family = IntCounterVec::new(Opts::new(name, help), &["chain", "what"])?;
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
                "Questions to chains and services, by outcome; answers that were remembered are not asked again.",
                &["holds", "does_not_hold", "failed"],
            )?,
            news: news(registry)?,
        })
    }

    pub fn sign_in(&self, outcome: &Result<SignedIn, AuthError>) {
        let outcome = match outcome {
            Ok(_) => "granted",
            Err(
                AuthError::Catalog(_)
                | AuthError::Key(_)
                | AuthError::Clock
                | AuthError::Hashing
                | AuthError::OpenId(OpenIdError::Unavailable { .. })
                | AuthError::Undecided(_),
            ) => "failed",
            Err(_) => "refused",
        };
        self.sign_ins.with_label_values(&[outcome]).inc();
    }

    pub fn entitlement(&self, outcome: &Result<Lease, Denied>) {
        let outcome = match outcome {
            Ok(_) => "granted",
            Err(Denied::Undecided { .. }) => "undecided",
            Err(_) => "denied",
        };
        self.entitlements.with_label_values(&[outcome]).inc();
    }

    pub fn news(&self, chain: &str, news: &News) {
        let count = |what, times: usize| {
            let family = self.news.with_label_values(&[chain, what]);
            family.inc_by(times as u64);
        };
        count("move", news.moves.len());
        count("reorganisation", usize::from(news.orphaned.is_some()));
        count("gap", usize::from(news.lost));
    }

    /// Counts a question: whether the viewer has what it asks for, if that is known.
    pub fn question(&self, holds: Option<bool>) {
        let outcome = match holds {
            Some(true) => "holds",
            Some(false) => "does_not_hold",
            None => "failed",
        };
        self.questions.with_label_values(&[outcome]).inc();
    }
}
