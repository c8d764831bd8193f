//! AlertPolicies of a gate: what they want, and where the monitor writes what it saw.

use std::sync::Arc;

use async_trait::async_trait;
use streamgate_crds::AlertPolicySpec;
use streamgate_crds::alert_policy::Evaluation;

use super::Source;

#[cfg(test)]
pub mod memory;

/// An AlertPolicy as it was seen last.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// UID.
    pub uid: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Version that was seen; a write names it, so that it never lands on a later one.
    pub version: String,
    /// What is wanted.
    pub spec: Arc<AlertPolicySpec>,
    /// The operator found the present spec good, and nobody deleted the policy.
    pub ready: bool,
    /// What the monitor wrote last.
    pub evaluation: Option<Evaluation>,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is written.
    Done,
    /// The policy has changed or gone since it was seen: look again.
    Stale,
}

/// Why the cluster did not do it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}; check the API server and the data plane's rights")]
pub struct PoliciesError {
    /// What was tried.
    pub action: &'static str,
    /// What the cluster said.
    pub source: Source,
}

/// AlertPolicies of one gate.
#[async_trait]
pub trait Policies: Send + Sync {
    /// All of them; `None` before the first list is complete.
    fn all(&self) -> Option<Vec<Policy>>;
    /// Writes `status.evaluation` and nothing else, unless the policy has changed since it was
    /// seen; in that case the next [`Policies::all`] knows the change.
    async fn write(
        &self,
        policy: &Policy,
        evaluation: &Evaluation,
    ) -> Result<Written, PoliciesError>;
}
