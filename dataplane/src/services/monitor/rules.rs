//! A policy's rules, compiled, and the evaluation of all of them at one moment. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use streamgate_crds::AlertPolicySpec;
use streamgate_crds::alert_expression::{Expression, compile};
use streamgate_crds::alert_policy::{AlertState, Evaluation, HandlerState, RuleState, Severity};

use super::alerts::{self, Change, Memory, Moment};
use super::evaluate::{Sample, evaluate};
use super::silences::Matched;
use super::store::Store;
use crate::ports::clock::UnixSeconds;
use crate::ports::scrape::Labels;

/// Alerts of one rule at most; more are an error of the rule, and nobody is told.
const MAX_ALERTS: usize = 1_000;
/// Characters of an error in the status.
const MAX_ERROR: usize = 1_024;

/// A rule that can be evaluated, or the reason why not.
pub struct Rule {
    /// Its name.
    pub name: String,
    /// How bad its alerts are.
    severity: Severity,
    /// Labels it adds to its alerts.
    labels: BTreeMap<String, String>,
    expression: Result<Expression, String>,
    hold: i64,
}

/// The rules that are switched on.
pub fn compiled(spec: &AlertPolicySpec) -> Vec<Rule> {
    let enabled = spec.rules.iter().filter(|rule| rule.enabled);
    let compiled = enabled.map(|rule| {
        let (hold, hold_error) = match seconds(&rule.hold) {
            Some(hold) => (hold, None),
            None => (
                0,
                Some(format!(
                    "for {:?} is no duration; write 30s, 5m, 1h or 1d",
                    rule.hold
                )),
            ),
        };
        let expression = compile(&rule.expr).map_err(|e| e.to_string());
        Rule {
            name: rule.name.clone(),
            severity: rule.severity,
            labels: rule.labels.clone(),
            expression: hold_error.map_or(expression, Err),
            hold,
        }
    });
    compiled.collect()
}

/// Seconds of `30s`, `5m`, `1h`, `1d`.
pub fn seconds(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let length = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(length).filter(|seconds| *seconds >= 0)
}

/// Longest range of the rules, in milliseconds.
pub fn longest_range(rules: &[Rule]) -> i64 {
    let ranges = rules.iter().map(Rule::range);
    ranges.max().unwrap_or(0)
}

impl Rule {
    fn range(&self) -> i64 {
        let range = self.expression.as_ref().map(Expression::longest_range);
        range.map_or(0, |r| i64::try_from(r.as_millis()).unwrap_or(i64::MAX))
    }

    fn samples(&self, store: &Store, now: i64) -> Result<Vec<Sample>, String> {
        let expression = self.expression.as_ref().map_err(Clone::clone)?;
        let found = evaluate(expression, store, now).map_err(|e| e.to_string())?;
        if found.len() > MAX_ALERTS {
            let found = found.len();
            return Err(format!(
                "the rule yields {found} alerts; at most {MAX_ALERTS} are allowed: aggregate"
            ));
        }
        nameless(found)
    }
}

/// An alert has no metric name.
fn nameless(samples: Vec<Sample>) -> Result<Vec<Sample>, String> {
    let mut seen = BTreeSet::new();
    let mut alerts = Vec::with_capacity(samples.len());
    for sample in samples {
        let labels = sample.labels.nameless();
        if !seen.insert(labels.clone()) {
            return Err("several alerts have the same labels; select one metric".to_owned());
        }
        let value = sample.value;
        alerts.push(Sample { labels, value });
    }
    Ok(alerts)
}

/// What rules remember, by name.
pub type Memories = BTreeMap<String, Memory>;

/// Takes up the rules where the status left them.
pub fn restore(evaluation: Option<&Evaluation>) -> Memories {
    let rules = evaluation.into_iter().flat_map(|e| &e.rules);
    let restored = rules.map(|rule| (rule.name.clone(), alerts::restore(rule)));
    restored
        .filter(|(_, memory)| memory.restored.is_some())
        .collect()
}

/// What one evaluation of a policy comes to.
pub struct Outcome {
    /// What the rules remember now.
    pub memories: Memories,
    /// What is to be told, with the rule's name.
    pub changes: Vec<(String, Change)>,
    /// Errors by rule.
    pub errors: BTreeMap<String, String>,
}

/// When and with what the rules are evaluated.
pub struct Present<'a> {
    /// The samples.
    pub store: &'a Store,
    /// Now, in milliseconds.
    pub now: i64,
    /// Since when samples have been collected without a gap, in milliseconds.
    pub since: Option<i64>,
    /// Name of the policy.
    pub policy: &'a str,
    /// Silences that hold now.
    pub silences: &'a [Arc<Matched>],
}

/// The labels by which silences know an alert: its own, those of its rule, `alertname`, and
/// `severity` and `policy` where no label has that name.
pub fn known_by(
    own: &Labels,
    added: &BTreeMap<String, String>,
    (policy, rule, severity): (&str, &str, Severity),
) -> BTreeMap<String, String> {
    let mut labels = own.clone().into_map();
    labels.extend(added.clone());
    labels.insert("alertname".to_owned(), rule.to_owned());
    for (name, value) in [("severity", severity.word()), ("policy", policy)] {
        labels
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
    }
    labels
}

