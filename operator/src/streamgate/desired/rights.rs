//! What the data plane may do: a Role and its RoleBinding in the gate's namespace. Nothing on
//! Secrets.

use k8s_openapi::api::rbac::v1::{PolicyRule, Role as Rights, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use streamgate_contract::roles::Role;

use super::metadata;
use crate::streamgate::validate::ValidatedGate;

const STREAMGATE: &str = "streamgate.io";

/// What the account of a role may do in the gate's own namespace; `None` for those that ask the
/// cluster for nothing.
pub fn rights(gate: &ValidatedGate, role: Role) -> Option<(Rights, RoleBinding)> {
    let rules = match role {
        Role::All => [worker(), monitor()].concat(),
        Role::Worker => worker(),
        Role::Monitor => {
            let jobs = rule(STREAMGATE, "transcodejobs", &["get", "list", "watch"]);
            [vec![jobs], monitor()].concat()
        }
        _ => return None,
    };
    let name = metadata::account_name(gate, role);
    let metadata = metadata::owned(gate, &name);
    let rights = Rights {
        metadata: metadata.clone(),
        rules: Some(rules),
    };
    Some((rights, binding(gate, role, metadata, &name)))
}

/// Jobs are made, seen, and told how far they are.
fn worker() -> Vec<PolicyRule> {
    let seen = &["create", "get", "list", "watch"];
    vec![
        rule(STREAMGATE, "transcodejobs", seen),
        rule(STREAMGATE, "transcodejobs/status", &["patch"]),
    ]
}

/// Pods and jobs are counted, policies evaluated, and what fires is told.
fn monitor() -> Vec<PolicyRule> {
    let seen = &["get", "list", "watch"];
    vec![
        rule(STREAMGATE, "alertpolicies", seen),
        rule(STREAMGATE, "alertpolicies/status", &["patch"]),
        rule(STREAMGATE, "streamgates", &["get"]),
        rule(STREAMGATE, "streamgates/status", &["patch"]),
        rule("", "pods", seen),
        rule("events.k8s.io", "events", &["create", "patch"]),
    ]
}

/// A binding of a role's account to rights beside it.
pub fn binding(
    gate: &ValidatedGate,
    role: Role,
    metadata: ObjectMeta,
    rights: &str,
) -> RoleBinding {
    RoleBinding {
        metadata,
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: rights.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: metadata::account_name(gate, role),
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
