//! The Deployment of the pods of a role; in topology Compact of the one pod that runs every role.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, HTTPGetAction, PodSecurityContext, PodSpec,
    PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use sha2::{Digest, Sha256};
use streamgate_contract::config::CONFIG_PATH;
use streamgate_contract::labels::CONFIG_HASH;
use streamgate_contract::roles::{
    ADMIN_PORT, INTERNAL_PORT, LIVEZ_PATH, PUBLIC_PORT, READYZ_PATH, Role,
};
use streamgate_crds::stream_gate::{Component, Resources};

use super::services::{ADMIN, INTERNAL, PUBLIC};
use super::{metadata, scale};
use crate::context::Settings;
use crate::streamgate::validate::ValidatedGate;

mod spread;
mod volumes;

/// User and group of the data plane in its image.
const USER: i64 = 10_001;
/// Longer than the longest drain of the data plane, farewell included.
const GRACE_SECONDS: i64 = 30;
/// The same for a role in pods of its own, which waits for Services to forget it.
const LONG_GRACE_SECONDS: i64 = 40;

/// Name of the container in the gate's pods.
pub const CONTAINER: &str = "streamgate";

/// The Deployment of a role.
pub fn deployment(
    gate: &ValidatedGate,
    role: Role,
    component: &Component,
    settings: &Settings,
    version: &str,
    config: &str,
) -> Deployment {
    Deployment {
        metadata: ObjectMeta {
            labels: Some(metadata::pod_labels(gate, role)),
            ..metadata::owned(gate, &metadata::pod_name(gate, role))
        },
        spec: Some(DeploymentSpec {
            replicas: scale::replicas(role, component),
            strategy: Some(strategy(role)),
            selector: LabelSelector {
                match_labels: Some(metadata::selector(gate, role)),
                ..LabelSelector::default()
            },
            template: template(gate, role, component, settings, version, config),
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// Recreate for the one pod of Compact: two must never write one SQLite file. Elsewhere a new pod
/// serves before an old one goes.
fn strategy(role: Role) -> DeploymentStrategy {
    if role == Role::All {
        return DeploymentStrategy {
            type_: Some("Recreate".to_owned()),
            ..DeploymentStrategy::default()
        };
    }
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(1)),
            max_unavailable: Some(IntOrString::Int(0)),
        }),
    }
}

fn template(
    gate: &ValidatedGate,
    role: Role,
    component: &Component,
    settings: &Settings,
    version: &str,
    config: &str,
) -> PodTemplateSpec {
    let hash = hex::encode(&Sha256::digest(config)[..8]);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(metadata::pod_labels(gate, role)),
            annotations: Some(BTreeMap::from([(CONFIG_HASH.to_owned(), hash)])),
            ..ObjectMeta::default()
        }),
        spec: Some(pod(gate, role, component, settings, version)),
    }
}

fn pod(
    gate: &ValidatedGate,
    role: Role,
    component: &Component,
    settings: &Settings,
    version: &str,
) -> PodSpec {
    let alone = role != Role::All;
    let grace = if alone {
        LONG_GRACE_SECONDS
    } else {
        GRACE_SECONDS
    };
    PodSpec {
        service_account_name: Some(metadata::account_name(gate, role)),
        // The gateway asks the cluster for nothing.
        automount_service_account_token: Some(role != Role::Gateway),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(grace),
        security_context: Some(pod_security()),
        node_selector: (!component.node_selector.is_empty())
            .then(|| component.node_selector.clone()),
        priority_class_name: component.priority_class_name.clone(),
        topology_spread_constraints: scale::has_several(role).then(|| spread::spread(gate, role)),
        volumes: Some(volumes::volumes(gate, role)),
        containers: vec![container(gate, role, settings, version, component)],
        ..PodSpec::default()
    }
}

fn container(
    gate: &ValidatedGate,
    role: Role,
    settings: &Settings,
    version: &str,
    component: &Component,
) -> Container {
    let args = [role.name(), "--config", CONFIG_PATH];
    Container {
        name: CONTAINER.to_owned(),
        image: Some(format!("{}:{version}", settings.dataplane_image)),
        image_pull_policy: Some(settings.image_pull_policy.clone()),
        args: Some(args.map(str::to_owned).to_vec()),
        ports: Some(ports(role)),
        startup_probe: Some(probe(READYZ_PATH, 2, 60)),
        readiness_probe: Some(probe(READYZ_PATH, 5, 2)),
        liveness_probe: Some(probe(LIVEZ_PATH, 10, 3)),
        resources: Some(resources(role, component.resources.as_ref())),
        security_context: Some(container_security()),
        volume_mounts: Some(volumes::mounts(gate, role)),
        ..Container::default()
    }
}

/// The gateway alone is reached by people, and nobody asks it anything else.
fn ports(role: Role) -> Vec<ContainerPort> {
    let (public, internal) = (port(PUBLIC, PUBLIC_PORT), port(INTERNAL, INTERNAL_PORT));
    let mut ports = match role {
        Role::All => vec![public, internal],
        Role::Gateway => vec![public],
        _ => vec![internal],
    };
    ports.push(port(ADMIN, ADMIN_PORT));
    ports
}

fn port(name: &str, number: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period_seconds: i32, failure_threshold: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(ADMIN.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failure_threshold),
        timeout_seconds: Some(3),
        ..Probe::default()
    }
}

/// What the spec says, else defaults: those of the one pod are measured, those of single roles are
/// parts of it. No CPU limit: throttling would only make streams stutter.
fn resources(role: Role, asked: Option<&Resources>) -> ResourceRequirements {
    let quantities = |map: &BTreeMap<String, String>| {
        let pairs = map.iter().map(|(k, v)| (k.clone(), Quantity(v.clone())));
        Some(pairs.collect()).filter(|map: &BTreeMap<_, _>| !map.is_empty())
    };
    let [cpu, memory, limit] = match role {
        Role::All => ["100m", "256Mi", "1Gi"],
        // These keep segments and entries in memory.
        Role::Streaming | Role::Cache => ["50m", "128Mi", "1Gi"],
        _ => ["50m", "64Mi", "512Mi"],
    };
    let default = Resources {
        requests: pairs([("cpu", cpu), ("memory", memory)]),
        limits: pairs([("memory", limit)]),
    };
    let resources = asked.unwrap_or(&default);
    ResourceRequirements {
        requests: quantities(&resources.requests),
        limits: quantities(&resources.limits),
        ..ResourceRequirements::default()
    }
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    let pairs = pairs.into_iter();
    pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        // A large volume is not walked at each start.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        ..SecurityContext::default()
    }
}
