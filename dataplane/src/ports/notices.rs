//! Telling people and machines that an alert fires or is over.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use streamgate_crds::alert_policy::Severity;

use super::Source;
use super::policies::Policy;

/// Version of the shape of a [`Notice`].
pub const VERSION: &str = "1";

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeStatus {
    /// It fires.
    Firing,
    /// It is over.
    Resolved,
}

/// Names an AlertPolicy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// What a webhook gets as JSON by POST, once for each change of an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Version of this shape, `1`.
    pub version: String,
    /// `firing` or `resolved`.
    pub status: NoticeStatus,
    /// The policy.
    pub policy: PolicyName,
    /// Name of the rule in it.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Labels of the series and of the rule; `alertname` is the rule.
    pub labels: BTreeMap<String, String>,
    /// Texts of the rule for people.
    pub annotations: BTreeMap<String, String>,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// Since when it is over; null while it fires.
    pub ends_at: Option<Timestamp>,
    /// Value of the expression when that was last seen; null for none and for no number.
    pub value: Option<f64>,
}

/// Why a notice was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// The receiver answered, and does not want it: trying again is in vain.
    #[error("the receiver refused the notice with status {0}; check the handler's URL")]
    Refused(u16),
    /// The receiver could not take it now.
    #[error("the receiver answered {0}")]
    Busy(u16),
    /// No answer.
    #[error("the receiver does not answer; check the handler's URL")]
    Unreachable(#[source] Source),
}

impl NoticeError {
    /// Whether trying again may help.
    pub fn may_pass(&self) -> bool {
        !matches!(self, NoticeError::Refused(_))
    }
}

/// Delivers notices to a URL.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Delivers one notice.
    async fn post(&self, url: &str, notice: &Notice) -> Result<(), NoticeError>;
}

/// Records notices where a policy's readers look.
#[async_trait]
pub trait Events: Send + Sync {
    /// Records one notice on its policy.
    async fn record(&self, policy: &Policy, notice: &Notice) -> Result<(), Source>;
}
