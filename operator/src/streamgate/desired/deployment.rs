//! The Deployment of the one pod that runs every role.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy};
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

use super::metadata;
use super::services::{ADMIN, INTERNAL, PUBLIC};
use crate::context::Settings;
use crate::streamgate::validate::ValidatedGate;

mod volumes;

/// User and group of the data plane in its image.
const USER: i64 = 10_001;
/// Longer than the longest drain of the data plane.
const GRACE_SECONDS: i64 = 30;

/// Name of the container in the gate's pod.
pub const CONTAINER: &str = "streamgate";

/// The Deployment. Recreate: two pods must never write one SQLite file.
pub fn deployment(
    gate: &ValidatedGate,
    settings: &Settings,
    version: &str,
    config: &str,
) -> Deployment {
    Deployment {
        metadata: ObjectMeta {
            labels: Some(metadata::pod_labels(gate)),
            ..metadata::owned(gate, &metadata::pod_name(gate))
        },
        spec: Some(DeploymentSpec {
            replicas: Some(1),
            strategy: Some(DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                ..DeploymentStrategy::default()
            }),
            selector: LabelSelector {
                match_labels: Some(metadata::selector(gate)),
                ..LabelSelector::default()
            },
            template: template(gate, settings, version, config),
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

fn template(
    gate: &ValidatedGate,
    settings: &Settings,
    version: &str,
    config: &str,
) -> PodTemplateSpec {
    let hash = hex::encode(&Sha256::digest(config)[..8]);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(metadata::pod_labels(gate)),
            annotations: Some(BTreeMap::from([(CONFIG_HASH.to_owned(), hash)])),
            ..ObjectMeta::default()
        }),
        spec: Some(pod(gate, settings, version)),
    }
}

fn pod(gate: &ValidatedGate, settings: &Settings, version: &str) -> PodSpec {
    let component = gate.spec.components.get(Role::All.name());
    let component = component.cloned().unwrap_or_default();
    PodSpec {
        service_account_name: Some(metadata::account_name(gate)),
        automount_service_account_token: Some(true),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        security_context: Some(pod_security()),
        node_selector: (!component.node_selector.is_empty())
            .then(|| component.node_selector.clone()),
        priority_class_name: component.priority_class_name.clone(),
        volumes: Some(volumes::volumes(gate)),
        containers: vec![container(settings, version, &component)],
        ..PodSpec::default()
    }
}

fn container(settings: &Settings, version: &str, component: &Component) -> Container {
    let args = [Role::All.name(), "--config", CONFIG_PATH];
    Container {
        name: CONTAINER.to_owned(),
        image: Some(format!("{}:{version}", settings.dataplane_image)),
        image_pull_policy: Some(settings.image_pull_policy.clone()),
        args: Some(args.map(str::to_owned).to_vec()),
        ports: Some(vec![
            port(PUBLIC, PUBLIC_PORT),
            port(INTERNAL, INTERNAL_PORT),
            port(ADMIN, ADMIN_PORT),
        ]),
        startup_probe: Some(probe(READYZ_PATH, 2, 60)),
        readiness_probe: Some(probe(READYZ_PATH, 5, 2)),
        liveness_probe: Some(probe(LIVEZ_PATH, 10, 3)),
        resources: Some(resources(component.resources.as_ref())),
        security_context: Some(container_security()),
        volume_mounts: Some(volumes::mounts()),
        ..Container::default()
    }
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

/// What the spec says, else measured defaults. No CPU limit: throttling would only make streams
/// stutter.
fn resources(asked: Option<&Resources>) -> ResourceRequirements {
    let quantities = |map: &BTreeMap<String, String>| {
        let pairs = map.iter().map(|(k, v)| (k.clone(), Quantity(v.clone())));
        Some(pairs.collect()).filter(|map: &BTreeMap<_, _>| !map.is_empty())
    };
    let default = Resources {
        requests: pairs([("cpu", "100m"), ("memory", "256Mi")]),
        limits: pairs([("memory", "1Gi")]),
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
