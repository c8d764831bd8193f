//! The description is that of the routes there are, and committed.

use super::*;
use crate::layers::routes::ROUTES;

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../docs/src/reference/openapi.json"
);

#[test]
fn the_committed_description_is_that_of_the_code() {
    let text = openapi::text();
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(GOLDEN, &text).unwrap();
    }
    let committed = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    assert!(
        committed == text,
        "docs/src/reference/openapi.json is of other code; run the test with UPDATE_GOLDEN=1"
    );
}

#[test]
fn every_public_route_is_described_and_nothing_else() {
    let api = openapi::description();
    let mut described: Vec<&str> = api.paths.paths.keys().map(String::as_str).collect();
    let public = |path: &&str| path.starts_with('/') && !path.starts_with("/internal/");
    let mut routes: Vec<&str> = ROUTES.iter().map(|r| r.template).filter(public).collect();
    described.sort_unstable();
    routes.sort_unstable();
    assert_eq!(described, routes);
}

#[test]
fn every_operation_may_be_refused_and_has_its_own_name() {
    let api = serde_json::to_value(openapi::description()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    let mut operations = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let refusal = &operation["responses"]["default"]["content"];
            assert!(
                refusal.get("application/problem+json").is_some(),
                "{method} {path}"
            );
            names.insert(operation["operationId"].to_string());
            operations += 1;
        }
    }
    assert_eq!((names.len(), operations > 30), (operations, true));
}
