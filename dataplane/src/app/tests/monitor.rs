//! The monitor in the whole process: admins silence alerts, and find in the events that they did.

use axum::body::to_bytes;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fixture::{Account, admin, owner, text};
use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn ask(
    process: &Process,
    (method, path): (&str, &str),
    session: Option<&str>,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(session) = session {
        request = request.header("authorization", format!("Bearer {session}"));
    }
    let body = match body {
        Some(body) => {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    let mut request = request.body(body).unwrap();
    let peer = Peer::new("127.0.0.1:1".parse().unwrap());
    request.extensions_mut().insert(peer);
    let response = process.public.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn sign_in(process: &Process, account: &Account) -> String {
    let binding = URL_SAFE_NO_PAD.encode(Sha256::digest(SECRET));
    let wish = json!({"address": account.wallet().to_string(), "binding": binding});
    let asked = ask(
        process,
        ("POST", "/api/v1/auth/challenge"),
        None,
        Some(wish),
    );
    let message = asked.await.1["message"].as_str().unwrap().to_owned();
    let signature = text(&account.sign(&message));
    let answer = json!({"message": message, "signature": signature, "verifier": SECRET});
    let asked = ask(process, ("POST", "/api/v1/auth/login"), None, Some(answer));
    asked.await.1["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn admins_silence_alerts_and_find_it_in_the_events_and_others_do_neither() {
    let mut config = fixture::config("http://127.0.0.1:9", 1);
    // Keys sign in without a chain.
    (config.chains, config.rules) = (Vec::new(), Vec::new());
    let process = process_with(config, Outside::nobody(), "http://127.0.0.1:9").await;
    let session = sign_in(&process, &admin()).await;
    let stranger = sign_in(&process, &owner()).await;

    let silences = "/api/v1/monitor/silences";
    let ends_at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let matcher = json!({"name": "alertname", "value": "Deep"});
    let wish = json!({"matchers": [matcher], "endsAt": ends_at.to_string(), "comment": "work"});
    let wish = || Some(wish.clone());
    let refused = ask(&process, ("POST", silences), Some(&stranger), wish()).await;
    assert_eq!(refused.0, StatusCode::FORBIDDEN, "{}", refused.1);
    let (status, made) = ask(&process, ("POST", silences), Some(&session), wish()).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let path = format!("{silences}/{}", made["id"].as_str().unwrap());
    let gone = ask(&process, ("DELETE", &path), Some(&session), None).await;
    assert_eq!(gone.0, StatusCode::NO_CONTENT);

    let events = "/api/v1/monitor/events";
    let refused = ask(&process, ("GET", events), Some(&stranger), None).await;
    assert_eq!(refused.0, StatusCode::FORBIDDEN);
    let of = |query: &str| format!("{events}?{query}");
    let (_, removed) = ask(&process, ("GET", &of("kind=delete")), Some(&session), None).await;
    let (_, written) = ask(
        &process,
        ("GET", &of("kind=write&limit=1")),
        Some(&session),
        None,
    )
    .await;
    let next = of(&format!(
        "kind=write&limit=1&cursor={}",
        written["next"].as_str().unwrap()
    ));
    let (_, before) = ask(&process, ("GET", &next), Some(&session), None).await;
    for (event, resource, status) in [
        (&removed["events"][0], path.as_str(), 204),
        (&written["events"][0], silences, 201),
        (&before["events"][0], silences, 403),
    ] {
        assert_eq!(event["resource"], resource, "{event}");
        assert_eq!(event["result"]["status"], status, "{event}");
        let wallet = event["actor"]["wallet"].as_str().unwrap();
        assert!(wallet.starts_with("hmac:"), "{event}");
    }
    let (_, all) = ask(&process, ("GET", &of("limit=200")), Some(&session), None).await;
    let all = all.to_string().to_lowercase();
    let wallet = admin().wallet().to_string().to_lowercase();
    for secret in [
        wallet.as_str(),
        &session.to_lowercase(),
        SECRET,
        "signature",
    ] {
        assert!(!all.contains(secret), "{secret}");
    }

    // The roles of the monitor are behind the same door.
    for path in [
        "/api/v1/monitor/overview",
        "/prometheus/api/v1/query?query=up",
    ] {
        let (status, body) = ask(&process, ("GET", path), Some(&session), None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        let (status, _) = ask(&process, ("GET", path), None, None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
}
