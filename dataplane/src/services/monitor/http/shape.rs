//! Bodies of the monitor role.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use streamgate_crds::alert_policy::{AlertRule, AlertState, Severity};
use utoipa::ToSchema;

use crate::ports::catalog::alarms::{self, AlertChange, LabelMatcher};
use crate::ports::clock::UnixSeconds;
use crate::services::monitor::lists::Page;
use crate::services::monitor::view::{Active, Seen};
use crate::validation::Line;

/// Names an AlertPolicy.
#[derive(Serialize, ToSchema)]
pub struct PolicyName {
    namespace: String,
    name: String,
}

fn time(seconds: UnixSeconds) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

/// JSON knows no infinity.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// An alert that is pending or fires.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Identifier: the same alert has the same.
    id: String,
    policy: PolicyName,
    /// Name of the rule.
    rule: String,
    /// critical, warning or info.
    #[schema(value_type = String)]
    severity: Severity,
    /// pending or firing.
    #[schema(value_type = String)]
    state: AlertState,
    /// Since when it is in that state.
    #[schema(value_type = String, format = DateTime)]
    since: Option<Timestamp>,
    /// Value of the expression when it was evaluated last.
    value: Option<f64>,
    /// Labels of the series and of the rule; `alertname` is the rule.
    labels: BTreeMap<String, String>,
    /// Texts for people.
    annotations: BTreeMap<String, String>,
    /// Identifiers of the silences that hold for it.
    silenced_by: Vec<String>,
}

impl From<Active> for Alert {
    fn from(alert: Active) -> Self {
        Self {
            id: format!("{:016x}", alert.id),
            policy: PolicyName {
                namespace: alert.namespace,
                name: alert.policy,
            },
            rule: alert.rule,
            severity: alert.severity,
            state: alert.state,
            since: time(alert.since),
            value: finite(alert.value),
            labels: alert.labels,
            annotations: alert.annotations,
            silenced_by: alert.silenced_by,
        }
    }
}

/// A page of alerts.
#[derive(Serialize, ToSchema)]
pub struct Alerts {
    /// The alerts.
    alerts: Vec<Alert>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Page<Active>> for Alerts {
    fn from(page: Page<Active>) -> Self {
        Self {
            alerts: page.items.into_iter().map(Alert::from).collect(),
            next: page.next,
        }
    }
}

/// An alert began to fire or was over.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    time: Option<Timestamp>,
    /// firing or resolved.
    status: &'static str,
    policy: PolicyName,
    /// Name of the rule.
    rule: String,
    /// critical, warning or info.
    #[schema(value_type = String)]
    severity: Severity,
    /// Labels of the series and of the rule; `alertname` is the rule.
    labels: BTreeMap<String, String>,
    /// Since when it fires, or fired.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Option<Timestamp>,
    /// Value of the expression when it was evaluated last.
    value: Option<f64>,
    /// Handlers were not told.
    silenced: bool,
}

impl From<AlertChange> for Change {
    fn from(change: AlertChange) -> Self {
        Self {
            time: time(change.at),
            status: if change.resolved {
                "resolved"
            } else {
                "firing"
            },
            policy: PolicyName {
                namespace: change.namespace,
                name: change.policy,
            },
            rule: change.rule,
            severity: change.severity,
            labels: change.labels,
            starts_at: time(change.starts_at),
            value: finite(change.value),
            silenced: change.silenced,
        }
    }
}

/// A page of the history.
#[derive(Serialize, ToSchema)]
pub struct Changes {
    /// The changes.
    changes: Vec<Change>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Page<AlertChange>> for Changes {
    fn from(page: Page<AlertChange>) -> Self {
        Self {
            changes: page.items.into_iter().map(Change::from).collect(),
            next: page.next,
        }
    }
}

/// A rule and how it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Name, unique in the policy.
    name: String,
    policy: PolicyName,
    /// Condition in PromQL.
    expr: String,
    /// How long it must hold.
    #[serde(rename = "for")]
    hold: String,
    /// critical, warning or info.
    #[schema(value_type = String)]
    severity: Severity,
    /// Whether it is evaluated.
    enabled: bool,
    /// The worst of its alerts: inactive, pending or firing.
    #[schema(value_type = String)]
    state: AlertState,
    /// Alerts that fire.
    firing: u64,
    /// Alerts that are pending.
    pending: u64,
    /// When it was evaluated last.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_evaluation: Option<Timestamp>,
    /// Why that failed, if it did.
    error: Option<String>,
    /// Labels it adds.
    labels: BTreeMap<String, String>,
    /// Texts for people.
    annotations: BTreeMap<String, String>,
}

