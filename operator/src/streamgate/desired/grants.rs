//! Rights of the data plane in the namespaces of `spec.allowedNamespaces`: it reads the
//! TranscodeJobs there and reports their progress, and nothing else.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::{Role as Rights, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use streamgate_contract::labels::STREAM_GATE_UID;
use streamgate_contract::roles::Role;
use streamgate_crds::stream_gate::Topology;

use super::{metadata, rights};
use crate::streamgate::validate::ValidatedGate;

/// The rights in one other namespace.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The role.
    pub role: Rights,
    /// Its binding.
    pub role_binding: RoleBinding,
}

/// One grant for each namespace besides the gate's own.
pub fn grants(gate: &ValidatedGate) -> Vec<Grant> {
    let namespaces: BTreeSet<_> = gate.spec.allowed_namespaces.iter().collect();
    namespaces
        .into_iter()
        .filter(|namespace| **namespace != gate.namespace)
        .map(|namespace| grant(gate, namespace))
        .collect()
}

fn grant(gate: &ValidatedGate, namespace: &str) -> Grant {
    let rules = vec![
        rights::rule("streamgate.io", "transcodejobs", &["get", "list", "watch"]),
        rights::rule("streamgate.io", "transcodejobs/status", &["patch"]),
    ];
    let metadata = foreign(gate, namespace);
    let account = match gate.spec.topology {
        Topology::Compact => Role::All,
        Topology::Distributed => Role::Worker,
    };
    Grant {
        role: Rights {
            metadata: metadata.clone(),
            rules: Some(rules),
        },
        role_binding: rights::binding(gate, account, metadata, &name(gate)),
    }
}

/// An owner reference cannot leave its namespace, so a label says whose it is.
fn foreign(gate: &ValidatedGate, namespace: &str) -> ObjectMeta {
    let mut metadata = metadata::retained(gate, &name(gate));
    metadata.namespace = Some(namespace.to_owned());
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(STREAM_GATE_UID.to_owned(), gate.uid.clone());
    metadata
}

/// Dots cannot stand in names of namespaces and gates, so two gates never share a name here.
fn name(gate: &ValidatedGate) -> String {
    format!("{}.{}.jobs", gate.namespace, gate.name)
}
