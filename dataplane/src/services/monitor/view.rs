//! What the last evaluation of every policy came to, for those who ask: a copy beside the state that
//! is evaluated, so that nobody who reads waits for a write to the cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sha2::{Digest, Sha256};
use streamgate_crds::AlertPolicySpec;
use streamgate_crds::alert_policy::{AlertRule, AlertState, Severity};

use super::alerts::Memory;
use super::rules::{Memories, known_by};
use super::silences::Matched;
use crate::ports::clock::UnixSeconds;
use crate::ports::policies::Policy;
use crate::ports::scrape::Labels;

/// A policy as it was evaluated last.
pub struct Seen {
    /// UID.
    pub uid: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its spec.
    pub spec: Arc<AlertPolicySpec>,
    /// What its rules remember.
    pub memories: Arc<Memories>,
    /// Errors by rule.
    pub errors: BTreeMap<String, String>,
    /// When it was evaluated.
    pub at: UnixSeconds,
    /// How long that took.
    pub took: Duration,
}

/// An alert that is pending or fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    /// First bytes of a hash of policy, rule and labels: the same alert has the same.
    pub id: u64,
    /// Namespace of the policy.
    pub namespace: String,
    /// Name of the policy.
    pub policy: String,
    /// Name of the rule.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Pending or firing.
    pub state: AlertState,
    /// Since when it is in that state.
    pub since: UnixSeconds,
    /// Value last seen; `None` before the first one after a restart.
    pub value: Option<f64>,
    /// Labels of the series and of the rule, and `alertname`.
    pub labels: BTreeMap<String, String>,
    /// Texts of the rule for people.
    pub annotations: BTreeMap<String, String>,
    /// Identifiers of the silences that hold for it.
    pub silenced_by: Vec<String>,
}

/// Policies by UID.
#[derive(Default)]
pub struct View(RwLock<BTreeMap<String, Arc<Seen>>>);

impl View {
    /// Shows a policy.
    pub fn show(&self, seen: Seen) {
        let mut view = self.0.write().unwrap_or_else(PoisonError::into_inner);
        view.insert(seen.uid.clone(), Arc::new(seen));
    }

    /// Forgets the policies that are gone or not ready.
    pub fn keep(&self, policies: &[Policy]) {
        let stays = |uid: &str| policies.iter().any(|p| p.uid == uid && p.ready);
        let mut view = self.0.write().unwrap_or_else(PoisonError::into_inner);
        view.retain(|uid, _| stays(uid));
    }

    /// Every policy, by namespace and name.
    pub fn policies(&self) -> Vec<Arc<Seen>> {
        let view = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = view.values().cloned().collect();
        all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        all
    }
}

impl Seen {
    /// The alerts of a rule.
    pub fn alerts(&self, rule: &AlertRule, silences: &[Arc<Matched>]) -> Vec<Active> {
        let Some(memory) = self.memories.get(&rule.name) else {
            return Vec::new();
        };
        let series = series(memory);
        let active = series.into_iter().map(|(own, firing, since, value)| {
            let whose = (self.name.as_str(), rule.name.as_str(), rule.severity);
            let known = known_by(&own, &rule.labels, whose);
            let holds = silences.iter().filter(|silence| silence.matches(&known));
            let mut labels = own.clone().into_map();
            labels.extend(rule.labels.clone());
            labels.insert("alertname".to_owned(), rule.name.clone());
            Active {
                id: identity(&self.uid, &rule.name, &own),
                namespace: self.namespace.clone(),
                policy: self.name.clone(),
                rule: rule.name.clone(),
                severity: rule.severity,
                state: match firing {
                    true => AlertState::Firing,
                    false => AlertState::Pending,
                },
                since,
                value,
                labels,
                annotations: rule.annotations.clone(),
                silenced_by: holds.map(|s| s.silence.id.clone()).collect(),
            }
        });
        active.collect()
    }

    /// The alerts of every rule.
    pub fn all_alerts(&self, silences: &[Arc<Matched>]) -> Vec<Active> {
        let rules = self.spec.rules.iter();
        rules.flat_map(|rule| self.alerts(rule, silences)).collect()
    }
}

/// Labels, whether it fires, since when, and value of every alert. What is restored of before a
/// restart is one alert without labels.
fn series(memory: &Memory) -> Vec<(Labels, bool, UnixSeconds, Option<f64>)> {
    let restored = memory.restored.iter();
    let restored = restored.map(|r| (Labels::default(), r.firing, r.since, None));
    let alerts = memory.alerts.iter();
    let alerts = alerts.map(|(labels, a)| (labels.clone(), a.firing, a.since, Some(a.value)));
    restored.chain(alerts).collect()
}

fn identity(uid: &str, rule: &str, labels: &Labels) -> u64 {
    let mut hash = Sha256::new();
    let pairs = labels.iter().flat_map(|(name, value)| [name, value]);
    for part in [uid, rule].into_iter().chain(pairs) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    hash[..8]
        .iter()
        .fold(0, |n, byte| n << 8 | u64::from(*byte))
}
