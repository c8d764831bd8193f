//! Claim gate-11: nothing a request carries chooses or weakens what is checked of its sender.

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use streamgate_contract::rules::Check;

use super::over_http::{json_of, post, serve};
use crate::ports::chain::{Block, Chain, ChainError, Code, Reading, Signed};
use crate::services::auth::fixture::{Account, NOW, World, config};
use crate::services::auth::http::routes;

/// A chain on which nobody holds anything.
struct Empty;

#[async_trait]
impl Chain for Empty {
    fn id(&self, chain: &str) -> Option<u64> {
        (chain == "test").then_some(1)
    }

    async fn read(&self, _: [u8; 20], _: &Check) -> Result<Reading, ChainError> {
        let (number, hash, time) = (1, [1; 32], NOW);
        let block = Block { number, hash, time };
        Ok(Reading {
            holds: false,
            block,
        })
    }

    async fn code(&self, _: u64, _: [u8; 20]) -> Result<(Code, Block), ChainError> {
        let (number, hash, time) = (1, [1; 32], NOW);
        Ok((Code::None, Block { number, hash, time }))
    }

    async fn signed(&self, _: u64, _: Block, _: Signed<'_>) -> Result<bool, ChainError> {
        Ok(false)
    }
}

/// Members that somebody may hope are read.
fn more() -> impl Strategy<Value = Vec<(String, Value)>> {
    let name = prop::sample::select(vec![
        "rule",
        "rules",
        "rulesHash",
        "output",
        "owner",
        "wallet",
        "sub",
        "sid",
        "admin",
        "chain",
        "contract",
        "minimum",
        "proven",
        "tokenId",
        "state",
        "lease",
        "until",
    ]);
    let wallet = super::super::fixture::owner().wallet().to_string();
    let value = prop_oneof![
        Just(json!(true)),
        Just(json!(null)),
        Just(json!(0)),
        Just(json!(wallet)),
        Just(json!(["open"])),
        Just(json!({"allowList": {"wallets": [wallet]}})),
        "[a-z0-9.-]{0,12}".prop_map(Value::from),
    ];
    prop::collection::vec((name.prop_map(str::to_owned), value), 0..6)
}

#[test]
fn gate_11_no_member_of_a_request_makes_a_stranger_a_holder() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_world, url, token) = runtime.block_on(async {
        let world = World::new(Arc::new(Empty), config("http://127.0.0.1:1", 1)).await;
        world.content("c", Some("holders")).await;
        let (token, _) = world.sign_in(&Account::new(9)).await;
        let url = serve(routes(world.auth.clone())).await;
        (world, url, token)
    });
    let ran = TestRunner::new(Config::default()).run(&(more(), more()), |(members, query)| {
        let mut body = json!({});
        for (name, value) in members {
            body[name] = value;
        }
        body["content"] = "c".into();
        let query = query.iter().map(|(name, value)| format!("{name}={value}"));
        let path = format!("/api/v1/playback?{}", query.collect::<Vec<_>>().join("&"));
        let (status, said) =
            runtime.block_on(async { json_of(post(&url, &path, Some(&token), &body).await).await });
        prop_assert!(said.get("path").is_none(), "{}", said);
        prop_assert!(
            matches!(status.as_u16(), 400 | 403 | 422),
            "{}: {}",
            status,
            said
        );
        if status == 403 {
            prop_assert_eq!(&said["reason"], "TokenRequired");
        }
        Ok(())
    });
    ran.unwrap();
}
