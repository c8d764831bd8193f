//! The two Services: `gateway` for viewers, `worker` for job pods. Only the first can leave the
//! cluster.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use streamgate_contract::roles::INTERNAL_PORT;
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
    format!("{}-gateway", gate.name)
}

/// What viewers reach.
pub fn gateway(gate: &ValidatedGate) -> Service {
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
    service(gate, &gateway_name(gate), kind, port)
}

/// What job pods reach.
pub fn worker(gate: &ValidatedGate) -> Service {
    let name = format!("{}-worker", gate.name);
    service(gate, &name, "ClusterIP", port(INTERNAL_PORT, INTERNAL))
}

fn service(gate: &ValidatedGate, name: &str, kind: &str, port: ServicePort) -> Service {
    Service {
        metadata: metadata::owned(gate, name),
        spec: Some(ServiceSpec {
            type_: Some(kind.to_owned()),
            selector: Some(metadata::selector(gate)),
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
