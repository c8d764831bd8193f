//! One policy: evaluate when due, write what changed, then tell it.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use streamgate_crds::AlertPolicySpec;
use streamgate_crds::alert_policy::Evaluation;

use super::alerts::Change;
use super::rules::{self, Memories, Outcome, Present, Rule};
use super::view::Seen;
use super::{Monitor, chain};
use crate::ports::catalog::alarms::AlertChange;
use crate::ports::clock::UnixSeconds;
use crate::ports::notices::{Notice, NoticeStatus, PolicyName, VERSION};
use crate::ports::policies::{Policy, Written};

/// A status that says the same is written again after this many seconds.
const REWRITE: i64 = 300;

/// What is remembered of a policy between evaluations.
pub struct Watched {
    spec: Arc<AlertPolicySpec>,
    rules: Vec<Rule>,
    memories: Arc<Memories>,
    written: Option<Evaluation>,
    written_at: UnixSeconds,
    due: UnixSeconds,
}

impl Watched {
    /// Takes a policy up where its status left it.
    pub fn restored(policy: &Policy) -> Self {
        Self {
            rules: rules::compiled(&policy.spec),
            spec: policy.spec.clone(),
            memories: Arc::new(rules::restore(policy.evaluation.as_ref())),
            written: policy.evaluation.clone(),
            written_at: 0,
            due: 0,
        }
    }

    /// The longest range of its rules, in milliseconds.
    pub fn longest_range(&self) -> i64 {
        rules::longest_range(&self.rules)
    }

    fn adopt(&mut self, policy: &Policy) {
        if self.spec != policy.spec {
            self.rules = rules::compiled(&policy.spec);
            self.spec = policy.spec.clone();
        }
    }

    /// Whether the status must be written: it says something else, or was silent long enough.
    fn stale(&self, status: &Evaluation, now: UnixSeconds) -> bool {
        let without_time = |e: &Evaluation| Evaluation {
            last_evaluation: None,
            ..e.clone()
        };
        let same = self.written.as_ref().map(without_time) == Some(without_time(status));
        !same || now - self.written_at >= REWRITE
    }
}

impl Monitor {
    /// Evaluates a policy if it is due.
    pub(super) async fn pass(&self, policy: &Policy, known: &mut Watched) {
        let now = self.clock.now();
        if now < known.due {
            return;
        }
        known.adopt(policy);
        let begun = Instant::now();
        let Some(outcome) = self.outcome(policy, known) else {
            return;
        };
        known.due = now + i64::from(policy.spec.interval_seconds);
        let took = begun.elapsed();
        let status = rules::status(&outcome, self.deliveries.states(policy), now);
        let told = outcome.changes.is_empty();
        if known.stale(&status, now) && !self.write(policy, known, status, now).await && !told {
            // Not written, so not told: the next tick comes to the same changes again.
            known.due = now;
            return;
        }
        for (rule, change) in &outcome.changes {
            self.tell(policy, rule, change, now);
        }
        known.memories = Arc::new(outcome.memories);
        self.view.show(Seen {
            uid: policy.uid.clone(),
            namespace: policy.namespace.clone(),
            name: policy.name.clone(),
            spec: policy.spec.clone(),
            memories: known.memories.clone(),
            errors: outcome.errors,
            at: now,
            took,
        });
    }

    /// `None` before the first samples are there.
    fn outcome(&self, policy: &Policy, known: &Watched) -> Option<Outcome> {
        let silences = self.silences.holding(self.clock.now());
        let samples = self.samples.read().unwrap_or_else(PoisonError::into_inner);
        let present = Present {
            store: &samples.store,
            now: self.clock.now_milliseconds(),
            since: Some(samples.since?),
            policy: &policy.name,
            silences: &silences,
        };
        let begun = Instant::now();
        let outcome = rules::evaluate_all(&known.rules, &known.memories, &present);
        let took = begun.elapsed().as_secs_f64();
        self.metrics.evaluation_seconds.observe(took);
        let (all, failed) = (known.rules.len() as u64, outcome.errors.len() as u64);
        self.metrics.evaluated.inc_by(all.saturating_sub(failed));
        self.metrics.evaluation_failed.inc_by(failed);
        Some(outcome)
    }

    async fn write(
        &self,
        policy: &Policy,
        known: &mut Watched,
        status: Evaluation,
        now: UnixSeconds,
    ) -> bool {
        match self.policies.write(policy, &status).await {
            Ok(Written::Done) => {
                known.written = Some(status);
                known.written_at = now;
                true
            }
            Ok(Written::Stale) => false,
            Err(error) => {
                let policy = policy.name.as_str();
                tracing::warn!(policy, error = chain(&error), "a status was not written");
                false
            }
        }
    }

    fn tell(&self, policy: &Policy, rule: &str, change: &Change, now: UnixSeconds) {
        let notice = notice(policy, rule, change, now);
        if change.notify {
            self.deliveries.send(policy, &notice);
        }
        if change.fresh {
            self.history.note(entry(&notice, change, now));
            self.deliveries.record(self.events.clone(), policy, notice);
        }
    }
}

/// The change in the history.
fn entry(notice: &Notice, change: &Change, now: UnixSeconds) -> AlertChange {
    AlertChange {
        place: 0,
        at: now,
        resolved: change.resolved,
        namespace: notice.policy.namespace.clone(),
        policy: notice.policy.name.clone(),
        rule: notice.rule.clone(),
        severity: notice.severity,
        labels: notice.labels.clone(),
        starts_at: change.since,
        value: notice.value,
        silenced: !change.notify,
    }
}

/// The notice of a change. A rule that is gone has no texts any more.
fn notice(policy: &Policy, rule: &str, change: &Change, now: UnixSeconds) -> Notice {
    let spec = policy.spec.rules.iter().find(|r| r.name == rule);
    let mut labels = change.labels.clone().into_map();
    labels.extend(spec.into_iter().flat_map(|r| r.labels.clone()));
    labels.insert("alertname".to_owned(), rule.to_owned());
    let time = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
    Notice {
        version: VERSION.to_owned(),
        status: if change.resolved {
            NoticeStatus::Resolved
        } else {
            NoticeStatus::Firing
        },
        policy: PolicyName {
            namespace: policy.namespace.clone(),
            name: policy.name.clone(),
        },
        rule: rule.to_owned(),
        severity: spec.map(|r| r.severity).unwrap_or_default(),
        labels,
        annotations: spec.map(|r| r.annotations.clone()).unwrap_or_default(),
        starts_at: time(change.since),
        ends_at: change.resolved.then(|| time(now)),
        value: change.value.filter(|value| value.is_finite()),
    }
}
