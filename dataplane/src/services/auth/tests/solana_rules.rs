//! Rules on tokens of Solana, decided for wallets that hold them on a node with the real programs.

use std::sync::Arc;

use serde_json::json;

use crate::adapters::solana::Clusters;
use crate::adapters::solana::node::{GENESIS, Node, key};
use crate::ports::chain::Wallet;
use crate::ports::clock::manual::ManualClock;
use crate::ports::identity::{Denied, Entitlements};
use crate::services::auth::Outside;
use crate::services::auth::fixture::{Account, Generous, LEASE, NOW, World, config};

const HOLDER: u8 = 7;
const BUYER: u8 = 8;

#[tokio::test]
async fn holders_watch_for_the_time_of_a_lease_after_they_gave_it_away() {
    let node = Node::start().await;
    let (mint, collection) = (node.mint(HOLDER, 5, 0).await, node.collection().await);
    let nft = node.nft(HOLDER, &collection, 0).await;
    node.verify(&nft, &collection, true).await;
    let mut config = config("http://127.0.0.1:1", 1);
    config.solana = serde_json::from_value(json!([
        {"name": "sol", "rpcUrls": [node.url], "genesisHash": GENESIS, "maxAgeSeconds": 600},
    ]))
    .unwrap();
    config.rules = serde_json::from_value(json!([
        {"name": "coins", "splToken": {"cluster": "sol", "mint": mint, "minimum": "5"}},
        {"name": "art", "metaplexNft": {"cluster": "sol", "collection": collection}},
        {"name": "lost", "splToken": {"cluster": "nowhere", "mint": mint}},
        {"name": "both", "allOf": ["coins", "art"]},
        {"name": "neither", "not": "lost"},
    ]))
    .unwrap();
    let clock = Arc::new(ManualClock::at(NOW));
    let solana = Clusters::new(&config.solana, clock, &prometheus::Registry::new());
    let outside = Outside {
        solana: Arc::new(solana.unwrap()),
        ..Outside::nobody()
    };
    let rules: Vec<String> = config.rules.iter().map(|rule| rule.name.clone()).collect();
    let world = World::with(Arc::new(Generous::default()), config, outside).await;
    for rule in &rules {
        world.content(&format!("of-{rule}"), Some(rule)).await;
    }
    let says = async |rule: &str, wallet: Wallet| {
        let viewer = world.auth.viewer(wallet, "session".into(), Vec::new());
        let content = format!("of-{rule}").parse().unwrap();
        match world.auth.entitle(&viewer, &content).await {
            Ok(_) => "admitted".to_owned(),
            Err(Denied::Required(required)) => required.reason().into(),
            Err(Denied::Undecided { reason, .. }) => reason.into(),
            Err(other) => format!("{other:?}"),
        }
    };
    let [holder, buyer] = [HOLDER, BUYER].map(|seed| Wallet::Solana(key(seed)));
    for rule in ["coins", "art", "both"] {
        assert_eq!(says(rule, holder).await, "admitted", "{rule}");
        assert_ne!(says(rule, buyer).await, "admitted", "{rule}");
        // An account of another kind holds nothing there.
        assert_ne!(
            says(rule, Account::new(9).wallet()).await,
            "admitted",
            "{rule}"
        );
    }
    for rule in ["lost", "neither"] {
        assert_eq!(says(rule, holder).await, "UnknownCluster", "{rule}");
    }
    node.give(&mint, HOLDER, BUYER, 5, 0).await;
    node.give(&nft, HOLDER, BUYER, 1, 0).await;
    world.clock.advance(LEASE);
    for rule in ["coins", "art", "both"] {
        assert_ne!(says(rule, holder).await, "admitted", "{rule}");
        assert_eq!(says(rule, buyer).await, "admitted", "{rule}");
    }
}
