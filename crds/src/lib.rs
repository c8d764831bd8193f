//! The custom resources of group `streamgate.io`: `StreamGate`, `TranscodeJob` and `AlertPolicy`,
//! their conditions, and the CRDs generated from them. No I/O.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]
#![allow(
    clippy::duplicated_attributes,
    reason = "several print columns of one type are no mistake"
)]

pub mod alert_expression;
pub mod alert_policy;
pub mod conditions;
pub mod definitions;
pub mod reference;
pub mod scheduling;
pub mod stream_gate;
pub mod transcode_job;

pub use alert_policy::{AlertPolicy, AlertPolicySpec, AlertPolicyStatus};
pub use stream_gate::{StreamGate, StreamGateSpec, StreamGateStatus};
pub use streamgate_contract as contract;
pub use transcode_job::{TranscodeJob, TranscodeJobSpec, TranscodeJobStatus};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names a StreamGate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamGateRef {
    /// Name of the StreamGate.
    #[schemars(length(min = 1, max = 50))]
    pub name: String,
    /// Namespace of the StreamGate; the referring object's own when absent. Another namespace
    /// must be listed in the StreamGate's `spec.allowedNamespaces`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}
