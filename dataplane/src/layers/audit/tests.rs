//! The layer over a real log in a folder.

use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower::ServiceExt;

use super::*;
use crate::adapters::audit_files::verify::verify;
use crate::adapters::audit_files::{AuditFiles, Figures, Settings};
use crate::layers::authenticate::{Caller, authenticate};
use crate::ports::audit_log::{AuditError, EventKind, Receipt, Record};
use crate::ports::chain::Wallet;
use crate::ports::identity::{Identities, IdentityError, Principal};

struct OnlyAlice;

#[async_trait]
impl Identities for OnlyAlice {
    async fn identify(&self, token: &str) -> Result<Principal, IdentityError> {
        let alice = Principal {
            wallet: Wallet::of_key([1; 20]),
            creator: true,
            admin: false,
        };
        (token == "canary-alice")
            .then_some(alice)
            .ok_or(IdentityError::Refused)
    }
}

struct Broken;

#[async_trait]
impl AuditLog for Broken {
    async fn append(&self, _: &Record) -> Result<Receipt, AuditError> {
        Err(AuditError::Overflow)
    }
    fn enqueue(&self, _: &Record) -> Result<(), AuditError> {
        Err(AuditError::Overflow)
    }
}

fn app(log: Arc<dyn AuditLog>, settings: &AuditSettings) -> Router {
    let identities: Arc<dyn Identities> = Arc::new(OnlyAlice);
    let echo = |body: String| async move { ([("content-type", "application/json")], body) };
    Router::new()
        .route("/api/v1/auth/login", post(echo))
        .route(
            "/api/v1/contents/{id}",
            get(|| async { "seen" }).delete(|_: Caller| async { "gone" }),
        )
        .route(
            "/v/{handle}/{file}",
            get(|| async { StatusCode::TOO_MANY_REQUESTS }),
        )
        .layer(from_fn_with_state(identities, authenticate))
        .layer(Audit::new(log, settings, [9; 32]))
}

async fn ask(
    app: &Router,
    method: &str,
    path: &str,
    token: &str,
    body: &'static str,
) -> (u16, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {token}"));
    let mut request = request
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    request
        .extensions_mut()
        .insert(Peer::new("192.0.2.77:1".parse().unwrap()));
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn read(folder: &std::path::Path) -> (Vec<Record>, String) {
    let (mut records, mut text) = (Vec::new(), String::new());
    verify(folder, Some(&[9; 32]), None, |_, payload| {
        records.push(serde_json::from_slice(payload).unwrap());
        text.push_str(std::str::from_utf8(payload).unwrap());
    })
    .unwrap();
    (records, text)
}

#[tokio::test]
async fn changes_refusals_and_limit_hits_are_on_disk_before_the_answer_and_hold_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let settings: AuditSettings = serde_json::from_value(serde_json::json!({
        "rules": [{"role": "auth", "level": "RequestResponse"}],
    }))
    .unwrap();
    let figures = Figures::new(&prometheus::Registry::new()).unwrap();
    let log = AuditFiles::open(folder.path(), Settings::of(&settings, [9; 32]), figures).unwrap();
    let app = app(Arc::new(log), &settings);
    let login = r#"{"message":"canary-message","signature":"canary-signature","chain":"main"}"#;
    assert_eq!(
        ask(&app, "POST", "/api/v1/auth/login", "canary-alice", login).await,
        (200, login.to_owned())
    );
    let content = "/api/v1/contents/c1";
    assert_eq!(
        ask(&app, "DELETE", content, "canary-alice", "").await.0,
        200
    );
    assert_eq!(
        ask(&app, "DELETE", content, "canary-forged", "").await.0,
        401
    );
    // The answers are here, so the records are on disk while the log is still open.
    assert_eq!(read(folder.path()).0.len(), 3);
    assert_eq!(ask(&app, "GET", content, "canary-alice", "").await.0, 200);
    for _ in 0..50 {
        assert_eq!(
            ask(&app, "GET", "/v/canary-handle/a.m3u8", "canary-alice", "")
                .await
                .0,
            429
        );
    }
    // Closing waits for what is enqueued.
    drop(app);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (records, text) = read(folder.path());
    assert!(
        !text.contains("canary") && !text.contains("192.0.2"),
        "{text}"
    );
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(
        kinds[..3],
        [
            EventKind::Authentication,
            EventKind::Delete,
            EventKind::Delete
        ]
    );
    let limits = kinds[3..]
        .iter()
        .filter(|kind| **kind == EventKind::Limit)
        .count();
    assert!(
        (1..=3).contains(&limits) && kinds.len() == 3 + limits,
        "{kinds:?}"
    );
    assert_eq!(records[0].details["request"]["chain"], "main");
    assert_eq!(records[0].details["response"]["chain"], "main");
    let pseudonyms = Pseudonyms::new([9; 32]);
    assert_eq!(
        records[1].actor.wallet,
        Some(pseudonyms.wallet(&Wallet::of_key([1; 20])))
    );
    assert_eq!(
        (&*records[1].action, &*records[1].resource),
        ("DELETE", content)
    );
    for (place, record) in records.iter().enumerate() {
        assert!(record.time.parse::<jiff::Timestamp>().is_ok(), "{record:?}");
        let same = records.iter().position(|other| other.id == record.id);
        assert!(record.id.len() == 32 && same == Some(place), "{record:?}");
    }
    assert_eq!(records[2].actor.wallet, None);
    assert_eq!(records[2].result.reason.as_deref(), Some("InvalidSession"));
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_what_is_strict_and_nothing_else() {
    let mut settings = AuditSettings::default();
    for (mode, status) in [
        (AuditMode::Batch, 200),
        (AuditMode::Blocking, 200),
        (AuditMode::BlockingStrict, 503),
    ] {
        settings.mode = mode;
        let app = app(Arc::new(Broken), &settings);
        let (code, body) = ask(&app, "DELETE", "/api/v1/contents/c1", "canary-alice", "").await;
        assert_eq!(code, status, "{mode:?} {body}");
        assert_eq!(
            ask(&app, "GET", "/api/v1/contents/c1", "canary-alice", "")
                .await
                .0,
            200
        );
    }
}
