//! The whole of what a sample gate wants, as YAML in the repository: a change of a child is seen
//! in review. `UPDATE_GOLDEN=1` writes it anew.

use std::path::Path;

use serde::Serialize;

use super::*;
use crate::streamgate::{samples, validate::validate};

/// Every child as one YAML document each.
pub fn documents(desired: &Desired) -> Vec<(&'static str, String)> {
    let Desired {
        service_account,
        role,
        role_binding,
        config_map,
        keys,
        claim,
        deployment,
        gateway,
        worker,
        disruption_budget,
        grants,
        data_owner,
        version,
        public_url,
    } = desired;
    let mut documents = vec![
        ("ServiceAccount", yaml(service_account)),
        ("Role", yaml(role)),
        ("RoleBinding", yaml(role_binding)),
        ("ConfigMap", yaml(config_map)),
        ("Secret", yaml(keys)),
        ("PersistentVolumeClaim", yaml(claim)),
        ("Deployment", yaml(deployment)),
        ("Service gateway", yaml(gateway)),
        ("Service worker", yaml(worker)),
        ("PodDisruptionBudget", yaml(disruption_budget)),
        ("data owner", yaml(data_owner)),
        ("status", yaml(&(version, public_url))),
    ];
    for grant in grants {
        documents.push((
            "grant",
            yaml(&grant.role) + "---\n" + &yaml(&grant.role_binding),
        ));
    }
    documents
}

fn yaml<T: Serialize>(value: &T) -> String {
    serde_yaml::to_string(value).unwrap()
}

#[test]
fn the_children_of_the_sample_gate_are_as_reviewed() {
    let gate = validate(&samples::gate(samples::full())).unwrap();
    let documents = documents(&desired(&gate, &samples::settings()).unwrap());
    let made: String = documents
        .iter()
        .map(|(kind, yaml)| format!("# {kind}\n{yaml}---\n"))
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/stream-gate.yaml");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "golden/stream-gate.yaml differs; UPDATE_GOLDEN=1 writes it anew:\n{made}"
    );
}
