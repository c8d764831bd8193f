//! AlertPolicies in memory, for tests of what stands on the port.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use streamgate_crds::alert_policy::Evaluation;

use super::{Policies, PoliciesError, Policy, Written};

/// Policies by UID, and how often each was written.
#[derive(Default)]
pub struct MemoryPolicies {
    /// What there is.
    pub policies: Mutex<BTreeMap<String, Policy>>,
    /// Every evaluation that was written, in order.
    pub writes: Mutex<Vec<Evaluation>>,
    /// Writes fail.
    pub broken: AtomicBool,
}

impl MemoryPolicies {
    /// Adds or replaces a policy.
    pub fn put(&self, policy: Policy) {
        let mut policies = self.policies.lock().unwrap();
        policies.insert(policy.uid.clone(), policy);
    }
}

#[async_trait]
impl Policies for MemoryPolicies {
    fn all(&self) -> Option<Vec<Policy>> {
        Some(self.policies.lock().unwrap().values().cloned().collect())
    }

    async fn write(
        &self,
        policy: &Policy,
        evaluation: &Evaluation,
    ) -> Result<Written, PoliciesError> {
        if self.broken.load(Ordering::SeqCst) {
            let (action, source) = ("write", "broken".into());
            return Err(PoliciesError { action, source });
        }
        let mut policies = self.policies.lock().unwrap();
        match policies.get_mut(&policy.uid) {
            Some(found) if found.version == policy.version => {
                found.version.push('x');
                found.evaluation = Some(evaluation.clone());
                self.writes.lock().unwrap().push(evaluation.clone());
                Ok(Written::Done)
            }
            _ => Ok(Written::Stale),
        }
    }
}
