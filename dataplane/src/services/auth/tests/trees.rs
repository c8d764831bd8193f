//! Rules of every kind and their combinations, through the role.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, keccak256};
use async_trait::async_trait;
use serde_json::{Value, json};
use streamgate_contract::config::RoleConfig;
use streamgate_contract::rules::Check;

use crate::ports::chain::{Block, Chain, ChainError, Code, Reading, Signed, Wallet};
use crate::ports::identity::{Denied, Entitlements, Lease, Viewer};
use crate::services::auth::fixture::{Account, LEASE, NOW, World, config};

/// A chain that says what a test told it, by contract; nothing at all of other contracts.
#[derive(Default)]
struct Scripted(Mutex<HashMap<String, bool>>);

#[async_trait]
impl Chain for Scripted {
    fn id(&self, chain: &str) -> Option<u64> {
        (chain == "test").then_some(1)
    }

    async fn read(&self, _: [u8; 20], check: &Check) -> Result<Reading, ChainError> {
        let contract = check.contract().unwrap_or("native");
        let said = self.0.lock().unwrap().get(contract).copied();
        let (number, hash, time) = (7, [7; 32], NOW);
        let block = Block { number, hash, time };
        let chain = "test".to_owned();
        said.map(|holds| Reading { holds, block }).ok_or_else(|| {
            let source = "the node sleeps".into();
            ChainError::Unavailable { chain, source }
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

fn contract(name: &str) -> String {
    format!("0x{:0>40}", hex::encode(name))
}

/// Rules `a`, `b`, `c` on contracts of these names, and more.
fn rules(more: Value) -> RoleConfig {
    let holds =
        |name: &str| json!({"name": name, "erc721": {"chain": "test", "contract": contract(name)}});
    let mut rules = vec![holds("a"), holds("b"), holds("c")];
    rules.extend(more.as_array().unwrap().iter().cloned());
    RoleConfig {
        rules: serde_json::from_value(rules.into()).unwrap(),
        ..config("http://127.0.0.1:1", 1)
    }
}

struct Case {
    world: World,
    chain: Arc<Scripted>,
}

impl Case {
    /// A gate with a content `of-RULE` for each rule.
    async fn new(more: Value) -> Self {
        let config = rules(more);
        let chain = Arc::new(Scripted::default());
        let world = World::new(chain.clone(), config.clone()).await;
        for rule in &config.rules {
            world
                .content(&format!("of-{}", rule.name), Some(&rule.name))
                .await;
        }
        Self { world, chain }
    }

    fn say(&self, name: &str, holds: bool) {
        self.chain.0.lock().unwrap().insert(contract(name), holds);
    }

    async fn ask(&self, rule: &str, wallet: Wallet, proven: &[&str]) -> Result<Lease, Denied> {
        let viewer = Viewer {
            wallet,
            session: "session".into(),
            proven: proven.iter().map(|root| root.to_string()).collect(),
        };
        let content = format!("of-{rule}").parse().unwrap();
        self.world.auth.entitle(&viewer, &content).await
    }

    /// `admitted`, or the reason of the refusal.
    async fn outcome(&self, rule: &str) -> String {
        let wallet = Account::new(9).wallet();
        match self.ask(rule, wallet, &[]).await {
            Ok(_) => "admitted".into(),
            Err(Denied::Required(required)) => required.reason().into(),
            Err(Denied::Undecided { reason, .. }) => reason.into(),
            Err(other) => format!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_combination_is_decided_as_soon_as_open_tests_cannot_change_it() {
    let case = Case::new(json!([
        {"name": "both", "allOf": ["a", "b"]},
        {"name": "either", "anyOf": ["a", "b"]},
        {"name": "without", "not": "a"},
        {"name": "deep", "allOf": ["either", "without"]},
    ]))
    .await;
    assert_eq!(case.outcome("a").await, "ChainUnavailable");
    assert_eq!(case.outcome("without").await, "ChainUnavailable");
    case.say("a", true);
    case.world.clock.advance(1);
    assert_eq!(case.outcome("both").await, "ChainUnavailable");
    assert_eq!(case.outcome("either").await, "admitted");
    assert_eq!(case.outcome("without").await, "RequirementsNotMet");
    assert_eq!(case.outcome("deep").await, "RequirementsNotMet");
    case.say("a", false);
    case.world.clock.advance(LEASE);
    assert_eq!(case.outcome("a").await, "TokenRequired");
    assert_eq!(case.outcome("both").await, "RequirementsNotMet");
    assert_eq!(case.outcome("either").await, "ChainUnavailable");
    assert_eq!(case.outcome("without").await, "admitted");
    case.say("b", true);
    assert_eq!(case.outcome("deep").await, "admitted");
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_what_it_rests_on() {
    let case = Case::new(json!([
        {"name": "either", "anyOf": ["a", "b"]},
        {"name": "without", "not": "a"},
    ]))
    .await;
    case.say("a", false);
    case.say("b", true);
    let wallet = Account::new(9).wallet();
    assert_eq!(
        case.ask("either", wallet, &[]).await.unwrap().until,
        NOW + LEASE
    );
    // Resting on somebody holding nothing, it is asked again soon.
    assert_eq!(
        case.ask("without", wallet, &[]).await.unwrap().until,
        NOW + 5
    );
}

#[tokio::test]
async fn lists_admit_those_on_them_and_a_contract_is_itself_on_its_own_chain_only() {
    let friend = Account::new(8).wallet();
    let vault = Wallet::of_contract(friend.evm().unwrap(), 5);
    let here = Wallet::of_contract(friend.evm().unwrap(), 1);
    let case = Case::new(json!([
        {"name": "list", "allowList": {"wallets": [friend.to_string().to_uppercase().replace("0X", "0x")]}},
        {"name": "vaults", "allowList": {"wallets": [vault.to_string()]}},
        {"name": "outsiders", "not": "list"},
    ]))
    .await;
    case.say("a", true);
    let admitted = async |rule: &str, wallet| case.ask(rule, wallet, &[]).await.is_ok();
    assert!(admitted("list", friend).await && !admitted("list", vault).await);
    assert!(admitted("vaults", vault).await && !admitted("vaults", friend).await);
    assert!(!admitted("vaults", here).await && !admitted("outsiders", friend).await);
    assert!(admitted("a", here).await && !admitted("a", vault).await);
    assert_eq!(case.outcome("list").await, "NotOnAllowList");
}

#[tokio::test]
async fn a_proof_opens_the_rule_that_names_its_root_and_no_other() {
    let leaf = |w: Wallet| keccak256(keccak256(Address::from(w.evm().unwrap()).into_word()));
    let (holder, other) = (Account::new(9), Account::new(8));
    let (a, b) = (leaf(holder.wallet()), leaf(other.wallet()));
    let root = keccak256([a.min(b).0, a.max(b).0].concat()).to_string();
    let case = Case::new(json!([
        {"name": "backers", "merkle": {"root": root.to_uppercase().replace("0X", "0x")}},
        {"name": "others", "merkle": {"root": format!("0x{}", "11".repeat(32))}},
    ]))
    .await;
    assert_eq!(case.outcome("backers").await, "ProofRequired");
    assert!(case.ask("backers", holder.wallet(), &[&root]).await.is_ok());
    assert!(case.ask("others", holder.wallet(), &[&root]).await.is_err());

    // A handle carries what was proven, so that leases need no proof.
    let (_, profile) = case.world.sign_in(&holder).await;
    let content = "of-backers".parse().unwrap();
    let elsewhere = format!("0x{}", "22".repeat(32));
    let proven = vec![elsewhere, root.clone()];
    let playback = case
        .world
        .auth
        .playback(&profile, &content, proven)
        .await
        .unwrap();
    let handle = playback.path.split('/').nth(2).unwrap();
    let verifier = crate::tokens::fixture::signer(2).verifier().clone();
    let gate = crate::services::auth::fixture::GATE;
    let token = verifier
        .verify::<crate::tokens::Viewing>(gate, handle, NOW)
        .unwrap();
    assert_eq!(token.claims.proven, [root]);
}

#[tokio::test]
async fn a_rule_that_cannot_be_used_admits_nobody() {
    let case = Case::new(json!([{"name": "lost", "anyOf": ["a", "nobody"]}])).await;
    case.say("a", true);
    assert_eq!(case.outcome("lost").await, "EntitlementUndecided");
    assert_eq!(case.outcome("a").await, "admitted");
}
