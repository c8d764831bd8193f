//! The adapter on a node with the real programs, alone and behind endpoints that misbehave.

use std::sync::Mutex;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use streamgate_contract::rules::{GateRule, Rules};

use super::node::{GENESIS, Node, key};
use super::*;
use crate::adapters::system_clock::SystemClock;
use crate::ports::clock::manual::ManualClock;

const DEAD: &str = "http://127.0.0.1:1/secret-key";
const HOLDER: u8 = 7;
const STRANGER: u8 = 8;

fn check(kind: &str, mut rule: Value) -> Check {
    rule["cluster"] = "sol".into();
    let rule: GateRule = serde_json::from_value(json!({"name": "r", kind: rule})).unwrap();
    Rules::new(&[rule]).get("r").unwrap().unwrap().checks()[0].clone()
}

fn settings(urls: &[&str], quorum: usize) -> config::SolanaCluster {
    let value = json!({"name": "sol", "rpcUrls": urls, "quorum": quorum, "genesisHash": GENESIS});
    serde_json::from_value(value).unwrap()
}

fn clusters(settings: config::SolanaCluster) -> (Clusters, Registry) {
    let registry = Registry::new();
    let made = Clusters::new(&[settings], Arc::new(SystemClock), &registry);
    (made.unwrap(), registry)
}

#[tokio::test]
async fn a_balance_of_either_program_counts_over_all_accounts() {
    let node = Node::start().await;
    let (solana, _) = clusters(settings(&[&node.url], 1));
    for program in [0, 1] {
        let mint = node.mint(HOLDER, 5, program).await;
        let says = async |who: u8, minimum: &str| {
            let check = check("splToken", json!({"mint": mint, "minimum": minimum}));
            solana.read(key(who), &check).await.unwrap().holds
        };
        assert!(says(HOLDER, "5").await && says(HOLDER, "1").await);
        assert!(!says(HOLDER, "6").await && !says(STRANGER, "1").await);
        node.give(&mint, HOLDER, STRANGER, 2, program).await;
        assert!(!says(HOLDER, "4").await && says(STRANGER, "2").await);
        node.give(&mint, HOLDER, STRANGER, 3, program).await;
        assert!(!says(HOLDER, "1").await, "an empty account is none");
        if program == 0 {
            let owner = super::node::address(STRANGER);
            let wish = json!({"owner": owner, "mint": mint, "amount": "4"});
            node.ask("test_second", wish).await;
            assert!(says(STRANGER, "9").await && !says(STRANGER, "10").await);
        }
    }
}

#[tokio::test]
async fn an_nft_counts_when_its_collection_says_so_and_as_long_as_it_is_held() {
    let node = Node::start().await;
    let (solana, _) = clusters(settings(&[&node.url], 1));
    let (collection, other) = (node.collection().await, node.collection().await);
    let says = async |who: u8, collection: &str| {
        let check = check("metaplexNft", json!({"collection": collection}));
        solana.read(key(who), &check).await.unwrap().holds
    };
    assert!(!says(HOLDER, &collection).await, "nothing is held");
    for program in [0, 1] {
        let nft = node.nft(HOLDER, &collection, program).await;
        assert!(!says(HOLDER, &collection).await, "a copy says so of itself");
        node.verify(&nft, &collection, true).await;
        assert!(says(HOLDER, &collection).await);
        assert!(!says(HOLDER, &other).await && !says(STRANGER, &collection).await);
        node.give(&nft, HOLDER, STRANGER, 1, program).await;
        assert!(!says(HOLDER, &collection).await && says(STRANGER, &collection).await);
        node.verify(&nft, &collection, false).await;
        assert!(!says(STRANGER, &collection).await, "it took that back");
    }
    // Among more tokens than one question may name.
    for _ in 0..105 {
        node.mint(HOLDER, 1, 0).await;
    }
    assert!(!says(HOLDER, &collection).await);
    let nft = node.nft(HOLDER, &collection, 0).await;
    node.verify(&nft, &collection, true).await;
    assert!(says(HOLDER, &collection).await);
}

