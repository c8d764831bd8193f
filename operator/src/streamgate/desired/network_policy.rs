//! Who may connect to the pods of a role: whoever watches to the gateway, the roles and job pods that
//! have something to ask to the others, and everybody to health and figures. What they connect to
//! themselves is not limited: chains, stores and hooks can be anywhere. A second fence behind the tokens,
//! on clusters whose network knows policies.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use streamgate_contract::labels::{COMPONENT, STREAM_GATE};
use streamgate_contract::peers::callers;
use streamgate_contract::roles::Role;

use super::metadata;
use super::services::{ADMIN, INTERNAL, PUBLIC};
use crate::streamgate::validate::ValidatedGate;

/// Label that the API server puts on every namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// Component of job pods.
const JOB: &str = "job";

/// The policy of the pods of a role.
pub fn network_policy(gate: &ValidatedGate, role: Role) -> NetworkPolicy {
    let public = matches!(role, Role::All | Role::Gateway);
    let asking = asking(gate, role);
    let mut rules = vec![rule(ADMIN, None)];
    if public {
        rules.push(rule(PUBLIC, None));
    }
    if !asking.is_empty() {
        rules.push(rule(INTERNAL, Some(asking)));
    }
    NetworkPolicy {
        metadata: metadata::owned(gate, &metadata::pod_name(gate, role)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selected(metadata::selector(gate, role))),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(rules),
            ..NetworkPolicySpec::default()
        }),
    }
}

/// Who has something to ask on the internal listener.
fn asking(gate: &ValidatedGate, role: Role) -> Vec<NetworkPolicyPeer> {
    let caller = |caller: &Role| NetworkPolicyPeer {
        pod_selector: Some(selected(metadata::selector(gate, *caller))),
        ..NetworkPolicyPeer::default()
    };
    let jobs = matches!(role, Role::All | Role::Worker).then(|| jobs(gate));
    callers(role).iter().map(caller).chain(jobs).collect()
}

/// Job pods of the gate, where it takes jobs from.
fn jobs(gate: &ValidatedGate) -> NetworkPolicyPeer {
    let allowed = gate.spec.allowed_namespaces.iter();
    let namespaces: BTreeSet<_> = allowed.chain([&gate.namespace]).cloned().collect();
    let namespaces = LabelSelectorRequirement {
        key: NAMESPACE_NAME.to_owned(),
        operator: "In".to_owned(),
        values: Some(namespaces.into_iter().collect()),
    };
    let pods = [(COMPONENT, JOB), (STREAM_GATE, &gate.name)];
    let pods = pods.map(|(key, value)| (key.to_owned(), value.to_owned()));
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_expressions: Some(vec![namespaces]),
            ..LabelSelector::default()
        }),
        pod_selector: Some(selected(pods.into())),
        ..NetworkPolicyPeer::default()
    }
}

fn selected(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels),
        ..LabelSelector::default()
    }
}

/// A port, open to these; to everybody when nobody is named.
fn rule(port: &str, from: Option<Vec<NetworkPolicyPeer>>) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from,
        ports: Some(vec![NetworkPolicyPort {
            port: Some(IntOrString::String(port.to_owned())),
            protocol: Some("TCP".to_owned()),
            ..NetworkPolicyPort::default()
        }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streamgate::samples;
    use crate::streamgate::validate::validate;

    /// Ports of a role's pods and who may come there: names of roles, `job`, or nobody named.
    fn open(role: Role) -> Vec<(String, Vec<String>)> {
        let gate = validate(&samples::gate(samples::distributed())).unwrap();
        let policy = serde_json::to_value(network_policy(&gate, role)).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let rules = policy["spec"]["ingress"].as_array().unwrap().iter();
        let peers = |rule: &serde_json::Value| -> Vec<String> {
            let from = rule["from"].as_array().cloned().unwrap_or_default();
            let component =
                |peer: &serde_json::Value| text(&peer["podSelector"]["matchLabels"][COMPONENT]);
            from.iter().map(component).collect()
        };
        rules
            .map(|rule| (text(&rule["ports"][0]["port"]), peers(rule)))
            .collect()
    }

    #[test]
    fn a_role_is_reached_by_those_who_ask_it() {
        let everybody = |port: &str| (port.to_owned(), Vec::new());
        let inside = |who: &[&str]| {
            let who = who.iter().map(|role| (*role).to_owned()).collect();
            (INTERNAL.to_owned(), who)
        };
        assert_eq!(open(Role::Gateway), [everybody(ADMIN), everybody(PUBLIC)]);
        let upload = [everybody(ADMIN), inside(&["gateway"])];
        assert_eq!(open(Role::Upload), upload);
        let asking = [
            "gateway",
            "streaming",
            "upload",
            "metadata",
            "cache",
            "monitor",
            "worker",
        ];
        assert_eq!(open(Role::Auth), [everybody(ADMIN), inside(&asking)]);
        let worker = [everybody(ADMIN), inside(&["gateway", JOB])];
        assert_eq!(open(Role::Worker), worker);
        let all = [everybody(ADMIN), everybody(PUBLIC), inside(&[JOB])];
        assert_eq!(open(Role::All), all);
    }
}
