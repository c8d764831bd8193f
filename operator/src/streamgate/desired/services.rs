//! The Services: `gateway` for viewers, `worker` for job pods, and one for each other role that runs
//! in pods of its own. Only the first can leave the cluster.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use streamgate_contract::roles::{INTERNAL_PORT, Role};
use streamgate_crds::stream_gate::ServiceType;

use super::metadata;
use crate::streamgate::validate::ValidatedGate;

/// Port names of the container, which the Services refer to.
pub const PUBLIC: &str = "public";
/// See [`PUBLIC`].
pub const INTERNAL: &str = "internal";
/// See [`PUBLIC`].
pub const ADMIN: &str = "admin";

/// Port of the public Service when the gate speaks plain HTTP.
const HTTP: u16 = 80;
/// Port of the public Service when the gate speaks TLS.
const HTTPS: u16 = 443;

/// Name of the public Service.
pub fn gateway_name(gate: &ValidatedGate) -> String {
    metadata::pod_name(gate, Role::Gateway)
}

/// What leads to the pods of `role` in the place of the roles it answers for.
pub fn services(gate: &ValidatedGate, role: Role) -> Vec<Service> {
    match role {
        Role::All => vec![gateway(gate, role), internal(gate, Role::Worker, role)],
        Role::Gateway => vec![gateway(gate, role)],
        role => vec![internal(gate, role, role)],
    }
}

/// What viewers reach.
fn gateway(gate: &ValidatedGate, by: Role) -> Service {
    let exposure = &gate.spec.exposure;
    let kind = match exposure.service_type {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    };
    let port = ServicePort {
        node_port: exposure.node_port,
        ..port(
            match exposure.tls_secret_name {
                Some(_) => HTTPS,
                None => HTTP,
            },
            PUBLIC,
        )
    };
    service(gate, by, &gateway_name(gate), kind, port)
}

/// What job pods and other roles reach, at the pods of `by`.
fn internal(gate: &ValidatedGate, of: Role, by: Role) -> Service {
    let name = metadata::pod_name(gate, of);
    service(gate, by, &name, "ClusterIP", port(INTERNAL_PORT, INTERNAL))
}

/// Base URL of the internal listener of a role that runs in pods of its own.
pub fn internal_url(gate: &ValidatedGate, of: Role) -> String {
    let (host, namespace) = (metadata::pod_name(gate, of), &gate.namespace);
    format!("http://{host}.{namespace}.svc:{INTERNAL_PORT}")
}

fn service(gate: &ValidatedGate, by: Role, name: &str, kind: &str, port: ServicePort) -> Service {
    Service {
        metadata: metadata::owned(gate, name),
        spec: Some(ServiceSpec {
            type_: Some(kind.to_owned()),
            selector: Some(metadata::selector(gate, by)),
            ports: Some(vec![port]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn port(number: u16, name: &str) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