/// How an endpoint misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Honest,
    /// It shows nobody's tokens.
    Hiding,
    /// It shows others' tokens as the viewer's.
    Inventing,
    /// It does so before a slot is final, to whoever asks for that.
    Hasty,
    /// It is this many slots behind.
    Behind(u64),
    /// It says it is far ahead.
    Ahead,
    Garbage,
    Silent,
}

struct Before {
    upstream: String,
    mode: Mutex<Mode>,
}

async fn before(node: &Node, mode: Mode) -> (Arc<Before>, String) {
    let inner = Arc::new(Before {
        upstream: node.url.clone(),
        mode: Mutex::new(mode),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(answer));
    let router = router.with_state(inner.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (inner, url)
}

async fn answer(State(inner): State<Arc<Before>>, Json(mut asked): Json<Value>) -> String {
    let mode = *inner.mode.lock().unwrap();
    let method = asked["method"].as_str().unwrap().to_owned();
    match mode {
        Mode::Garbage => return "<html>busy</html>".into(),
        Mode::Silent => std::future::pending().await,
        Mode::Inventing if method == "getTokenAccountsByOwner" => {
            asked["params"][0] = super::node::address(HOLDER).into();
        }
        Mode::Hasty if method == "getTokenAccountsByOwner" => {
            let how = asked["params"].as_array().unwrap().last().unwrap();
            if how["commitment"] != "finalized" {
                asked["params"][0] = super::node::address(HOLDER).into();
            }
        }
        _ => {}
    }
    let (params, rpc) = (asked["params"].clone(), JsonRpc::new().unwrap());
    let answer = rpc.request(&inner.upstream, &method, params).await.unwrap();
    let mut said = json!({"jsonrpc": "2.0", "id": 1, "result": answer.result});
    if let Some(refusal) = answer.error {
        said = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": refusal.code}});
    }
    let slot = said["result"]["context"]["slot"].as_u64();
    match (mode, slot) {
        (Mode::Hiding, _) if method == "getTokenAccountsByOwner" => {
            said["result"]["value"] = json!([]);
        }
        (Mode::Behind(slots), Some(slot)) => {
            let own = slot - slots;
            let wanted = asked["params"].as_array().unwrap().last().unwrap();
            if wanted["minContextSlot"]
                .as_u64()
                .is_some_and(|wanted| wanted > own)
            {
                let error = json!({"code": -32_016, "message": "Minimum context slot"});
                return json!({"jsonrpc": "2.0", "id": 1, "error": error}).to_string();
            }
            said["result"]["context"]["slot"] = own.into();
        }
        (Mode::Ahead, Some(_)) if method == "getLatestBlockhash" => {
            said["result"]["context"]["slot"] = 1_000_000_000.into();
        }
        _ => {}
    }
    said.to_string()
}

fn disagreements(registry: &Registry, place: usize) -> f64 {
    let families = registry.gather();
    let family = families
        .iter()
        .find(|f| f.name() == "streamgate_solana_disagreements_total");
    let place = place.to_string();
    let metrics = family.unwrap().get_metric().iter();
    let of = |m: &&prometheus::proto::Metric| m.get_label().iter().any(|l| l.value() == place);
    metrics
        .filter(of)
        .map(|m| m.get_counter().get_value())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_that_misbehaves_decides_nothing_and_two_refuse() {
    let node = Node::start().await;
    let check = check("splToken", json!({"mint": node.mint(HOLDER, 5, 0).await}));
    let modes = [
        Mode::Hiding,
        Mode::Inventing,
        Mode::Behind(5),
        Mode::Ahead,
        Mode::Garbage,
        Mode::Silent,
    ];
    for mode in modes {
        for place in 0..3 {
            let (bad, url) = before(&node, mode).await;
            let mut urls = [node.url.as_str(); 3];
            urls[place] = &url;
            let (solana, registry) = clusters(settings(&urls, 2));
            for (who, holds) in [(HOLDER, true), (STRANGER, false)] {
                let found = solana.read(key(who), &check).await.unwrap();
                assert_eq!(found.holds, holds, "{mode:?} at {place}");
            }
            let named = disagreements(&registry, place) > 0.0;
            assert_eq!(named, mode == Mode::Hiding, "{mode:?} at {place}");
            if mode == Mode::Hiding {
                urls[(place + 1) % 3] = DEAD;
                let (solana, _) = clusters(settings(&urls, 2));
                let error = solana.read(key(HOLDER), &check).await.unwrap_err();
                assert_eq!(error.reason(), "QuorumNotReached", "{error:?}");
            }
            *bad.mode.lock().unwrap() = Mode::Honest;
        }
    }
}

#[tokio::test]
async fn without_a_quorum_the_next_endpoint_takes_over_and_nothing_shows_addresses() {
    let node = Node::start().await;
    let check = check("splToken", json!({"mint": node.mint(HOLDER, 5, 0).await}));
    for mode in [Mode::Garbage, Mode::Silent] {
        let (_, url) = before(&node, mode).await;
        let (solana, _) = clusters(settings(&[&url, &node.url], 1));
        assert!(
            solana.read(key(HOLDER), &check).await.unwrap().holds,
            "{mode:?}"
        );
    }
    let mut elsewhere = settings(&[&node.url], 1);
    elsewhere.genesis_hash = config::MAINNET_GENESIS.into();
    for dead in [settings(&[DEAD], 1), elsewhere] {
        let error = clusters(dead)
            .0
            .read(key(HOLDER), &check)
            .await
            .unwrap_err();
        assert_eq!(error.reason(), "ChainUnavailable");
        assert!(!format!("{error:?}").contains("secret-key"), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_not_final_is_not_asked_for_unless_the_gate_says_so() {
    let node = Node::start().await;
    let mint = node.mint(HOLDER, 5, 0).await;
    let (_, url) = before(&node, Mode::Hasty).await;
    let check = check("splToken", json!({"mint": mint}));
    let (solana, _) = clusters(settings(&[&url], 1));
    assert!(!solana.read(key(STRANGER), &check).await.unwrap().holds);
    let mut hasty = settings(&[&url], 1);
    hasty.commitment = config::Commitment::Confirmed;
    let (solana, _) = clusters(hasty);
    // Another's account, though the endpoint says it is the stranger's.
    let error = solana.read(key(STRANGER), &check).await.unwrap_err();
    assert_eq!(error.reason(), "ChainUnavailable");
}

#[tokio::test]
async fn what_cannot_be_asked_or_is_too_old_decides_nothing() {
    let node = Node::start().await;
    let mint = node.mint(HOLDER, 5, 0).await;
    let good = check("splToken", json!({"mint": mint}));
    let (solana, _) = clusters(settings(&[&node.url], 1));
    let reason = async |check: &Check| match solana.read(key(HOLDER), check).await {
        Ok(found) => format!("{}", found.holds),
        Err(error) => error.reason().to_owned(),
    };
    for (rule, expected) in [
        (json!({"mint": "1".repeat(44)}), "InvalidRule"),
        (
            json!({"mint": mint, "minimum": "99999999999999999999"}),
            "InvalidRule",
        ),
        (
            json!({"mint": super::node::address(99)}),
            "ChainUnavailable",
        ),
        (json!({"mint": mint}), "true"),
    ] {
        assert_eq!(
            reason(&check("splToken", rule.clone())).await,
            expected,
            "{rule}"
        );
    }
    // A rule that nobody can answer opens no breaker.
    for _ in 0..5 {
        reason(&check(
            "splToken",
            json!({"mint": super::node::address(99)}),
        ))
        .await;
    }
    assert_eq!(reason(&good).await, "true");
    let late = Arc::new(ManualClock::at(SystemClock.now() + 700));
    let late = Clusters::new(&[settings(&[&node.url], 1)], late, &Registry::new()).unwrap();
    let error = late.read(key(HOLDER), &good).await.unwrap_err();
    assert!(matches!(error, ChainError::Stale { age_seconds, .. } if age_seconds > 600));
    let Check::SplToken(mut rule) = good else {
        unreachable!()
    };
    rule.cluster = "nowhere".into();
    assert_eq!(reason(&Check::SplToken(rule)).await, "UnknownCluster");
}
