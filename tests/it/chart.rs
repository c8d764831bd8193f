//! The chart: its CRDs are those of the types, its values are closed, and the operator holds every
//! right it grants without being able to read Secrets.

use std::fs;

use serde_json::Value;
use streamgate_crds::definitions;
use streamgate_tests::root;

fn chart(file: &str) -> String {
    fs::read_to_string(root().join("charts/streamgate").join(file)).unwrap()
}

#[test]
fn crds_of_the_chart_are_what_the_types_say() {
    for (file, crd) in definitions::all() {
        let made = definitions::template(&definitions::yaml(&crd).unwrap());
        let kept = chart(&format!("templates/crd-{file}"));
        assert!(kept == made, "templates/crd-{file} is out of date: run `make crds`");
        assert_eq!(made.matches("{{").count(), 4, "{file}: a description would be run as a template");
    }
}

/// Objects of Kubernetes' own whose fields the chart passes on unread.
const FOREIGN: &[&str] = &["global", "nodeAffinity", "podAffinity", "podAntiAffinity"];

#[test]
fn values_are_closed_and_every_default_is_described() {
    let schema: Value = serde_json::from_str(&chart("values.schema.json")).unwrap();
    closed("values", &schema);
    let values: Value = serde_yaml::from_str(&chart("values.yaml")).unwrap();
    let readme = chart("README.md");
    for (name, value) in values.as_object().unwrap() {
        assert!(schema["properties"].get(name).is_some(), "{name} is not in the schema");
        let fields = value.as_object().filter(|fields| !fields.is_empty());
        let inner = fields.into_iter().flat_map(|f| f.keys()).all(|f| readme.contains(&format!("`{name}.{f}`")));
        assert!(readme.contains(&format!("`{name}`")) || inner, "{name} is not in README.md");
    }
}

fn closed(path: &str, schema: &Value) {
    if schema["type"] == "object" && !FOREIGN.iter().any(|name| path.ends_with(name)) {
        assert!(schema.get("additionalProperties").is_some_and(|more| *more != true), "{path} is open");
    }
    for part in ["properties", "definitions"] {
        for (name, field) in schema[part].as_object().into_iter().flatten() {
            closed(&format!("{path}.{name}"), field);
        }
    }
    if schema["items"].is_object() {
        closed(&format!("{path}[]"), &schema["items"]);
    }
}

/// `group/resource verb` of a list of rules.
fn rights(rules: &Value) -> Vec<String> {
    let texts = |v: &Value| -> Vec<String> {
        v.as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect()
    };
    let mut all = Vec::new();
    for rule in rules.as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                all.extend(texts(&rule["verbs"]).iter().map(|verb| format!("{group}/{resource} {verb}")));
            }
        }
    }
    all
}

/// The rules of the operator's ClusterRole: plain YAML below its templated head.
fn held() -> Vec<String> {
    let text = chart("templates/cluster-role.yaml");
    let rules = text.split("\nrules:\n").nth(1).unwrap().split("\n---").next().unwrap();
    rights(&serde_yaml::from_str(rules).unwrap())
}

#[test]
fn the_operator_holds_every_right_it_grants() {
    let held = held();
    let golden = fs::read_to_string(root().join("operator/golden/stream-gate.yaml")).unwrap();
    let mut granted = 0;
    for document in golden.split("---\n").filter(|d| d.contains("\nkind: Role\n")) {
        let role: Value = serde_yaml::from_str(document).unwrap();
        for right in rights(&role["rules"]) {
            assert!(held.contains(&right), "granted but not held: {right}");
            granted += 1;
        }
    }
    assert!(granted > 15, "only {granted} granted rights were found");
}

#[test]
fn the_operator_can_neither_read_secrets_nor_raise_its_rights() {
    for right in held() {
        let (resource, verb) = right.split_once(' ').unwrap();
        let secret = resource == "/secrets" && !["create", "patch"].contains(&verb);
        assert!(!secret && !["*", "escalate", "bind", "impersonate"].contains(&verb), "{right}");
        assert!(!resource.contains('*'), "{right}");
    }
}
