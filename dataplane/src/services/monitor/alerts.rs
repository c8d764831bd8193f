//! The life of alerts: inactive → pending → firing → resolved. Pure: what a rule knew, what its
//! expression yields and the time in; what it knows then and what is to be told out.
//!
//! A rule's state outlives a restart through `AlertPolicy.status.evaluation`, which keeps the
//! worst state of its series, not each series. So a series seen first after a restart takes over
//! the state its rule had: somebody is rather not told of a series that began meanwhile than told
//! twice of the others.

use std::collections::BTreeMap;

use streamgate_crds::alert_policy::{AlertState, RuleState};

use super::evaluate::Sample;
use crate::ports::clock::UnixSeconds;
use crate::ports::scrape::Labels;

/// One alert: a series of a rule whose condition holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alert {
    /// Whether it fires; if not, it is pending.
    pub firing: bool,
    /// Since when it is in that state.
    pub since: UnixSeconds,
    /// Value last seen.
    pub value: f64,
    /// Handlers were told that it fires.
    pub told: bool,
}

/// What a rule remembers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Its alerts by labels, names apart.
    pub alerts: BTreeMap<Labels, Alert>,
    /// State from before a restart, until the first result replaces it.
    pub restored: Option<Restored>,
}

/// What the status told of a rule after a restart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Restored {
    /// The state.
    pub firing: bool,
    /// Since when.
    pub since: UnixSeconds,
    /// Its series.
    pub series: i32,
    /// Handlers were told of it.
    pub told: bool,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Labels of the series.
    pub labels: Labels,
    /// The value; `None` when it was last seen before a restart.
    pub value: Option<f64>,
    /// Since when it fires.
    pub since: UnixSeconds,
    /// It is over.
    pub resolved: bool,
    /// The alert began or ended; if not, only its silence did.
    pub fresh: bool,
    /// Handlers are to hear of it: it is not silenced, and what they never heard of does not end.
    pub notify: bool,
}

/// What is known of the world beyond the samples.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub now: UnixSeconds,
    /// Samples reach as far back as the rule looks; before that, absence proves nothing.
    pub warm: bool,
}

/// Takes up a rule where the status left it.
pub fn restore(state: &RuleState) -> Memory {
    let since = state.since.as_ref().map_or(0, |t| t.0.as_second());
    let firing = state.state == AlertState::Firing;
    let restored = (state.state != AlertState::Inactive).then_some(Restored {
        firing,
        since,
        series: state.series,
        told: state.notified,
    });
    Memory {
        alerts: BTreeMap::new(),
        restored,
    }
}

/// The next state of a rule that fires after `hold` seconds, and what is to be told. Alerts that are
/// silenced change as any other; handlers are told of them when the silence ends before they do.
pub fn step(
    memory: &Memory,
    samples: &[Sample],
    hold: i64,
    moment: Moment,
    silenced: &dyn Fn(&Labels) -> bool,
) -> (Memory, Vec<Change>) {
    let mut changes = Vec::new();
    let mut next = Memory::default();
    for sample in samples {
        let before = memory.alerts.get(&sample.labels).copied();
        let before = before.or_else(|| taken_over(memory, sample));
        let mut alert = hold_on(before, sample.value, hold, moment.now);
        let fresh = !before.is_some_and(|before| before.firing);
        let notify = alert.firing && !alert.told && !silenced(&sample.labels);
        alert.told |= notify;
        if alert.firing && (fresh || notify) {
            changes.push(Change {
                fresh,
                notify,
                ..told(&sample.labels, alert, false)
            });
        }
        next.alerts.insert(sample.labels.clone(), alert);
    }
    let absent = memory
        .alerts
        .iter()
        .filter(|(labels, _)| !next.alerts.contains_key(labels))
        .map(|(labels, alert)| (labels.clone(), *alert))
        .collect::<Vec<_>>();
    for (labels, alert) in absent {
        if !moment.warm {
            next.alerts.insert(labels, alert);
        } else if alert.firing {
            changes.push(told(&labels, alert, true));
        }
    }
    if samples.is_empty() {
        changes.extend(still_restored(memory, moment, &mut next));
    }
    (next, changes)
}

/// Everything a rule told is over: it is gone, or switched off.
pub fn end(memory: &Memory) -> Vec<Change> {
    let firing = memory.alerts.iter().filter(|(_, alert)| alert.firing);
    let mut changes: Vec<_> = firing
        .map(|(labels, alert)| told(labels, *alert, true))
        .collect();
    changes.extend(memory.restored.filter(|r| r.firing).map(over));
    changes
}

/// State and number of series, as the status shows them; `None` for an inactive rule.
pub fn summary(memory: &Memory) -> Option<(AlertState, UnixSeconds, i32)> {
    if let Some(restored) = memory.restored {
        let state = state(restored.firing);
        return Some((state, restored.since, restored.series));
    }
    let firing = memory.alerts.values().any(|alert| alert.firing);
    let worst = memory.alerts.values().filter(|a| a.firing == firing);
    let since = worst.clone().map(|alert| alert.since).min()?;
    let series = i32::try_from(worst.count()).unwrap_or(i32::MAX);
    Some((state(firing), since, series))
}

/// Whether handlers were told of any alert that fires.
pub fn any_told(memory: &Memory) -> bool {
    match memory.restored {
        Some(restored) => restored.told,
        None => memory.alerts.values().any(|a| a.firing && a.told),
    }
}

/// Alerts that fire, and alerts that are pending.
pub fn count(memory: &Memory) -> (i32, i32) {
    if let Some(restored) = memory.restored {
        let series = restored.series;
        return if restored.firing {
            (series, 0)
        } else {
            (0, series)
        };
    }
    let firing = memory.alerts.values().filter(|a| a.firing).count();
    let pending = memory.alerts.len() - firing;
    let number = |n| i32::try_from(n).unwrap_or(i32::MAX);
    (number(firing), number(pending))
}

fn state(firing: bool) -> AlertState {
    if firing {
        AlertState::Firing
    } else {
        AlertState::Pending
    }
}

fn taken_over(memory: &Memory, sample: &Sample) -> Option<Alert> {
    memory.restored.map(|restored| Alert {
        firing: restored.firing,
        since: restored.since,
        value: sample.value,
        told: restored.told,
    })
}

/// The state of an alert whose condition holds now.
fn hold_on(before: Option<Alert>, value: f64, hold: i64, now: UnixSeconds) -> Alert {
    let (firing, since) = before.map_or((false, now), |b| (b.firing, b.since));
    let told = before.is_some_and(|b| b.firing && b.told);
    if !firing && now - since >= hold {
        return Alert {
            firing: true,
            since: now,
            value,
            told,
        };
    }
    Alert {
        firing,
        since,
        value,
        told,
    }
}

/// A restored rule that yields nothing: it waits until that proves something.
fn still_restored(memory: &Memory, moment: Moment, next: &mut Memory) -> Option<Change> {
    let restored = memory.restored?;
    if !moment.warm {
        next.restored = Some(restored);
        return None;
    }
    restored.firing.then(|| over(restored))
}

fn over(restored: Restored) -> Change {
    Change {
        labels: Labels::default(),
        value: None,
        since: restored.since,
        resolved: true,
        fresh: true,
        notify: restored.told,
    }
}

fn told(labels: &Labels, alert: Alert, resolved: bool) -> Change {
    Change {
        labels: labels.clone(),
        value: Some(alert.value),
        since: alert.since,
        resolved,
        fresh: true,
        notify: alert.told,
    }
}

#[cfg(test)]
mod tests;
