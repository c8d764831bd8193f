//! Every field of a StreamGate and what changes with it: the table is held against the schema of
//! the CRD, so a field without a row fails.

use std::collections::BTreeSet;

use serde_json::Value;
use streamgate_crds::definitions;

use super::golden::documents;
use super::*;
use crate::streamgate::validate::{Invalid, validate};
use crate::streamgate::{rollout::Rollout, samples, status};
use rows::rows;

mod rows;

/// What a change of a field is seen in.
#[derive(Debug)]
enum Seen {
    /// These children change, and no other.
    Children(&'static [&'static str]),
    /// The reason of the condition `Ready` becomes this.
    Ready(&'static str),
    /// TranscodeJobs read it from the StreamGate when they are planned; no child of the gate has
    /// it. It is checked here all the same where a wrong value is possible.
    Jobs,
}

use Seen::{Children, Jobs, Ready};

/// Every leaf of the spec in the schema: `[]` for the entries of a list, `*` for those of a map.
fn leaves(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(fields) = schema["properties"].as_object() {
        fields
            .iter()
            .for_each(|(name, field)| leaves(&below(name), field, found));
    } else if schema["items"].is_object() {
        leaves(&format!("{path}[]"), &schema["items"], found);
    } else if schema["additionalProperties"].is_object() {
        leaves(&below("*"), &schema["additionalProperties"], found);
    } else {
        found.insert(path.to_owned());
    }
}

/// Sets the leaf at `path` in a spec that has every field.
fn set(spec: &mut Value, path: &str, value: &Value) {
    let Some((head, rest)) = path.split_once('.') else {
        *entry(spec, path) = value.clone();
        return;
    };
    match head.strip_suffix("[]") {
        Some(list) => {
            let entries = spec[list].as_array_mut().unwrap().iter_mut();
            set_first(entries, head, rest, value);
        }
        None if head == "*" => {
            let entries = spec.as_object_mut().unwrap().values_mut();
            set_first(entries, head, rest, value);
        }
        None => set(entry(spec, head), rest, value),
    }
}

/// Sets the leaf at `rest` in the first of these entries that has it: of things that have one kind
/// each, no entry has every field.
fn set_first<'a>(
    mut entries: impl Iterator<Item = &'a mut Value>,
    path: &str,
    rest: &str,
    value: &Value,
) {
    let pointer = rest.replace("[]", "/0").replace('.', "/");
    let pointer = format!("/{}", pointer.trim_end_matches("/*"));
    let entry = entries.find(|e| e.pointer(&pointer).is_some());
    let entry = entry.unwrap_or_else(|| panic!("the full sample lacks {path}{rest}"));
    set(entry, rest, value);
}

/// The field of this name; its first entry for `name[]`, and of a map for `*`.
fn entry<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    match name.strip_suffix("[]") {
        Some(list) => &mut value[list][0],
        None if name == "*" => value.as_object_mut().unwrap().values_mut().next().unwrap(),
        None => value
            .get_mut(name)
            .unwrap_or_else(|| panic!("the full sample lacks {name}")),
    }
}

fn changed(before: &Value, after: &Value) -> BTreeSet<String> {
    let documents = |spec: &Value| {
        let gate = validate(&samples::gate(spec.clone())).unwrap();
        documents(&desired(&gate, &samples::settings()).unwrap())
    };
    let (before, after) = (documents(before), documents(after));
    let differs = before.iter().zip(&after).filter(|(b, a)| b != a);
    differs.map(|(b, _)| b.0.clone()).collect()
}

fn ready(spec: &Value) -> String {
    let gate = samples::gate(spec.clone());
    let outcome = match validate(&gate) {
        _ if gate.spec.paused => status::Outcome::Paused(Rollout::Available),
        Err(Invalid(_)) => super::super::stuck("InvalidSpec", &Invalid(Vec::new())),
        Ok(_) => panic!("{spec} changes no condition"),
    };
    let status = status::status(&gate, &outcome, jiff::Timestamp::UNIX_EPOCH);
    status.conditions[0].reason.clone()
}

#[test]
fn every_field_has_a_row_and_every_row_a_field() {
    let (_, crd) = &definitions::all()[0];
    let crd = serde_json::to_value(crd).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut fields = BTreeSet::new();
    leaves("", schema, &mut fields);
    let rows: BTreeSet<_> = rows().iter().map(|(path, ..)| (*path).to_owned()).collect();
    let missing: Vec<_> = fields.difference(&rows).collect();
    let stale: Vec<_> = rows.difference(&fields).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "without a row: {missing:?}; without a field: {stale:?}"
    );
    assert!(fields.len() > 45, "{} fields", fields.len());
}

#[test]
fn every_field_changes_the_children_or_the_condition_of_its_row() {
    let rows = rows();
    for (path, value, seen) in &rows {
        // How many pods there are is said in the other topology.
        let counts = ["components.*.replicas", "components.*.autoscaling."];
        let before = match counts.iter().any(|counts| path.starts_with(counts)) {
            true => samples::distributed(),
            false => samples::full(),
        };
        let mut after = before.clone();
        set(&mut after, path, value);
        match seen {
            Children(children) => {
                assert_ne!(
                    before, after,
                    "{path}: the row writes what is there already"
                );
                let children: BTreeSet<_> = children.iter().map(|c| (*c).to_owned()).collect();
                assert_eq!(changed(&before, &after), children, "{path}");
            }
            Ready(reason) => assert_eq!(ready(&after), *reason, "{path}"),
            Jobs => assert!(changed(&before, &after).is_empty(), "{path}"),
        }
    }
    println!("{} fields: {} rows pass", rows.len(), rows.len());
}
