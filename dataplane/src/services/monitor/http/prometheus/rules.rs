//! `rules` and `alerts` of Prometheus' API: an AlertPolicy is a group of alerting rules.

use std::time::Duration;

use axum::extract::State;
use serde_json::{Value, json};
use streamgate_crds::alert_policy::{AlertRule, AlertState};

use super::form::{Form, number, scientific};
use super::{Answer, Refused, Service, admin, nameless, success, time};
use crate::layers::authenticate::Caller;
use crate::services::monitor::seconds_of;
use crate::services::monitor::view::{Active, Seen};

/// `alerts`: those that are pending or fire.
pub async fn alerts(State(monitor): Service, caller: Caller) -> Answer {
    admin(caller)?;
    let policies = monitor.policies_seen();
    let alerts = policies.iter().flat_map(|seen| seen.all_alerts(&[]));
    let alerts: Vec<Value> = alerts.map(|active| alert(&active)).collect();
    success(json!({"alerts": alerts}))
}

/// `rules`: every rule, by policy; of `type`, of these names, with or without their alerts.
pub async fn rules(State(monitor): Service, caller: Caller, form: Form) -> Answer {
    admin(caller)?;
    let alerting = match form.one("type") {
        None | Some("" | "alert") => true,
        Some("record") => false,
        Some(_) => return Err(Refused::parameter("type", "it must be alert or record").into()),
    };
    let wanted = Wanted {
        rules: form.all("rule_name[]").collect(),
        groups: form.all("rule_group[]").collect(),
        files: form.all("file[]").collect(),
        alerts: !form.flag("exclude_alerts")?,
    };
    let policies = monitor.policies_seen();
    let groups = policies.iter().filter(|_| alerting);
    let groups: Vec<Value> = groups.filter_map(|seen| group(seen, &wanted)).collect();
    success(json!({"groups": groups}))
}

/// What is asked for; an empty list asks for all.
struct Wanted<'a> {
    rules: Vec<&'a str>,
    groups: Vec<&'a str>,
    files: Vec<&'a str>,
    alerts: bool,
}

fn among(list: &[&str], name: &str) -> bool {
    list.is_empty() || list.contains(&name)
}

fn group(seen: &Seen, wanted: &Wanted<'_>) -> Option<Value> {
    let file = format!("{}/{}", seen.namespace, seen.name);
    if !among(&wanted.groups, &seen.name) || !among(&wanted.files, &file) {
        return None;
    }
    let enabled = seen.spec.rules.iter().filter(|rule| rule.enabled);
    let named = enabled.filter(|rule| among(&wanted.rules, &rule.name));
    let rules: Vec<Value> = named.map(|r| rule(seen, r, wanted.alerts)).collect();
    (!rules.is_empty()).then(|| {
        json!({
            "name": seen.name, "file": file, "rules": rules,
            "interval": seen.spec.interval_seconds, "limit": 0,
            "evaluationTime": seconds(seen.took), "lastEvaluation": time(seen.at),
        })
    })
}

fn rule(seen: &Seen, rule: &AlertRule, with_alerts: bool) -> Value {
    let alerts = seen.alerts(rule, &[]);
    let worst = alerts.iter().map(|alert| alert.state).max();
    let error = seen.errors.get(&rule.name);
    let mut labels = rule.labels.clone();
    let severity = rule.severity.word().to_owned();
    labels.entry("severity".to_owned()).or_insert(severity);
    let shown = alerts.iter().filter(|_| with_alerts);
    let shown: Vec<Value> = shown.map(alert).collect();
    let all = seen.spec.rules.iter().filter(|rule| rule.enabled).count();
    let each = seen.took / u32::try_from(all.max(1)).unwrap_or(1);
    let mut told = json!({
        "type": "alerting", "name": rule.name, "query": rule.expr,
        "duration": seconds_of(&rule.hold).unwrap_or(0), "keepFiringFor": 0,
        "state": word(worst.unwrap_or_default()), "labels": labels,
        "annotations": rule.annotations, "alerts": shown,
        "health": if error.is_some() { "err" } else { "ok" },
        "evaluationTime": seconds(each), "lastEvaluation": time(seen.at),
    });
    if let Some(error) = error {
        told["lastError"] = error.as_str().into();
    }
    told
}

fn alert(active: &Active) -> Value {
    let mut labels = nameless(&active.labels);
    if labels.get("severity").is_none() {
        labels["severity"] = active.severity.word().into();
    }
    json!({
        "labels": labels, "annotations": active.annotations, "state": word(active.state),
        "activeAt": time(active.since),
        "value": active.value.map_or_else(|| number(f64::NAN), scientific),
    })
}

const fn word(state: AlertState) -> &'static str {
    match state {
        AlertState::Inactive => "inactive",
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
