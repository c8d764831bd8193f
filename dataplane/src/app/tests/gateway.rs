//! Every role behind one address.

use axum::body::to_bytes;
use serde_json::Value;

use super::*;

/// Status, type and body of an answer.
pub async fn ask(listener: &Listener, method: &str, path: &str) -> (u16, String, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let mut request = request.body(Body::empty()).unwrap();
    let peer = "192.0.2.1:1".parse().unwrap();
    request.extensions_mut().insert(Peer::new(peer));
    let response = listener.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type");
    let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (
        status,
        kind,
        serde_json::from_slice(&body).unwrap_or_default(),
    )
}

#[tokio::test]
async fn every_role_answers_behind_one_address() {
    let process = process().await;
    for (method, path, reason) in [
        ("GET", "/api/v1/auth/profile", "SignInRequired"),
        ("GET", "/api/v1/cache", "SignInRequired"),
        ("DELETE", "/api/v1/contents/film", "SignInRequired"),
        ("PUT", "/api/v1/files", "SignInRequired"),
        ("GET", "/api/v1/jobs", "SignInRequired"),
        ("GET", "/api/v1/monitor/overview", "SignInRequired"),
        ("GET", "/v/forged/master.m3u8", "EpochStale"),
        ("GET", "/api/v1/nowhere", "NoSuchRoute"),
        ("GET", "/internal/v1/assignment", "NoSuchRoute"),
    ] {
        let (_, _, problem) = ask(&process.public, method, path).await;
        assert_eq!(problem["reason"], reason, "{method} {path}: {problem}");
    }
    let path = "/internal/v1/assignment";
    let (_, _, problem) = ask(&process.internal, "GET", path).await;
    assert_eq!(problem["reason"], "TokenRequired");
    let (_, _, problem) = ask(&process.internal, "GET", "/api/v1/auth/profile").await;
    assert_eq!(
        problem["reason"], "NoSuchRoute",
        "the public API is elsewhere"
    );
}

#[tokio::test]
async fn the_api_describes_itself_and_says_how_it_is() {
    let process = process().await;
    let (status, _, problem) = ask(&process.public, "GET", "/api/v1/health").await;
    assert_eq!((status, &problem["reason"]), (503, &"NotReady".into()));
    let parts = problem["parts"].as_array().unwrap();
    let part = |name: &str| parts.iter().find(|part| part["part"] == name).unwrap();
    assert_eq!(part("process")["hindrance"], "starting");
    assert_eq!(part("catalog")["ok"], true);
    let (status, _, api) = ask(&process.public, "GET", "/api/v1/openapi.json").await;
    assert_eq!((status, &api["openapi"]), (200, &"3.1.0".into()));
    let (status, kind, _) = ask(&process.public, "GET", "/api/v1/docs").await;
    assert!(
        status == 200 && kind.starts_with("text/html"),
        "{status} {kind}"
    );
}
