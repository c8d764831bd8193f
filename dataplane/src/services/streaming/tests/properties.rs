//! Claim gate-11: nothing a request carries opens more than its handle does.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use tokio::runtime::Runtime;

use super::fixture::Stage;
use crate::services::auth::fixture::{World, owner};

/// Names under which something might listen.
const NAMES: [&str; 12] = [
    "content",
    "output",
    "rule",
    "rules",
    "handle",
    "token",
    "sub",
    "wallet",
    "admin",
    "chain",
    "contract",
    "x-forwarded-user",
];
/// What it might be told.
const VALUES: [&str; 8] = [
    "other",
    "other-o",
    "open",
    "true",
    "0x0000000000000000000000000000000000000000",
    "{}",
    "none",
    "*",
];

fn more() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let value = prop_oneof![
        prop::sample::select(&VALUES[..]).prop_map(str::to_owned),
        "[a-zA-Z0-9._-]{0,20}",
    ];
    prop::collection::vec((prop::sample::select(&NAMES[..]), value), 1..6)
}

struct Scene {
    runtime: Runtime,
    stage: Stage,
    handle: String,
    own: String,
    other: String,
}

/// A handle for one of two contents whose rule its holder meets for that one alone.
fn scene() -> Scene {
    let runtime = Runtime::new().unwrap();
    let (stage, handle, own, other) = runtime.block_on(async {
        let stage = Stage::new(World::generous().await).await;
        let own = stage.published("c", None).await.remove(1);
        let other = stage.published("other", None).await.remove(1);
        let handle = stage.world.handle(&owner(), "c").await;
        (stage, handle, own, other)
    });
    Scene {
        runtime,
        stage,
        handle,
        own,
        other,
    }
}

#[test]
fn gate_11_no_parameter_or_header_changes_what_a_handle_opens() {
    let scene = scene();
    let strategy = (more(), any::<bool>(), any::<bool>());
    let ran = TestRunner::new(Config::default()).run(&strategy, |(more, as_headers, good)| {
        let file = if good { &scene.own } else { &scene.other };
        let path = format!("{}/{file}", scene.handle);
        let query = more.iter().map(|(name, value)| format!("{name}={value}"));
        let query = query.collect::<Vec<_>>().join("&");
        let mut request = match as_headers {
            true => scene.stage.request(Method::GET, &path),
            false => scene.stage.request(Method::GET, &format!("{path}?{query}")),
        };
        for (name, value) in more.iter().filter(|_| as_headers) {
            request = request.header(*name, value);
        }
        let status = scene.runtime.block_on(request.send()).unwrap().status();
        prop_assert_eq!(status, if good { 200 } else { 403 }, "{:?}", more);
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn gate_11_a_handle_with_a_changed_byte_opens_nothing() {
    let scene = scene();
    let strategy = (any::<prop::sample::Index>(), "[A-Za-z0-9._-]", 0..3_u8);
    let ran = TestRunner::new(Config::default()).run(&strategy, |(at, byte, how)| {
        let (handle, at) = (&scene.handle, at.index(scene.handle.len()));
        let forged = match how {
            0 => format!("{}{byte}{}", &handle[..at], &handle[at + 1..]),
            1 => format!("{}{byte}{}", &handle[..at], &handle[at..]),
            _ => format!("{}{}", &handle[..at], &handle[at + 1..]),
        };
        prop_assume!(forged != *handle);
        for file in ["master.m3u8", &scene.own] {
            let path = format!("{forged}/{file}");
            let (status, problem) = scene.runtime.block_on(scene.stage.get(&path));
            prop_assert_eq!(status, 401, "{}: {}", forged, problem);
        }
        Ok(())
    });
    ran.unwrap();
}
