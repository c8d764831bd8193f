//! What the edge refuses and records, around every route of the whole process.

use super::gateway::ask;
use super::*;

#[tokio::test]
async fn every_refusal_of_the_edge_is_a_problem() {
    let process = process().await;
    let get = |path| ask(&process.public, "GET", path);
    let patched = ask(&process.public, "PATCH", "/api/v1/auth/login").await;
    let mut last = get("/api/v1/auth/profile").await;
    for _ in 0..60 {
        last = get("/api/v1/auth/profile").await;
    }
    let nowhere = get("/api/v1/nowhere").await;
    for (answer, status, reason) in [
        (nowhere, 404, "NoSuchRoute"),
        (patched, 405, "MethodNotAllowed"),
        (last, 429, "RateLimited"),
    ] {
        let (got, kind, problem) = answer;
        assert_eq!((got, &problem["reason"]), (status, &reason.into()));
        assert_eq!(kind, "application/problem+json");
        assert_eq!(problem["status"], status);
    }
}

/// Records handed to the audit log so far, by kind.
fn recorded(process: &Process, kind: &str) -> u64 {
    let text = prometheus::TextEncoder::new();
    let text = text.encode_to_string(&process.registry.gather()).unwrap();
    let name = format!("streamgate_audit_events_total{{kind=\"{kind}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("no {kind} in {text}"))
        .parse()
        .unwrap()
}

#[tokio::test]
async fn changes_and_refusals_are_recorded_behind_every_route() {
    let process = process().await;
    for (kind, method, path) in [
        ("authentication", "POST", "/api/v1/auth/login"),
        ("delete", "DELETE", "/api/v1/contents/c"),
        ("write", "POST", "/api/v1/contents"),
        ("cache", "PUT", "/api/v1/cache/n/k"),
    ] {
        let before = recorded(&process, kind);
        ask(&process.public, method, path).await;
        assert_eq!(recorded(&process, kind), before + 1, "{method} {path}");
    }
    let before = recorded(&process, "read");
    ask(&process.public, "GET", "/api/v1/contents").await;
    assert_eq!(
        recorded(&process, "read"),
        before,
        "reading changes nothing"
    );
}

#[tokio::test]
async fn every_family_is_of_a_base_unit() {
    let process = process().await;
    let derived = [
        "minutes",
        "hours",
        "milliseconds",
        "ms",
        "kb",
        "mb",
        "percent",
    ];
    for family in series(&process.registry).into_keys() {
        let mut words = family.split('_');
        let odd = words.find(|word| derived.contains(word));
        assert_eq!(odd, None, "{family}");
    }
}
