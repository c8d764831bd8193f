//! The pods of a role and what stands beside them.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role as Rights, RoleBinding};
use streamgate_contract::peers::ROLES;
use streamgate_contract::roles::Role;
use streamgate_crds::stream_gate::Topology;

use super::{
    deployment, disruption_budget, network_policy, rights, scale, service_account, services,
};
use crate::context::Settings;
use crate::streamgate::validate::ValidatedGate;

/// What a role wants. Taken apart without `..` where it is applied, so that a new kind cannot be
/// forgotten there.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Which role.
    pub role: Role,
    /// Account of its pods.
    pub service_account: ServiceAccount,
    /// What the account may do in the gate's namespace.
    pub rights: Option<(Rights, RoleBinding)>,
    /// Its pods.
    pub deployment: Deployment,
    /// Chooses their number.
    pub autoscaler: Option<HorizontalPodAutoscaler>,
    /// Keeps a drain from taking several of them at once.
    pub disruption_budget: PodDisruptionBudget,
    /// Says who may connect to them.
    pub network_policy: NetworkPolicy,
    /// What leads to them.
    pub services: Vec<Service>,
}

/// One for each role that runs in pods of its own, in the order they are rolled out.
pub fn workloads(
    gate: &ValidatedGate,
    settings: &Settings,
    version: &str,
    config: &str,
) -> Vec<Workload> {
    let roles: &[Role] = match gate.spec.topology {
        Topology::Compact => &[Role::All],
        Topology::Distributed => &ROLES,
    };
    let workload = |role: &Role| {
        let component = gate.spec.components.get(role.name());
        let component = component.cloned().unwrap_or_default();
        Workload {
            role: *role,
            service_account: service_account::service_account(gate, *role),
            rights: rights::rights(gate, *role),
            deployment: deployment::deployment(gate, *role, &component, settings, version, config),
            autoscaler: scale::autoscaler(gate, *role, &component),
            disruption_budget: disruption_budget::disruption_budget(gate, *role),
            network_policy: network_policy::network_policy(gate, *role),
            services: services::services(gate, *role),
        }
    };
    roles.iter().map(workload).collect()
}