impl Rule {
    fn of(seen: &Seen, rule: &AlertRule) -> Self {
        let alerts = seen.alerts(rule, &[]);
        let firing = alerts.iter().filter(|a| a.state == AlertState::Firing);
        let firing = firing.count() as u64;
        let worst = alerts.iter().map(|alert| alert.state).max();
        Self {
            name: rule.name.clone(),
            policy: PolicyName {
                namespace: seen.namespace.clone(),
                name: seen.name.clone(),
            },
            expr: rule.expr.clone(),
            hold: rule.hold.clone(),
            severity: rule.severity,
            enabled: rule.enabled,
            state: worst.unwrap_or_default(),
            firing,
            pending: alerts.len() as u64 - firing,
            last_evaluation: time(seen.at).filter(|_| rule.enabled),
            error: seen.errors.get(&rule.name).cloned(),
            labels: rule.labels.clone(),
            annotations: rule.annotations.clone(),
        }
    }
}

/// Every rule.
#[derive(Serialize, ToSchema)]
pub struct Rules {
    /// By policy, as the policies have them.
    rules: Vec<Rule>,
}

impl Rules {
    /// The rules of these policies.
    pub fn of(policies: &[Arc<Seen>]) -> Self {
        let of = |seen: &Arc<Seen>| {
            let rules = seen.spec.rules.iter();
            rules.map(|rule| Rule::of(seen, rule)).collect::<Vec<_>>()
        };
        Self {
            rules: policies.iter().flat_map(of).collect(),
        }
    }
}

/// A silence that is wished for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSilence {
    /// All must match an alert's labels; besides those of the alert there are `alertname`, `severity`
    /// and `policy`.
    #[schema(min_items = 1, max_items = 16)]
    matchers: Vec<LabelMatcher>,
    /// From when; now when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Timestamp>,
    /// Until when; at most 366 days after its start.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// Why.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    comment: Line<500>,
}

impl NewSilence {
    /// As its author's; without an identifier, and beginning at 0 for now.
    pub fn into_silence(self, author: String) -> alarms::Silence {
        alarms::Silence {
            id: String::new(),
            matchers: self.matchers,
            starts_at: self.starts_at.map_or(0, Timestamp::as_second),
            ends_at: self.ends_at.as_second(),
            author,
            comment: self.comment.as_str().to_owned(),
            created_at: 0,
        }
    }
}

/// A silence.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Identifier.
    id: String,
    /// pending, active or expired.
    state: &'static str,
    /// All must match.
    matchers: Vec<LabelMatcher>,
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Option<Timestamp>,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Option<Timestamp>,
    /// Wallet of the one who made it.
    author: String,
    /// Why.
    comment: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Option<Timestamp>,
}

impl Silence {
    /// As it is at `now`.
    pub fn of(silence: alarms::Silence, now: UnixSeconds) -> Self {
        let state = match () {
            () if silence.ends_at <= now => "expired",
            () if silence.starts_at > now => "pending",
            () => "active",
        };
        Self {
            id: silence.id,
            state,
            matchers: silence.matchers,
            starts_at: time(silence.starts_at),
            ends_at: time(silence.ends_at),
            author: silence.author,
            comment: silence.comment,
            created_at: time(silence.created_at),
        }
    }
}

/// Every silence.
#[derive(Serialize, ToSchema)]
pub struct Silences {
    /// The newest first.
    silences: Vec<Silence>,
}

impl Silences {
    /// As they are at `now`.
    pub fn of(silences: Vec<alarms::Silence>, now: UnixSeconds) -> Self {
        let silences = silences.into_iter().map(|s| Silence::of(s, now));
        Self {
            silences: silences.collect(),
        }
    }
}
