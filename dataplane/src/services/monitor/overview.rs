//! How a gate is in a few numbers: its roles, its alerts, its rules.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use serde::Serialize;
use streamgate_crds::alert_expression::compile;
use streamgate_crds::alert_policy::{AlertState, Severity};
use utoipa::ToSchema;

use super::Monitor;
use super::evaluate::{Sample, evaluate};

/// Pods of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleHealth {
    /// Name of the role; `all` for a pod that runs every role.
    pub role: String,
    /// Pods that were looked at.
    pub pods: u64,
    /// Pods that answered the last time.
    pub up: u64,
}

/// Alerts, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertCounts {
    /// Alerts that fire.
    pub firing: u64,
    /// Alerts whose condition holds but not long enough yet.
    pub pending: u64,
    /// Alerts that fire and are silenced.
    pub silenced: u64,
    /// Alerts that fire and are critical.
    pub critical: u64,
    /// Alerts that fire and are warnings.
    pub warning: u64,
    /// Alerts that fire and are good to know.
    pub info: u64,
}

/// Rules, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleCounts {
    /// Rules that are switched on.
    pub enabled: u64,
    /// Rules that are switched off.
    pub disabled: u64,
    /// Rules whose last evaluation failed.
    pub failing: u64,
}

/// How a gate is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Overview {
    /// `ok`; `degraded` when a pod does not answer or a critical alert fires that nobody silenced;
    /// `unknown` before the first pod was read.
    pub status: &'static str,
    /// Roles by name.
    pub roles: Vec<RoleHealth>,
    /// Alerts.
    pub alerts: AlertCounts,
    /// AlertPolicies that are evaluated.
    pub policies: u64,
    /// Their rules.
    pub rules: RuleCounts,
    /// Silences that hold.
    pub silences: u64,
    /// Time series that are held.
    pub series: u64,
}

impl Monitor {
    /// How the gate is.
    pub fn overview(&self) -> Overview {
        let silences = self.silences.holding(self.clock.now());
        let roles = self.roles();
        let mut overview = Overview {
            silences: silences.len() as u64,
            series: self.series(),
            ..Overview::default()
        };
        let mut loud = false;
        for policy in self.view.policies() {
            overview.policies += 1;
            let enabled = policy.spec.rules.iter().filter(|rule| rule.enabled).count() as u64;
            overview.rules.enabled += enabled;
            overview.rules.disabled += policy.spec.rules.len() as u64 - enabled;
            overview.rules.failing += policy.errors.len() as u64;
            for alert in policy.all_alerts(&silences) {
                let counts = &mut overview.alerts;
                if alert.state != AlertState::Firing {
                    counts.pending += 1;
                    continue;
                }
                counts.firing += 1;
                counts.silenced += u64::from(!alert.silenced_by.is_empty());
                match alert.severity {
                    Severity::Critical => counts.critical += 1,
                    Severity::Warning => counts.warning += 1,
                    Severity::Info => counts.info += 1,
                }
                loud |= alert.severity == Severity::Critical && alert.silenced_by.is_empty();
            }
        }
        let down = roles.iter().any(|role| role.up < role.pods);
        overview.status = match (roles.is_empty(), down || loud) {
            (true, _) => "unknown",
            (false, true) => "degraded",
            (false, false) => "ok",
        };
        overview.roles = roles;
        overview
    }

    fn series(&self) -> u64 {
        let samples = self.samples.read().unwrap_or_else(PoisonError::into_inner);
        samples.store.series() as u64
    }

    /// Roles by the series `up` of their pods.
    fn roles(&self) -> Vec<RoleHealth> {
        let Ok(up) = compile("up") else {
            return Vec::new();
        };
        let samples = self.samples.read().unwrap_or_else(PoisonError::into_inner);
        let found = evaluate(&up, &samples.store, self.clock.now_milliseconds());
        by_role(&found.unwrap_or_default())
    }
}

fn by_role(up: &[Sample]) -> Vec<RoleHealth> {
    let mut roles: BTreeMap<&str, RoleHealth> = BTreeMap::new();
    for sample in up {
        let role = sample.labels.get("job");
        let health = roles.entry(role).or_insert_with(|| RoleHealth {
            role: role.to_owned(),
            ..RoleHealth::default()
        });
        health.pods += 1;
        health.up += u64::from(sample.value > 0.0);
    }
    roles.into_values().collect()
}
