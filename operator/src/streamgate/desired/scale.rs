//! How many pods a role has, and what chooses that.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec,
    MetricTarget, ResourceMetricSource,
};
use streamgate_contract::roles::Role;
use streamgate_crds::stream_gate::Component;

use super::metadata;
use crate::streamgate::validate::ValidatedGate;

/// Pods of a role that can have several, so that one can be replaced while another serves.
const SEVERAL: i32 = 2;

/// Can the role have several pods? The cache keeps what it holds in one memory, the worker and the
/// monitor each own what they write.
pub fn has_several(role: Role) -> bool {
    !matches!(role, Role::All | Role::Cache | Role::Worker | Role::Monitor)
}

/// The number of pods; `None` when it is the autoscaler's.
pub fn replicas(role: Role, component: &Component) -> Option<i32> {
    match (has_several(role), component.autoscaling.is_some()) {
        (false, _) => Some(1),
        (true, true) => None,
        (true, false) => Some(component.replicas.unwrap_or(SEVERAL)),
    }
}

/// The autoscaler of a role's Deployment, where one is asked for.
pub fn autoscaler(
    gate: &ValidatedGate,
    role: Role,
    component: &Component,
) -> Option<HorizontalPodAutoscaler> {
    let autoscaling = component.autoscaling.as_ref()?;
    let name = metadata::pod_name(gate, role);
    let target = MetricTarget {
        type_: "Utilization".to_owned(),
        average_utilization: Some(autoscaling.cpu_percent),
        ..MetricTarget::default()
    };
    let cpu = MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: "cpu".to_owned(),
            target,
        }),
        ..MetricSpec::default()
    };
    Some(HorizontalPodAutoscaler {
        metadata: metadata::owned(gate, &name),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name,
            },
            min_replicas: Some(autoscaling.min_replicas),
            max_replicas: autoscaling.max_replicas,
            metrics: Some(vec![cpu]),
            ..HorizontalPodAutoscalerSpec::default()
        }),
        ..HorizontalPodAutoscaler::default()
    })
}
