//! What the monitor keeps over restarts: silences, and the changes of alerts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use streamgate_crds::alert_policy::Severity;
use utoipa::ToSchema;

use super::CatalogError;
use crate::ports::clock::UnixSeconds;

/// A condition on one label, in the shape of Alertmanager's API (v2, `matcher`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelMatcher {
    /// Name of the label.
    #[schema(pattern = "^[a-zA-Z_][a-zA-Z0-9_]*$", max_length = 128)]
    pub name: String,
    /// Value, or the expression that the whole value must match.
    #[schema(max_length = 512)]
    pub value: String,
    /// Whether the value is a regular expression. Default false.
    #[serde(default)]
    #[schema(default = false)]
    pub is_regex: bool,
    /// Whether the label must match; false for one that must not. Default true.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

/// Alerts that nobody is told of for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Identifier.
    pub id: String,
    /// All must match.
    pub matchers: Vec<LabelMatcher>,
    /// From when.
    pub starts_at: UnixSeconds,
    /// Until when, itself excluded.
    pub ends_at: UnixSeconds,
    /// Wallet of the one who made it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// An alert began or ended to fire.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertChange {
    /// Place in the history; 0 before it is kept.
    pub place: i64,
    /// When.
    pub at: UnixSeconds,
    /// It is over.
    pub resolved: bool,
    /// Namespace of the AlertPolicy.
    pub namespace: String,
    /// Name of the AlertPolicy.
    pub policy: String,
    /// Name of the rule.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Since when it fires, or fired.
    pub starts_at: UnixSeconds,
    /// The value; `None` for none and for no number.
    pub value: Option<f64>,
    /// Handlers were not told.
    pub silenced: bool,
}

/// Which changes are asked for; an empty text stands for any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangesOf {
    /// Of this rule.
    pub rule: String,
    /// Of this policy.
    pub policy: String,
    /// Of this severity, as its word.
    pub severity: String,
    /// Before this place; any for `None`.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Keeps them.
#[async_trait]
pub trait Alarms: Send + Sync {
    /// Adds a silence unless there are `most` already; false when there are.
    async fn add_silence(&self, silence: &Silence, most: u32) -> Result<bool, CatalogError>;
    /// Every silence, the newest first.
    async fn silences(&self) -> Result<Vec<Silence>, CatalogError>;
    /// Removes a silence; false when there is no such one.
    async fn delete_silence(&self, id: &str) -> Result<bool, CatalogError>;
    /// Removes the silences that ended before `before`.
    async fn forget_silences(&self, before: UnixSeconds) -> Result<(), CatalogError>;
    /// Keeps changes of alerts, and of all of them the newest `most`.
    async fn add_changes(&self, changes: &[AlertChange], most: u32) -> Result<(), CatalogError>;
    /// Changes of alerts, the newest first.
    async fn changes(&self, of: &ChangesOf) -> Result<Vec<AlertChange>, CatalogError>;
}
