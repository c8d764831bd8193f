//! Everything a StreamGate wants in the cluster, one file per kind. Values in, values out.

mod claim;
mod config_map;
mod deployment;
mod disruption_budget;
mod grants;
mod metadata;
mod rights;
mod service_account;
mod services;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use streamgate_crds::stream_gate::DataPolicy;

pub use grants::Grant;
pub use metadata::{is_of, labels};

use super::validate::ValidatedGate;
use crate::context::Settings;

/// What a StreamGate wants. Taken apart without `..` where it is applied, so that a new kind
/// cannot be forgotten there.
#[derive(Clone, Debug)]
pub struct Desired {
    /// Account of the data plane.
    pub service_account: ServiceAccount,
    /// What the account may do in the gate's namespace.
    pub role: Role,
    /// Gives it that.
    pub role_binding: RoleBinding,
    /// The role configuration file.
    pub config_map: ConfigMap,
    /// Metadata of the Secret with the generated keys.
    pub keys: ObjectMeta,
    /// The data volume.
    pub claim: PersistentVolumeClaim,
    /// The pod that runs every role.
    pub deployment: Deployment,
    /// What viewers reach.
    pub gateway: Service,
    /// What job pods reach.
    pub worker: Service,
    /// Keeps a drain from taking the pod together with others of the gate.
    pub disruption_budget: PodDisruptionBudget,
    /// Rights in other namespaces, one for each of `spec.allowedNamespaces`.
    pub grants: Vec<Grant>,
    /// Owner of volume and keys: the gate under `dataPolicy: Delete`, nobody under `Retain`.
    pub data_owner: Option<OwnerReference>,
    /// Version of the data plane.
    pub version: String,
    /// Base URL viewers use.
    pub public_url: String,
}

/// What the gate wants.
///
/// # Errors
/// When the configuration cannot be written as YAML, which a test excludes.
pub fn desired(gate: &ValidatedGate, settings: &Settings) -> Result<Desired, serde_yaml::Error> {
    let version = gate.version.clone();
    let version = version.unwrap_or_else(|| settings.default_version.clone());
    let public_url = public_url(gate);
    let config = config_map::yaml(gate, &public_url)?;
    Ok(Desired {
        service_account: service_account::service_account(gate),
        role: rights::role(gate),
        role_binding: rights::role_binding(gate),
        deployment: deployment::deployment(gate, settings, &version, &config),
        config_map: config_map::config_map(gate, config),
        keys: metadata::retained(gate, &metadata::keys_name(gate)),
        claim: claim::claim(gate),
        gateway: services::gateway(gate),
        worker: services::worker(gate),
        disruption_budget: disruption_budget::disruption_budget(gate),
        grants: grants::grants(gate),
        data_owner: data_owner(gate),
        version,
        public_url,
    })
}

fn data_owner(gate: &ValidatedGate) -> Option<OwnerReference> {
    match gate.spec.data_policy {
        DataPolicy::Retain => None,
        DataPolicy::Delete => Some(gate.owner.clone()),
    }
}

/// The URL of the spec, else the one the cluster's name service gives the public Service.
fn public_url(gate: &ValidatedGate) -> String {
    let exposure = &gate.spec.exposure;
    let scheme = match exposure.tls_secret_name {
        Some(_) => "https",
        None => "http",
    };
    let host = services::gateway_name(gate);
    let cluster = || format!("{scheme}://{host}.{}.svc", gate.namespace);
    exposure.public_url.clone().unwrap_or_else(cluster)
}

#[cfg(test)]
#[path = "desired/fields.rs"]
mod fields;
#[cfg(test)]
#[path = "desired/golden.rs"]
mod golden;
