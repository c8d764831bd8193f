//! Pods of a role stand apart: on other nodes and in other zones, as far as there are such.

use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use streamgate_contract::roles::Role;

use super::metadata;
use crate::streamgate::validate::ValidatedGate;

/// Labels of nodes that say where they stand.
const PLACES: [&str; 2] = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];

/// One constraint for each kind of place. A cluster without room for it runs the pods all the same.
pub fn spread(gate: &ValidatedGate, role: Role) -> Vec<TopologySpreadConstraint> {
    let constraint = |place: &str| TopologySpreadConstraint {
        max_skew: 1,
        topology_key: place.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(LabelSelector {
            match_labels: Some(metadata::selector(gate, role)),
            ..LabelSelector::default()
        }),
        // Pods of the template before are on their way out.
        match_label_keys: Some(vec!["pod-template-hash".to_owned()]),
        ..TopologySpreadConstraint::default()
    };
    PLACES.map(constraint).to_vec()
}
