//! Everything a StreamGate wants in the cluster, one file per kind. Values in, values out.

mod claim;
mod config_map;
mod deployment;
mod disruption_budget;
mod grants;
mod keys;
mod metadata;
mod network_policy;
mod rights;
mod scale;
mod service_account;
mod services;
mod workload;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::Serialize;
use streamgate_crds::stream_gate::{DataPolicy, Topology};

pub use grants::Grant;
pub use metadata::{is_of, labels};
pub use workload::Workload;

use super::keys::secret::KeyRules;
use super::validate::ValidatedGate;
use crate::context::Settings;

/// What a StreamGate wants. Taken apart without `..` where it is applied, so that a new kind
/// cannot be forgotten there.
#[derive(Clone, Debug)]
pub struct Desired {
    /// The role configuration file.
    pub config_map: ConfigMap,
    /// The generated keys.
    pub keys: Keys,
    /// The data volume, where something is kept on one.
    pub claim: Option<PersistentVolumeClaim>,
    /// The pods, in the order they are rolled out.
    pub workloads: Vec<Workload>,
    /// Rights in other namespaces, one for each of `spec.allowedNamespaces`.
    pub grants: Vec<Grant>,
    /// Owner of volume and keys: the gate under `dataPolicy: Delete`, nobody under `Retain`.
    pub data_owner: Option<OwnerReference>,
    /// Version of the data plane.
    pub version: String,
    /// Base URL viewers use.
    pub public_url: String,
}

/// The Secret with the generated keys.
#[derive(Clone, Debug, Serialize)]
pub struct Keys {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// When its keys change.
    pub rules: KeyRules,
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
    let compact = gate.spec.topology == Topology::Compact;
    Ok(Desired {
        workloads: workload::workloads(gate, settings, &version, &config),
        config_map: config_map::config_map(gate, config),
        keys: Keys {
            metadata: metadata::retained(gate, &metadata::keys_name(gate)),
            rules: keys::rules(gate),
        },
        claim: compact.then(|| claim::claim(gate)),
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
mod fields;
#[cfg(test)]
mod golden;
