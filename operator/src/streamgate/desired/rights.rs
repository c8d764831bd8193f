//! What the data plane may do: the Role and its RoleBinding in the gate's namespace. Nothing on
//! Secrets.

use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::metadata;
use crate::streamgate::validate::ValidatedGate;

const STREAMGATE: &str = "streamgate.io";

/// The role in the gate's own namespace.
pub fn role(gate: &ValidatedGate) -> Role {
    let rules = vec![
        rule(
            STREAMGATE,
            "transcodejobs",
            &["create", "get", "list", "watch"],
        ),
        rule(STREAMGATE, "transcodejobs/status", &["patch"]),
        rule(STREAMGATE, "alertpolicies", &["get", "list", "watch"]),
        rule(STREAMGATE, "alertpolicies/status", &["patch"]),
        rule(STREAMGATE, "streamgates", &["get"]),
        rule(STREAMGATE, "streamgates/status", &["patch"]),
        rule("", "pods", &["get", "list", "watch"]),
        rule("events.k8s.io", "events", &["create", "patch"]),
    ];
    Role {
        metadata: metadata::owned(gate, &metadata::account_name(gate)),
        rules: Some(rules),
    }
}

/// Gives the account its role.
pub fn role_binding(gate: &ValidatedGate) -> RoleBinding {
    let name = metadata::account_name(gate);
    binding(gate, metadata::owned(gate, &name), &name)
}

/// A binding of the gate's account to a role beside it.
pub fn binding(gate: &ValidatedGate, metadata: ObjectMeta, role: &str) -> RoleBinding {
    RoleBinding {
        metadata,
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: metadata::account_name(gate),
            namespace: Some(gate.namespace.clone()),
            ..Subject::default()
        }]),
    }
}

/// One rule of a role.
pub fn rule(group: &str, resource: &str, verbs: &[&str]) -> PolicyRule {
    let list = |word: &str| Some(vec![word.to_owned()]);
    PolicyRule {
        api_groups: list(group),
        resources: list(resource),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}
