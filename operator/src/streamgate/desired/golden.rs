//! The whole of what a sample gate wants, as YAML in the repository: a change of a child is seen
//! in review. `UPDATE_GOLDEN=1` writes it anew.

use std::path::Path;

use serde::Serialize;
use streamgate_contract::roles::Role;

use super::*;
use crate::streamgate::{samples, validate::validate};

/// Every child as one YAML document each, by its kind; by kind and role where each has its own.
pub fn documents(desired: &Desired) -> Vec<(String, String)> {
    let Desired {
        config_map,
        keys,
        claim,
        workloads,
        grants,
        data_owner,
        version,
        public_url,
    } = desired;
    let mut documents: Vec<_> = workloads.iter().flat_map(of_workload).collect();
    let mut add = |kind: &str, yaml| documents.push((kind.to_owned(), yaml));
    add("ConfigMap", yaml(config_map));
    add("Secret", yaml(&keys.metadata));
    add("keys", yaml(&keys.rules));
    if let Some(claim) = claim {
        add("PersistentVolumeClaim", yaml(claim));
    }
    add("data owner", yaml(data_owner));
    add("status", yaml(&(version, public_url)));
    for grant in grants {
        let both = yaml(&grant.role) + "---\n" + &yaml(&grant.role_binding);
        add("grant", both);
    }
    documents
}

fn of_workload(workload: &Workload) -> Vec<(String, String)> {
    let Workload {
        role,
        service_account,
        rights,
        deployment,
        autoscaler,
        disruption_budget,
        network_policy,
        services,
    } = workload;
    let named = |kind: &str| match role {
        Role::All => kind.to_owned(),
        role => format!("{kind} {role}"),
    };
    let mut documents = vec![(named("ServiceAccount"), yaml(service_account))];
    if let Some((rights, binding)) = rights {
        documents.push((named("Role"), yaml(rights)));
        documents.push((named("RoleBinding"), yaml(binding)));
    }
    documents.push((named("Deployment"), yaml(deployment)));
    if let Some(autoscaler) = autoscaler {
        documents.push((named("HorizontalPodAutoscaler"), yaml(autoscaler)));
    }
    documents.push((named("PodDisruptionBudget"), yaml(disruption_budget)));
    documents.push((named("NetworkPolicy"), yaml(network_policy)));
    for service in services {
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let of = name.rsplit('-').next().unwrap_or_default();
        documents.push((format!("Service {of}"), yaml(service)));
    }
    documents
}

fn yaml<T: Serialize>(value: &T) -> String {
    serde_yaml::to_string(value).unwrap()
}

#[test]
fn the_children_of_the_sample_gates_are_as_reviewed() {
    for (file, spec) in [
        ("golden/stream-gate.yaml", samples::full()),
        (
            "golden/stream-gate-distributed.yaml",
            samples::distributed(),
        ),
    ] {
        let gate = validate(&samples::gate(spec)).unwrap();
        let documents = documents(&desired(&gate, &samples::settings()).unwrap());
        let made: String = documents
            .iter()
            .map(|(kind, yaml)| format!("# {kind}\n{yaml}---\n"))
            .collect();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == made,
            "{file} differs; UPDATE_GOLDEN=1 writes it anew:\n{made}"
        );
    }
}

/// Keys and credentials are where they are worked with, and nowhere else.
#[test]
fn no_role_mounts_what_it_does_not_need() {
    let gate = validate(&samples::gate(samples::distributed())).unwrap();
    let desired = desired(&gate, &samples::settings()).unwrap();
    let mounts = |secret: &str| -> Vec<&str> {
        let of = desired.workloads.iter().filter(|workload| {
            let pod = yaml(&workload.deployment);
            pod.lines().any(|line| line.contains(secret))
        });
        of.map(|workload| workload.role.name()).collect()
    };
    assert_eq!(mounts("key: session.pem"), ["auth"]);
    assert_eq!(mounts("key: playback.pem"), ["auth"]);
    assert_eq!(mounts("key: session.pub.pem"), ["auth"]);
    assert_eq!(mounts("key: playback.pub.pem"), ["auth", "streaming"]);
    // The keys that do not sign yet lie in the Secret alone.
    assert!(mounts("-next.pem").is_empty());
    assert_eq!(
        mounts("key: object-url.key"),
        ["metadata", "upload", "worker", "monitor", "gateway"]
    );
    let store = ["metadata", "upload", "worker", "streaming"];
    assert_eq!(mounts("name: bucket-credentials"), store);
    let catalog = [
        "auth",
        "metadata",
        "upload",
        "worker",
        "streaming",
        "monitor",
    ];
    assert_eq!(mounts("name: database-url"), catalog);
    assert_eq!(mounts("name: limits-url"), ["streaming", "gateway"]);
    assert_eq!(mounts("name: watch-tls"), ["gateway"]);
    assert_eq!(mounts("automountServiceAccountToken: false"), ["gateway"]);
    let rights = desired.workloads.iter().filter(|w| w.rights.is_some());
    let rights: Vec<_> = rights.map(|w| w.role.name()).collect();
    assert_eq!(rights, ["worker", "monitor"]);
}
