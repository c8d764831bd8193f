//! The claim of the data volume.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::metadata;
use crate::streamgate::validate::ValidatedGate;

/// A claim of the asked size; it grows where the storage class lets it.
pub fn claim(gate: &ValidatedGate) -> PersistentVolumeClaim {
    let volume = &gate.spec.volume;
    let size = Quantity(volume.size.clone());
    PersistentVolumeClaim {
        metadata: metadata::retained(gate, &metadata::data_name(gate)),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: volume.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), size)])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
