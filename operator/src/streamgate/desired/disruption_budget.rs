//! The disruption budget of the pods of a role.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use streamgate_contract::roles::Role;

use super::metadata;
use crate::streamgate::validate::ValidatedGate;

/// One pod at a time may be evicted, also one that is not ready: with a single replica a stricter
/// budget would block every drain of its node.
pub fn disruption_budget(gate: &ValidatedGate, role: Role) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: metadata::owned(gate, &metadata::pod_name(gate, role)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(metadata::selector(gate, role)),
                ..LabelSelector::default()
            }),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
