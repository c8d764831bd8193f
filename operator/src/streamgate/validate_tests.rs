//! What `validate` refuses and in which words.

use serde_json::{Value, json};

use super::*;
use crate::streamgate::samples;

fn problems(spec: Value) -> Vec<String> {
    match validate(&samples::gate(spec)) {
        Ok(_) => Vec::new(),
        Err(Invalid(problems)) => problems.iter().map(Problem::to_string).collect(),
    }
}

fn refused(spec: Value, words: &str) {
    let shown = spec.to_string();
    let found = problems(spec);
    assert!(
        found.len() == 1 && found[0].contains(words),
        "{shown}: wanted one problem with {words:?}, found {found:?}"
    );
}

#[test]
fn the_defaults_and_the_sample_are_valid() {
    assert_eq!(problems(json!({})), Vec::<String>::new());
    assert_eq!(problems(samples::full()), Vec::<String>::new());
}

#[test]
fn tolerations_that_no_taint_could_match_are_refused() {
    let toleration = |words: Value| json!({"transcode": {"scheduling": {"tolerations": [words]}}});
    let field = "spec.transcode.scheduling.tolerations[0]";
    refused(toleration(json!({"value": "x"})), &format!("{field}.key"));
    let exists = json!({"key": "spot", "operator": "Exists", "value": "x"});
    refused(toleration(exists), &format!("{field}.value"));
    assert!(problems(toleration(json!({"operator": "Exists"}))).is_empty());
}

#[test]
fn one_chain_id_has_one_entry() {
    let chain = |name: &str| json!({"name": name, "chainId": 1, "rpcUrls": ["http://node"]});
    refused(
        json!({"chains": [chain("a"), chain("b")]}),
        "spec.chains[1].chainId: 1 is the id of chain \"a\"",
    );
}

#[test]
fn an_endpoint_counts_once() {
    let urls = ["http://node", "http://node"];
    refused(
        json!({"chains": [{"name": "a", "chainId": 1, "rpcUrls": urls}]}),
        "spec.chains[0].rpcUrls: lists an endpoint twice",
    );
}

#[test]
fn rules_that_nobody_could_check_are_refused() {
    let call = |function: &str, arguments: Value| {
        let contract = format!("0x{}", "a1".repeat(20));
        let call = json!({"chain": "a", "contract": contract, "function": function, "arguments": arguments});
        json!({"rules": [{"name": "member", "call": call}]})
    };
    refused(
        call("f(address,bool)", json!(["$viewer"])),
        "spec.rules[0].call.arguments: 1 argument for 2 types",
    );
    refused(call("f(bool)", json!(["yes"])), "\"yes\" is no bool");
    refused(call("f(uint8)", json!(["256"])), "\"256\" is no uint8");
    refused(call("f(uint7)", json!(["1"])), "uint7 is no type");
    assert!(
        problems(call(
            "f(address,bytes2,uint8)",
            json!(["$viewer", "0x0102", "255"])
        ))
        .is_empty()
    );
    let huge = "9".repeat(78);
    let coins =
        json!({"chain": "a", "contract": format!("0x{}", "a1".repeat(20)), "minimum": huge});
    refused(
        json!({"rules": [{"name": "coins", "erc20": coins}]}),
        "spec.rules[0].erc20.minimum: is more than 256 bits hold",
    );
    refused(
        json!({"rules": [{"name": "it", "anyOf": ["it"]}]}),
        "spec.rules[0]: rule \"it\" is too large",
    );
}

#[test]
fn a_node_port_needs_a_service_type_that_has_one() {
    refused(
        json!({"exposure": {"nodePort": 30080}}),
        "spec.exposure.nodePort: is only for",
    );
    assert!(
        problems(json!({"exposure": {"nodePort": 30080, "serviceType": "NodePort"}})).is_empty()
    );
}

#[test]
fn a_gate_that_speaks_tls_is_reached_by_https() {
    refused(
        json!({"exposure": {"publicUrl": "http://watch.example", "tlsSecretName": "watch"}}),
        "spec.exposure.publicUrl: must begin with https://",
    );
    let exposure = json!({"publicUrl": "https://watch.example", "tlsSecretName": "watch"});
    assert!(problems(json!({"exposure": exposure})).is_empty());
}