/// Evaluates every rule once. A rule with an error keeps its state and tells nothing; a rule that
/// is gone or switched off ends what it told.
pub fn evaluate_all(rules: &[Rule], before: &Memories, present: &Present<'_>) -> Outcome {
    let mut outcome = Outcome {
        memories: Memories::new(),
        changes: Vec::new(),
        errors: BTreeMap::new(),
    };
    let nothing = Memory::default();
    for rule in rules {
        let memory = before.get(&rule.name).unwrap_or(&nothing);
        let (memory, changes) = match rule.samples(present.store, present.now) {
            Ok(samples) => {
                let moment = Moment {
                    now: present.now.div_euclid(1_000),
                    warm: present
                        .since
                        .is_some_and(|s| present.now - s >= rule.range()),
                };
                let silenced = |labels: &Labels| {
                    let whose = (present.policy, rule.name.as_str(), rule.severity);
                    let labels = known_by(labels, &rule.labels, whose);
                    present.silences.iter().any(|s| s.matches(&labels))
                };
                alerts::step(memory, &samples, rule.hold, moment, &silenced)
            }
            Err(error) => {
                let error = error.chars().take(MAX_ERROR).collect();
                outcome.errors.insert(rule.name.clone(), error);
                (memory.clone(), Vec::new())
            }
        };
        let told = changes.into_iter().map(|c| (rule.name.clone(), c));
        outcome.changes.extend(told);
        outcome.memories.insert(rule.name.clone(), memory);
    }
    for (name, memory) in before {
        if !outcome.memories.contains_key(name) {
            let ended = alerts::end(memory).into_iter();
            outcome.changes.extend(ended.map(|c| (name.clone(), c)));
        }
    }
    outcome
}

/// The status that tells of an outcome.
pub fn status(outcome: &Outcome, handlers: Vec<HandlerState>, now: UnixSeconds) -> Evaluation {
    let counts = outcome.memories.values().map(alerts::count);
    let (firing, pending) = counts.fold((0_i32, 0_i32), |(f, p), (firing, pending)| {
        (f.saturating_add(firing), p.saturating_add(pending))
    });
    let rules = outcome.memories.iter().filter_map(|(name, memory)| {
        let error = outcome.errors.get(name).cloned();
        let summary = alerts::summary(memory);
        if summary.is_none() && error.is_none() {
            return None;
        }
        let state = summary.map_or(AlertState::Inactive, |s| s.0);
        Some(RuleState {
            name: name.clone(),
            state,
            since: summary.and_then(|s| time(s.1)),
            series: summary.map_or(0, |s| s.2),
            notified: state == AlertState::Firing && alerts::any_told(memory),
            error,
        })
    });
    Evaluation {
        last_evaluation: time(now),
        firing,
        pending,
        rules: rules.collect(),
        handlers,
    }
}

/// Seconds since 1970 as the API writes them.
pub fn time(seconds: UnixSeconds) -> Option<Time> {
    Timestamp::from_second(seconds).ok().map(Time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::scrape::{Exposition, Target};
    use crate::services::monitor::store::Bounds;

    fn spec(rules: serde_json::Value) -> AlertPolicySpec {
        let spec = serde_json::json!({"streamGateRef": {"name": "g"}, "rules": rules});
        serde_json::from_value(spec).unwrap()
    }

    fn up() -> Store {
        let mut store = Store::new(Bounds::default());
        let target = Target {
            pod: "a".into(),
            job: "all".into(),
            instance: "a:1".into(),
        };
        store.take(&target, Some(Exposition::default()), 1_000);
        store
    }

    #[test]
    fn durations_are_read() {
        for (text, expected) in [
            ("0s", Some(0)),
            ("30s", Some(30)),
            ("5m", Some(300)),
            ("2h", Some(7_200)),
            ("1d", Some(86_400)),
            ("5", None),
            ("m", None),
            ("", None),
            ("99999999999999999d", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_bad_rule_has_an_error_and_disturbs_no_other() {
        let rules = serde_json::json!([
            {"name": "Bad", "expr": "irate(x[5m])"},
            {"name": "Off", "expr": "up", "enabled": false},
            {"name": "Up", "expr": "up == 1"},
        ]);
        let (rules, store) = (compiled(&spec(rules)), up());
        let present = Present {
            store: &store,
            now: 2_000,
            since: Some(1_000),
            policy: "p",
            silences: &[],
        };
        let outcome = evaluate_all(&rules, &Memories::new(), &present);
        let status = status(&outcome, Vec::new(), 2);
        assert_eq!((status.firing, status.pending), (1, 0));
        let names: Vec<_> = status
            .rules
            .iter()
            .map(|r| (r.name.as_str(), r.state))
            .collect();
        assert_eq!(
            names,
            [("Bad", AlertState::Inactive), ("Up", AlertState::Firing)]
        );
        let error = status.rules[0].error.as_ref().unwrap();
        assert!(error.starts_with("function irate at column 1"), "{error}");
        assert_eq!(outcome.changes.len(), 1);
        assert!(status.rules[1].notified);
    }

    #[test]
    fn a_status_is_taken_up_where_it_was_left_and_a_removed_rule_ends() {
        let (rules, store) = (
            compiled(&spec(serde_json::json!([{"name": "Up", "expr": "up"}]))),
            up(),
        );
        let present = Present {
            store: &store,
            now: 2_000,
            since: Some(1_000),
            policy: "p",
            silences: &[],
        };
        let first = evaluate_all(&rules, &Memories::new(), &present);
        let restored = restore(Some(&status(&first, Vec::new(), 2)));
        let again = evaluate_all(&rules, &restored, &present);
        assert!(again.changes.is_empty());
        let gone = evaluate_all(&[], &restored, &present);
        assert!(gone.changes[0].1.resolved);
    }
}
