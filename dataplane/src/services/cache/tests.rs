//! The role over HTTP, on the real cache.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use prometheus::Registry;
use tower::ServiceExt;

use super::*;
use crate::adapters::moka_cache::Families;
use crate::adapters::moka_cache::bytes::MokaCaches;
use crate::layers::authenticate::Caller;
use crate::ports::chain::Wallet;
use crate::ports::identity::Principal;

fn app() -> Router {
    let families = Families::new(&Registry::new()).unwrap();
    let caches = Arc::new(MokaCaches(families.of("service")));
    http::routes(Arc::new(CacheService::new(caches)))
}

async fn ask(app: &Router, admin: bool, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let principal = Principal {
        wallet: Wallet::of_key([1; 20]),
        creator: true,
        admin,
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/cache{path}"));
    let mut request = request.body(Body::from(body.to_vec())).unwrap();
    request.extensions_mut().insert(Caller::of(principal));
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 2 << 20).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn get_set_delete_clear_and_figures() {
    let app = app();
    let ask = |method, path, body: &'static [u8]| ask(&app, true, method, path, body);
    assert_eq!(ask("GET", "/a/k", b"").await.0, 404);
    assert_eq!(ask("PUT", "/a/k?ttl=60", b"value").await.0, 204);
    assert_eq!(ask("GET", "/a/k", b"").await, (200, "value".to_owned()));
    assert_eq!(ask("GET", "/b/k", b"").await.0, 404, "namespaces are apart");
    assert_eq!(ask("PUT", "/a/short?ttl=1", b"x").await.0, 204);
    let (status, text) = ask("GET", "/a", b"").await;
    let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, &seen["entries"], &seen["hits"]),
        (200, &2.into(), &1.into())
    );
    assert_eq!(seen["quotaBytes"], QUOTA_BYTES);
    assert_eq!(ask("DELETE", "/a/k", b"").await.0, 204);
    assert_eq!(ask("DELETE", "/a/k", b"").await.0, 404);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let (status, text) = ask("GET", "/a/short", b"").await;
    assert!(status == 404 && text.contains("CacheMiss"), "{text}");
    assert_eq!(ask("GET", "", b"").await.1, r#"{"namespaces":["a"]}"#);
    assert_eq!(ask("DELETE", "/a", b"").await.0, 204);
    assert_eq!(ask("GET", "/a", b"").await.0, 404);
}

#[tokio::test]
async fn whatever_is_out_of_bounds_is_refused_with_its_reason() {
    let app = app();
    let large = vec![0; MAX_VALUE_BYTES + 1];
    let x = b"x".as_slice();
    let long = format!("/a/{}", "k".repeat(MAX_KEY_BYTES + 1));
    for (method, path, body, status, reason) in [
        ("PUT", "/A/k", x, 400, "InvalidNamespace"),
        ("PUT", long.as_str(), x, 400, "InvalidKey"),
        ("PUT", "/a/k?ttl=0", x, 400, "InvalidTtl"),
        ("PUT", "/a/k?ttl=86401", x, 400, "InvalidTtl"),
        ("PUT", "/a/k?ttl=soon", x, 400, "InvalidTtl"),
        ("PUT", "/a/k", large.as_slice(), 413, "ValueTooLarge"),
    ] {
        let (code, text) = ask(&app, true, method, path, body).await;
        assert!(
            code == status && text.contains(reason),
            "{path} {code} {text}"
        );
    }
    for n in 0..MAX_NAMESPACES {
        assert_eq!(
            ask(&app, true, "PUT", &format!("/n{n}/k"), b"x").await.0,
            204
        );
    }
    assert_eq!(ask(&app, true, "PUT", "/one-more/k", b"x").await.0, 409);
    assert_eq!(ask(&app, false, "GET", "/n1/k", b"").await.0, 403);
}

#[tokio::test]
async fn one_namespace_cannot_push_out_another() {
    let app = app();
    assert_eq!(ask(&app, true, "PUT", "/kept/k", b"here").await.0, 204);
    let chunk = vec![1; 1 << 20];
    for n in 0..40 {
        assert_eq!(
            ask(&app, true, "PUT", &format!("/greedy/{n}"), &chunk)
                .await
                .0,
            204
        );
    }
    let (_, text) = ask(&app, true, "GET", "/greedy", b"").await;
    let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(seen["bytes"].as_u64().unwrap() <= QUOTA_BYTES, "{text}");
    assert_eq!(ask(&app, true, "GET", "/kept/k", b"").await.0, 200);
}
