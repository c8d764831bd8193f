//! Claim gate-2, as far as streaming goes: auth out of reach, and requests that are no requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::{Method, StatusCode};
use tokio_util::sync::CancellationToken;

use super::fixture::{Stage, files};
use super::replica::Replica;
use crate::services::auth::fixture::{Account, LEASE, World};

#[tokio::test]
async fn gate_2_a_replica_that_does_not_reach_auth_serves_nobody_anew() {
    let stage = Stage::new(World::generous().await).await;
    let files = files(&stage.published("c", Some("holders")).await);
    let handle = stage.world.handle(&Account::new(9), "c").await;
    let stop = CancellationToken::new();
    let (auth, clock) = (stage.world.auth.clone(), stage.world.clock.clone());
    let replica = Replica::start(&stage, auth, clock, &stop).await;
    let says = async |file: &str| {
        let url = format!("{}/v/{handle}/{file}", replica.url);
        let answer = reqwest::get(url).await.unwrap();
        let status = answer.status().as_u16();
        let problem: serde_json::Value = answer.json().await.unwrap_or_default();
        (status, problem["reason"].as_str().unwrap_or("").to_owned())
    };
    let heard = || tokio::time::sleep(std::time::Duration::from_millis(600));
    heard().await;
    for file in &files {
        assert_eq!(says(file).await.0, 200, "{file}");
    }
    replica.cut.store(true, Ordering::SeqCst);
    stage.world.clock.advance(LEASE);
    for file in &files {
        assert_eq!(says(file).await, (503, "EpochStale".into()), "{file}");
    }
    replica.cut.store(false, Ordering::SeqCst);
    heard().await;
    for file in &files {
        assert_eq!(says(file).await.0, 200, "{file}");
    }
    println!("gate-2 auth unreachable, epoch stale: refused, back after 600 ms");
    stop.cancel();
}

/// A request nobody should send: path, method and headers of anything a URL and a header can hold.
fn malformed(
    handle: &str,
) -> impl Strategy<Value = (Method, String, Vec<(String, String)>)> + use<> {
    let handle = handle.to_owned();
    let piece = prop_oneof![
        Just(handle),
        "[a-zA-Z0-9._~%!$&'()*+,;=:@-]{0,40}",
        "(%[0-9a-f]{2}){1,8}",
        Just("..".to_owned()),
        Just("v720.m3u8".to_owned()),
        "[0-9]{1,30}\\.m4s",
    ];
    let path = prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.join("/"));
    let query = prop_oneof![Just(String::new()), "\\?[a-z0-9=&%._-]{0,40}"];
    let name = prop_oneof![
        Just("range"),
        Just("authorization"),
        Just("cookie"),
        Just("if-none-match"),
        Just("if-match"),
        Just("if-range"),
        Just("origin"),
        Just("accept-encoding"),
    ];
    let header = (name, "[ -~]{0,60}").prop_map(|(n, value)| (n.to_owned(), value));
    let headers = prop::collection::vec(header, 0..4);
    let method = prop::sample::select(vec![
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::OPTIONS,
        Method::DELETE,
    ]);
    (method, (path, query), headers).prop_map(|(m, (p, q), h)| (m, format!("{p}{q}"), h))
}

/// Whatever comes in: an answer that is no failure of ours, a reason with each refusal, and the
/// holder plays on.
#[test]
fn gate_2_malformed_requests_are_refused_with_a_reason_and_hurt_nobody() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (stage, handle, file) = runtime.block_on(async {
        let stage = Stage::new(World::generous().await).await;
        let file = stage.published("c", None).await.remove(1);
        let handle = stage
            .world
            .handle(&crate::services::auth::fixture::owner(), "c")
            .await;
        (Arc::new(stage), handle, file)
    });
    let client = reqwest::Client::builder();
    let client = client
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config::default());
    let outcome = runner.run(&malformed(&handle), |(method, path, headers)| {
        let mut request = client.request(method.clone(), format!("{}/v/{path}", stage.url));
        for (name, value) in &headers {
            request = request.header(name, value.trim());
        }
        runtime.block_on(async {
            let answer = request.send().await;
            let answer = answer.map_err(|e| TestCaseError::fail(e.to_string()))?;
            let status = answer.status();
            prop_assert!(!status.is_server_error(), "{status}");
            let refused = status.is_client_error() && method != Method::HEAD;
            if refused {
                let problem: serde_json::Value = answer.json().await.unwrap_or_default();
                prop_assert!(problem["reason"].is_string(), "{status} without a reason");
            }
            let (status, _) = stage.get(&format!("{handle}/{file}")).await;
            prop_assert_eq!(status, StatusCode::OK.as_u16());
            Ok(())
        })
    });
    outcome.unwrap();
    println!("gate-2 malformed requests: refused, the holder served after each");
}