#[test]
fn a_url_with_a_password_is_refused() {
    refused(
        json!({"exposure": {"publicUrl": "https://u:p@watch.example"}}),
        "nothing secret",
    );
    let s3 =
        json!({"bucket": "videos", "credentialsSecretName": "s3", "endpoint": "http://k:s@minio"});
    refused(json!({"storage": {"s3": s3}}), "spec.storage.s3.endpoint");
}

#[test]
fn quantities_must_parse_and_requests_stay_below_limits() {
    let all = |resources: Value| json!({"components": {"all": {"resources": resources}}});
    refused(
        all(json!({"requests": {"memory": "much"}})),
        "spec.components.all.resources.requests.memory: \"much\" is no quantity",
    );
    refused(
        all(json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}})),
        "is above the limit of 1500m",
    );
    assert!(
        problems(all(
            json!({"requests": {"memory": "512Mi"}, "limits": {"memory": "1Gi"}})
        ))
        .is_empty()
    );
    refused(
        json!({"transcode": {"resources": {"limits": {"memory": "-1Gi"}}}}),
        "spec.transcode.resources.limits.memory",
    );
}

#[test]
fn rungs_are_even_and_distinct() {
    let rung = |height: u32| json!({"height": height, "maxKbps": 500});
    refused(
        json!({"transcode": {"renditions": [rung(361)]}}),
        "361 is odd",
    );
    refused(
        json!({"transcode": {"renditions": [rung(360), rung(360)]}}),
        "360 is there twice",
    );
    let hevc = json!({"height": 360, "maxKbps": 300, "codec": "HEVC"});
    assert!(problems(json!({"transcode": {"renditions": [rung(360), hevc]}})).is_empty());
}

#[test]
fn profiles_are_checked_like_the_default_ladder() {
    let profile = |name: &str, options: Value| {
        let rung = json!({"height": 360, "maxKbps": 500, "options": options});
        json!({"transcode": {"profiles": {name: {"renditions": [rung]}}}})
    };
    assert!(problems(profile("small", json!({"preset": "slow"}))).is_empty());
    refused(
        profile("small", json!({"threads": "8"})),
        "spec.transcode.profiles[small].renditions[0].options: threads",
    );
    refused(profile("Small", json!({})), "is no name of a profile");
}

#[test]
fn selectors_hold_what_a_node_label_can_hold() {
    let all = json!({"components": {"all": {"nodeSelector": {"disk type": "ssd"}}}});
    refused(all, "spec.components.all.nodeSelector");
}

#[test]
fn words_that_would_stop_the_data_plane_are_refused_here() {
    refused(json!({"log": "info,=="}), "spec.log");
    refused(
        json!({"auth": {"domain": "https://watch.example"}}),
        "spec.auth.domain",
    );
    refused(
        json!({"allowedNamespaces": ["Team A"]}),
        "spec.allowedNamespaces[0]",
    );
    let s3 = json!({"bucket": "My_Bucket", "credentialsSecretName": "s3"});
    refused(json!({"storage": {"s3": s3}}), "spec.storage.s3.bucket");
}

#[test]
fn a_name_that_no_service_can_have_is_refused() {
    for name in ["1demo", "a.b"] {
        let mut gate = samples::gate(json!({}));
        gate.metadata.name = Some(name.into());
        assert!(
            validate(&gate)
                .unwrap_err()
                .to_string()
                .contains("metadata.name"),
            "{name}"
        );
    }
}

#[test]
fn the_version_is_the_specs_else_the_one_kept() {
    let mut gate = samples::gate(json!({}));
    assert_eq!(validate(&gate).unwrap().version, None);
    gate.status.get_or_insert_default().version = Some("0.1.0".into());
    assert_eq!(validate(&gate).unwrap().version.as_deref(), Some("0.1.0"));
    gate.spec.version = Some("0.2.0".into());
    assert_eq!(validate(&gate).unwrap().version.as_deref(), Some("0.2.0"));
}

#[test]
fn every_problem_is_told_at_once() {
    let found = problems(json!({"log": "==", "exposure": {"nodePort": 30080}}));
    assert_eq!(found.len(), 2, "{found:?}");
}
