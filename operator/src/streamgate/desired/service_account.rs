//! The accounts the data plane runs as.

use k8s_openapi::api::core::v1::ServiceAccount;

use streamgate_contract::roles::Role;

use super::metadata;
use crate::streamgate::validate::ValidatedGate;

/// The pod asks for the token by itself, so nothing else of the namespace gets one by accident.
pub fn service_account(gate: &ValidatedGate, role: Role) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata::owned(gate, &metadata::account_name(gate, role)),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
