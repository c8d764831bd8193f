//! Names, labels and owners of a StreamGate's children.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use streamgate_contract::labels::{COMPONENT, INSTANCE, MANAGED_BY, NAME, OPERATOR, STREAM_GATE};
use streamgate_contract::names;
use streamgate_contract::roles::Role;

use crate::streamgate::validate::ValidatedGate;

/// Value of the standard name label on every child.
const APPLICATION: &str = "streamgate";

/// Labels of every child of the gate with this name.
pub fn labels(gate: &str) -> BTreeMap<String, String> {
    text([
        (NAME, APPLICATION),
        (INSTANCE, gate),
        (MANAGED_BY, OPERATOR),
        (STREAM_GATE, gate),
    ])
}

/// Labels of the pods of a role and of what stands for them.
pub fn pod_labels(gate: &ValidatedGate, role: Role) -> BTreeMap<String, String> {
    let mut labels = labels(&gate.name);
    labels.extend(selector(gate, role));
    labels
}

/// What selects the pods of a role and no job pod. Cannot be changed after a release: the selector
/// of a Deployment is immutable.
pub fn selector(gate: &ValidatedGate, role: Role) -> BTreeMap<String, String> {
    text([
        (NAME, APPLICATION),
        (INSTANCE, &gate.name),
        (COMPONENT, role.name()),
    ])
}

/// Metadata of a child that goes with its gate.
pub fn owned(gate: &ValidatedGate, name: &str) -> ObjectMeta {
    ObjectMeta {
        owner_references: Some(vec![gate.owner.clone()]),
        ..retained(gate, name)
    }
}

/// Metadata of a child whose owner depends on `dataPolicy` and is set apart.
pub fn retained(gate: &ValidatedGate, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(gate.namespace.clone()),
        labels: Some(labels(&gate.name)),
        ..ObjectMeta::default()
    }
}

/// Whether an object carries the labels of this gate's children, so that it is ours to adopt.
pub fn is_of(gate: &str, metadata: &ObjectMeta) -> bool {
    let carried = metadata.labels.clone().unwrap_or_default();
    [MANAGED_BY, STREAM_GATE]
        .iter()
        .all(|key| carried.get(*key) == labels(gate).get(*key))
}

/// Name of the account of a role's pods, its rights and their binding. By it the roles know each
/// other.
pub fn account_name(gate: &ValidatedGate, role: Role) -> String {
    match role {
        Role::All => format!("{}-dataplane", gate.name),
        role => names::child(&gate.name, role),
    }
}

/// Name of the ConfigMap.
pub fn config_name(gate: &ValidatedGate) -> String {
    format!("{}-config", gate.name)
}

/// Name of the Secret with the keys.
pub fn keys_name(gate: &ValidatedGate) -> String {
    format!("{}-keys", gate.name)
}

/// Name of the claim of the data volume.
pub fn data_name(gate: &ValidatedGate) -> String {
    format!("{}-data", gate.name)
}

/// Name of the Deployment of a role, and of what stands beside it.
pub fn pod_name(gate: &ValidatedGate, role: Role) -> String {
    names::child(&gate.name, role)
}

fn text<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
