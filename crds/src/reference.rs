//! The reference page of a kind, written from its CRD: every field with type, bounds, default and
//! description. Text out of a value; `crdgen` writes it into the docs.

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

/// The page of one kind as Markdown. Deterministic: fields come in the order of the alphabet.
///
/// # Errors
/// When the definition cannot be read as JSON, which a test excludes.
pub fn page(crd: &CustomResourceDefinition) -> Result<String, serde_json::Error> {
    let crd = serde_json::to_value(&crd.spec)?;
    let version = &crd["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let mut page = format!(
        "# {}\n\n{}\n\n",
        text(&crd["names"]["kind"]),
        text(&schema["description"])
    );
    let short = text(&crd["names"]["shortNames"][0]);
    let _ = writeln!(
        page,
        "`apiVersion: {}/{}`, short name `{short}`.\n",
        text(&crd["group"]),
        text(&version["name"])
    );
    for part in ["spec", "status"] {
        let _ = writeln!(
            page,
            "## {part}\n\n| field | type | description |\n| --- | --- | --- |"
        );
        rows(&mut page, part, &schema["properties"][part]);
        page.push('\n');
    }
    rules(&mut page, schema);
    Ok(page)
}

/// A row for each field below `path`, depth first.
fn rows(page: &mut String, path: &str, schema: &Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let below = format!("{path}.{name}");
        let must = if required.contains(&Value::from(name.as_str())) {
            ", required"
        } else {
            ""
        };
        let description = text(&field["description"])
            .replace('\n', " ")
            .replace('|', "\\|");
        let _ = writeln!(
            page,
            "| `{below}` | {}{must} | {description} |",
            kind(field)
        );
        match field["type"].as_str() {
            Some("array") => rows(page, &format!("{below}[]"), &field["items"]),
            Some("object") if field["additionalProperties"].is_object() => {
                rows(page, &format!("{below}.*"), &field["additionalProperties"]);
            }
            _ => rows(page, &below, field),
        }
    }
}

/// Type, bounds and default in a few words.
fn kind(field: &Value) -> String {
    let mut words = vec![match field["type"].as_str() {
        Some("array") => format!(
            "list of {}",
            field["items"]["type"].as_str().unwrap_or("any")
        ),
        Some(name) => name.to_owned(),
        None => "any".to_owned(),
    }];
    if let Some(values) = field["enum"].as_array() {
        let values: Vec<_> = values.iter().filter(|v| !v.is_null()).map(text).collect();
        words.push(format!("one of {}", values.join(", ")));
    }
    for (key, word) in BOUNDS {
        if let Some(bound) = field.get(key).filter(|b| !b.is_null()) {
            // JSON schema numbers come as floats; people read whole ones.
            let bound = bound.as_f64().unwrap_or_default();
            words.push(format!("{word} {bound}"));
        }
    }
    if let Some(default) = field
        .get("default")
        .filter(|d| !d.is_object() && !d.is_array())
    {
        words.push(format!("default `{default}`"));
    }
    words.join(", ")
}

const BOUNDS: [(&str, &str); 6] = [
    ("minimum", "at least"),
    ("maximum", "at most"),
    ("minLength", "characters at least"),
    ("maxLength", "characters at most"),
    ("maxItems", "entries at most"),
    ("maxProperties", "keys at most"),
];

/// What the API server refuses beyond types and bounds.
fn rules(page: &mut String, schema: &Value) {
    let mut messages = Vec::new();
    collect(schema, &mut messages);
    if !messages.is_empty() {
        page.push_str("## Refused by the API server\n\n");
        messages.iter().for_each(|m| {
            let _ = writeln!(page, "- {m}");
        });
    }
}

fn collect(schema: &Value, messages: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        messages.push(text(&rule["message"]));
    }
    for field in schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, field)| field)
    {
        collect(field, messages);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use crate::definitions;

    #[test]
    fn every_field_of_every_kind_is_described() {
        for (file, crd) in definitions::all() {
            let page = super::page(&crd).unwrap_or_default();
            let rows: Vec<_> = page.lines().filter(|l| l.starts_with("| `")).collect();
            assert!(rows.len() > 20, "{file}: {} rows", rows.len());
            let bare: Vec<_> = rows.iter().filter(|l| l.ends_with("|  |")).collect();
            assert!(bare.is_empty(), "{file}: without description: {bare:#?}");
        }
    }
}
