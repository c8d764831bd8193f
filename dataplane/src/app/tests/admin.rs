//! The admin listener of the whole process.

use std::time::Duration;

use axum::body::to_bytes;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;

async fn ask(process: &Process, path: &str) -> (u16, String) {
    let routes = crate::health::routes(process.health.clone());
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = routes.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The process once everything is up.
async fn serving() -> (Process, DropGuard) {
    let process = process().await;
    let (stop, streaming) = (CancellationToken::new(), process.roles.streaming());
    tokio::spawn(streaming.clone().run(stop.clone()));
    while !streaming.ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    process.health.serving();
    (process, stop.drop_guard())
}

#[tokio::test]
async fn the_admin_listener_says_how_the_process_is() {
    let starting = process().await;
    assert_eq!(ask(&starting, "/livez").await, (200, "ok".to_owned()));
    assert_eq!(
        ask(&starting, "/readyz").await,
        (503, "starting".to_owned())
    );
    let (process, _stop) = serving().await;
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(ask(&process, path).await, (200, "ok".to_owned()), "{path}");
    }
    let all = "[+] process ok\n[+] catalog ok\n[+] streaming ok\n";
    let verbose = ask(&process, "/readyz?verbose").await;
    assert_eq!(verbose, (200, all.to_owned()));
    let (status, figures) = ask(&process, "/metrics").await;
    assert_eq!(status, 200);
    assert!(figures.contains("streamgate_service_ready 1"), "{figures}");
    process.health.draining();
    for path in ["/readyz", "/healthz"] {
        assert_eq!(ask(&process, path).await, (503, "draining".to_owned()));
    }
    let (status, verbose) = ask(&process, "/readyz?verbose=1").await;
    assert_eq!(status, 503);
    assert!(verbose.starts_with("[-] process: draining\n"), "{verbose}");
    assert_eq!(ask(&process, "/livez").await.0, 200);
}

#[tokio::test]
async fn readiness_is_looked_at_anew_each_second() {
    let (process, _stop) = serving().await;
    assert_eq!(ask(&process, "/readyz").await.0, 200);
    let broken = "ALTER TABLE epoch RENAME TO away";
    process.catalog.run_sql(broken.to_owned()).await;
    assert_eq!(ask(&process, "/readyz").await.0, 200, "seen a moment ago");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let told = "the catalog does not answer".to_owned();
    assert_eq!(ask(&process, "/readyz").await, (503, told));
}
