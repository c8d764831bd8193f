//! `AlertPolicy`: rules over the metrics of a StreamGate, and whom to tell.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::StreamGateRef;

/// Which rules are evaluated, how often, and whom they tell.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "streamgate.io",
    version = "v1alpha1",
    kind = "AlertPolicy",
    plural = "alertpolicies",
    shortname = "ap",
    category = "streamgate-all",
    namespaced,
    status = "AlertPolicyStatus",
    derive = "PartialEq",
    doc = "Alert rules over the metrics of a StreamGate, and whom they tell.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Firing",
        type_ = "integer",
        json_path = ".status.evaluation.firing"
    ),
    printcolumn(
        name = "Pending",
        type_ = "integer",
        json_path = ".status.evaluation.pending"
    ),
    printcolumn(
        name = "Evaluated",
        type_ = "date",
        json_path = ".status.evaluation.lastEvaluation"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct AlertPolicySpec {
    /// StreamGate whose monitor evaluates the rules; in the same namespace.
    #[x_kube(validation = Rule::new("!has(self.namespace)").message("streamGateRef.namespace is not supported here: put the AlertPolicy into the StreamGate's namespace"))]
    pub stream_gate_ref: StreamGateRef,

    /// Seconds between evaluations. Default 15.
    #[serde(default = "default_interval_seconds")]
    #[schemars(range(min = 1, max = 3_600))]
    pub interval_seconds: u32,

    /// The rules.
    #[schemars(length(min = 1, max = 200), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub rules: Vec<AlertRule>,

    /// Whom firing and resolved alerts are told to. An Event on the AlertPolicy is always made.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub handlers: Vec<Handler>,
}

fn default_interval_seconds() -> u32 {
    15
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertRule {
    /// Name of the alert, unique in the policy.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[a-zA-Z_][a-zA-Z0-9_-]*$")
    )]
    pub name: String,
    /// Condition in PromQL; every series it yields is an alert of its own. Supported: selectors,
    /// rate, sum/avg/max by, arithmetic, comparison.
    #[schemars(length(min = 1, max = 4_096))]
    pub expr: String,
    /// How long the condition must hold before the alert fires, such as `30s`, `5m`, `1h`.
    /// Default 0s.
    #[serde(default = "default_for", rename = "for")]
    #[schemars(length(max = 16), regex(pattern = r"^[0-9]+(s|m|h|d)$"))]
    pub hold: String,
    /// How bad it is. Default warning.
    #[serde(default)]
    pub severity: Severity,
    /// Labels added to the alert.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 16))]
    pub labels: BTreeMap<String, String>,
    /// Texts for people; `summary` is printed in Events.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 16))]
    pub annotations: BTreeMap<String, String>,
    /// Whether the rule is evaluated. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn default_for() -> String {
    "0s".to_owned()
}

fn yes() -> bool {
    true
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody must act now.
    Critical,
    /// Somebody should look today.
    #[default]
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// Whom to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Handler {
    /// Name, unique in the policy.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// A webhook that gets the alert as JSON by POST.
    pub webhook: Webhook,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// URL, http or https.
    #[schemars(length(max = 2_048), regex(pattern = r"^https?://"))]
    pub url: String,
}

/// What an AlertPolicy sees. `evaluation` is written by the monitor, the rest by the operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertPolicyStatus {
    /// Generation of the spec this status speaks of; -1 before the first pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// What the monitor saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

/// What the monitor saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// When the rules were evaluated last, at most 5 minutes old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_evaluation: Option<Time>,
    /// Alerts that fire.
    pub firing: i32,
    /// Alerts whose condition holds but not long enough yet.
    pub pending: i32,
    /// Every rule that is not inactive or has an error.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub rules: Vec<RuleState>,
    /// Every handler that was used.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub handlers: Vec<HandlerState>,
}

/// State of one rule: the worst of its series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleState {
    /// Name of the rule.
    #[schemars(length(max = 128))]
    pub name: String,
    /// inactive, pending or firing.
    pub state: AlertState,
    /// Since when, for pending and firing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Series in that state.
    pub series: i32,
    /// Whether handlers were told that it fires; a restarted monitor does not tell them again.
    #[serde(default)]
    pub notified: bool,
    /// Why the last evaluation failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1_024))]
    pub error: Option<String>,
}

/// State of an alert.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The condition does not hold.
    #[default]
    Inactive,
    /// It holds, but not long enough yet.
    Pending,
    /// It holds long enough.
    Firing,
}

/// What became of a handler's deliveries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandlerState {
    /// Name of the handler.
    #[schemars(length(max = 63))]
    pub name: String,
    /// When it took a notification last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Time>,
    /// Why the last delivery failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1_024))]
    pub error: Option<String>,
}
