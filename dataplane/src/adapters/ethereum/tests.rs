//! The adapter on real nodes: alone, and several at once of which some are dead, slow, behind, on
//! another chain or lie. Faults are made by proxies before the nodes.

mod faults;
mod kinds;

use super::anvil::{Anvil, CHAIN_ID};
use super::*;
use crate::adapters::system_clock::SystemClock;
use crate::ports::chain::suite;

/// Nothing listens there.
const DEAD: &str = "http://127.0.0.1:1/secret-key";

/// The chain with these endpoints.
fn chain(urls: &[&str], quorum: usize) -> config::Chain {
    serde_json::from_value(serde_json::json!({
        "name": suite::CHAIN, "chainId": CHAIN_ID, "rpcUrls": urls, "quorum": quorum,
    }))
    .unwrap()
}

fn ethereum(chain: config::Chain) -> Ethereum {
    Ethereum::new(&[chain], Arc::new(SystemClock), &Registry::new()).unwrap()
}

#[tokio::test]
async fn passes_the_suite_of_chains_on_a_real_node() {
    let node = Anvil::start().await;
    let [contract, nothing] = node.erc721(suite::HOLDER, suite::TOKEN).await;
    let one = ethereum(chain(&[&node.url], 1));
    suite::run(&one, &contract, &nothing).await;
    assert_eq!(
        (one.id(suite::CHAIN), one.id("nowhere")),
        (Some(CHAIN_ID), None)
    );
}

#[tokio::test]
async fn a_dead_or_wrong_endpoint_is_passed_over() {
    let node = Anvil::start().await;
    let [contract, _] = node.erc721(suite::HOLDER, suite::TOKEN).await;
    let rule = suite::rule(&contract, None);
    let holder = suite::HOLDER.evm().unwrap();
    let second = ethereum(chain(&[DEAD, &node.url], 1));
    assert!(second.read(holder, &rule).await.unwrap().holds);
    let other_id = config::Chain {
        chain_id: 5,
        ..chain(&[&node.url], 1)
    };
    for dead in [ethereum(other_id), ethereum(chain(&[DEAD], 1))] {
        let error = dead.read(holder, &rule).await.unwrap_err();
        assert!(matches!(error, ChainError::Unavailable { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("secret-key"), "{error:?}");
    }
}

#[tokio::test]
async fn the_confirmation_policy_says_which_block_decides() {
    let node = Anvil::start().await;
    let [contract, _] = node.erc721(suite::HOLDER, suite::TOKEN).await;
    let rule = suite::rule(&contract, None);
    node.mine(100).await;
    let number = |change: fn(&mut config::Chain)| {
        let (url, rule) = (node.url.clone(), rule.clone());
        async move {
            let mut settings = chain(&[&url], 1);
            change(&mut settings);
            let read = ethereum(settings)
                .read(suite::HOLDER.evm().unwrap(), &rule)
                .await;
            read.unwrap().block.number
        }
    };
    assert_eq!(number(|_| {}).await, 101);
    assert_eq!(number(|chain| chain.confirmations = 3).await, 98);
    assert_eq!(
        number(|chain| chain.finality = config::Finality::Safe).await,
        69
    );
    assert_eq!(
        number(|chain| chain.finality = config::Finality::Finalized).await,
        37
    );
}

#[tokio::test]
async fn a_chain_that_stands_still_decides_nothing() {
    let node = Anvil::start().await;
    let [contract, _] = node.erc721(suite::HOLDER, suite::TOKEN).await;
    let read = |age: i64| {
        let (mut settings, rule) = (chain(&[&node.url], 1), suite::rule(&contract, None));
        settings.max_age_seconds = 60;
        let clock = Arc::new(crate::ports::clock::manual::ManualClock::at(
            SystemClock.now() + age,
        ));
        let late = Ethereum::new(&[settings], clock, &Registry::new()).unwrap();
        async move { late.read(suite::HOLDER.evm().unwrap(), &rule).await }
    };
    assert!(read(30).await.unwrap().holds);
    let error = read(100).await.unwrap_err();
    assert!(matches!(error, ChainError::Stale { age_seconds, .. } if age_seconds > 60));
    assert_eq!(error.reason(), "ChainStale");
}

#[tokio::test]
async fn endpoints_are_told_by_their_places_and_never_by_their_addresses() {
    use crate::ports::chain::standing::Standing::{Answers, LeftAlone, Unasked};
    let node = Anvil::start().await;
    let both = ethereum(chain(&[DEAD, &node.url], 1));
    let told = |ethereum: &Ethereum| {
        let [told] = <[_; 1]>::try_from(ethereum.standings()).unwrap();
        let text = serde_json::to_string(&told).unwrap();
        assert!(!text.contains("http") && !text.contains("secret"), "{text}");
        assert_eq!((told.chain.as_str(), told.quorum), (suite::CHAIN, 1));
        (told.ok, told.endpoints)
    };
    assert_eq!(told(&both), (true, vec![Unasked, Unasked]));
    for _ in 0..4 {
        both.code(CHAIN_ID, [1; 20]).await.unwrap();
    }
    assert_eq!(told(&both), (true, vec![LeftAlone, Answers]));
    let dead = ethereum(chain(&[DEAD], 1));
    for _ in 0..4 {
        assert!(dead.code(CHAIN_ID, [1; 20]).await.is_err());
    }
    assert_eq!(told(&dead), (false, vec![LeftAlone]));
}
