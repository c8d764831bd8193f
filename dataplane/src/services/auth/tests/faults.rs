//! Claim gate-2, as far as the auth role goes: what may go wrong with chains, clocks and rules. In
//! each row somebody who holds the token is refused with a reason, and admitted again without a
//! restart once the fault is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use streamgate_contract::config::RoleConfig;

use crate::adapters::ethereum::Ethereum;
use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::adapters::ethereum::proxy::{Mode, Proxy};
use crate::adapters::postgres::PostgresCatalog;
use crate::adapters::postgres::server::Server;
use crate::adapters::system_clock::SystemClock;
use crate::ports::catalog::{Content, Contents, Outputs, suite};
use crate::ports::clock::Clock;
use crate::ports::clock::manual::ManualClock;
use crate::ports::identity::{Denied, Entitlements, Viewer};
use crate::services::auth::fixture::{Account, CONTRACT, Generous, World, config, owner};
use crate::services::auth::{Auth, Outside, Parts};
use crate::tokens::fixture::signer;

/// Longest time until a fault that is over is forgotten: breakers try again after 5 s.
const RECOVERY: Duration = Duration::from_secs(8);

/// A gate on a chain of three providers, two of which must agree.
struct Gate {
    node: Anvil,
    proxies: Vec<Proxy>,
    /// The clock that blocks are held against.
    clock: Arc<ManualClock>,
    world: World,
}

impl Gate {
    async fn new(change: impl FnOnce(&mut RoleConfig)) -> Self {
        let node = Anvil::start().await;
        node.erc721(Account::new(8).wallet(), "7001").await;
        let mut proxies = Vec::new();
        for _ in 0..3 {
            proxies.push(Proxy::before(&node.url, Mode::Honest).await);
        }
        let mut config = config("", CHAIN_ID);
        config.chains[0].rpc_urls = proxies.iter().map(|p| p.url.clone()).collect();
        config.chains[0].quorum = 2;
        change(&mut config);
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let registry = prometheus::Registry::new();
        let chain = Ethereum::new(&config.chains, clock.clone(), &registry).unwrap();
        let world = World::new(Arc::new(chain), config).await;
        world.content("c", Some("holders")).await;
        Self {
            node,
            proxies,
            clock,
            world,
        }
    }

    /// What the holder is told, asked anew.
    async fn says(&self) -> String {
        self.world.clock.advance(1_000);
        let viewer = Viewer {
            wallet: Account::new(8).wallet(),
            session: "session".into(),
            proven: Vec::new(),
        };
        let content = "c".parse().unwrap();
        match self.world.auth.entitle(&viewer, &content).await {
            Ok(_) => "admitted".into(),
            Err(Denied::Required(required)) => required.reason().into(),
            Err(Denied::Undecided { reason, .. }) => reason.into(),
            Err(other) => format!("{other:?}"),
        }
    }

    fn set(&self, modes: [Mode; 3]) {
        for (proxy, mode) in self.proxies.iter().zip(modes) {
            proxy.set(mode);
        }
    }

    async fn recovers(&self, row: &str) {
        self.set([Mode::Honest; 3]);
        let begin = Instant::now();
        while self.says().await != "admitted" {
            assert!(begin.elapsed() < RECOVERY, "{row}: no recovery");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!(
            "gate-2 {row}: refused, back after {} ms",
            begin.elapsed().as_millis()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gate_2_providers_that_fail_refuse_with_a_reason_and_come_back() {
    use Mode::{Behind, Garbage, Honest, Lying, LyingOfBlocks, Slow};
    let rows = [
        ("all down", [Garbage; 3], "ChainUnavailable"),
        ("two down", [Garbage, Honest, Garbage], "QuorumNotReached"),
        ("all slow", [Slow; 3], "ChainUnavailable"),
        ("two slow", [Slow, Honest, Slow], "QuorumNotReached"),
        (
            "one lying, one down",
            [Lying, Garbage, Honest],
            "QuorumNotReached",
        ),
        (
            "one inventing blocks, one down",
            [LyingOfBlocks, Honest, Garbage],
            "QuorumNotReached",
        ),
        (
            "two behind by hours",
            [Behind(1), Behind(1), Honest],
            "ChainStale",
        ),
    ];
    let gates = rows.map(|(row, modes, reason)| async move {
        let gate = Gate::new(|_| {}).await;
        // The newest block is of now, the one before it two hours old.
        gate.node.rpc("evm_increaseTime", json!([7_200])).await;
        gate.node.mine(1).await;
        gate.clock.advance(7_200);
        assert_eq!(gate.says().await, "admitted", "{row}");
        gate.set(modes);
        assert_eq!(gate.says().await, reason, "{row}");
        gate.recovers(row).await;
    });
    futures::future::join_all(gates).await;
}

#[tokio::test]
async fn gate_2_one_fault_among_three_providers_refuses_nobody() {
    use Mode::{Ahead, Behind, Garbage, Lying, LyingOfBlocks, Slow};
    for mode in [Garbage, Slow, Lying, LyingOfBlocks, Behind(0), Ahead] {
        let gate = Gate::new(|_| {}).await;
        gate.proxies[1].set(mode);
        for _ in 0..3 {
            assert_eq!(gate.says().await, "admitted", "{mode:?}");
        }
    }
}

#[tokio::test]
async fn gate_2_providers_on_a_fork_decide_nothing() {
    let gate = Gate::new(|_| {}).await;
    // On the fork nobody holds anything.
    let fork = Anvil::start().await;
    fork.mine(8).await;
    gate.node.mine(7).await;
    gate.proxies[0].lead_to(&fork.url);
    assert_eq!(gate.says().await, "admitted", "two of three agree");
    gate.proxies[2].set(Mode::Garbage);
    assert_eq!(gate.says().await, "QuorumNotReached");
    gate.proxies[0].lead_to(&gate.node.url);
    gate.recovers("one on a fork, one down").await;
}

#[tokio::test]
async fn gate_2_without_the_store_of_rules_nobody_is_admitted() {
    let mut server = Server::start().await;
    let catalog = Arc::new(PostgresCatalog::open(&server.url()).await.unwrap());
    let content = Content {
        owner: owner().wallet().to_string(),
        ..suite::content("c")
    };
    catalog.create_content(&content).await.unwrap();
    let output = suite::output("o", "c", "job");
    catalog.plan_output(&output).await.unwrap();
    let auth = Auth::new(
        Parts {
            catalog,
            chain: Arc::new(Generous::default()),
            clock: Arc::new(SystemClock),
            outside: Outside::nobody(),
            session_key: signer(1),
            playback_key: signer(2),
        },
        &config("http://127.0.0.1:1", 1),
        &prometheus::Registry::new(),
    );
    let auth = auth.unwrap();
    let viewer = Viewer {
        wallet: owner().wallet(),
        session: "session".into(),
        proven: Vec::new(),
    };
    let content = "c".parse().unwrap();
    let says = async || match auth.entitle(&viewer, &content).await {
        Ok(_) => "admitted".to_owned(),
        Err(Denied::Undecided { reason, .. }) => reason.to_owned(),
        Err(other) => format!("{other:?}"),
    };
    assert_eq!(says().await, "admitted");
    server.end();
    assert_eq!(says().await, "CatalogUnavailable");
    server.start_again().await;
    let begin = Instant::now();
    while says().await != "admitted" {
        assert!(begin.elapsed() < RECOVERY, "no recovery");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let back = begin.elapsed().as_millis();
    println!("gate-2 store of rules down: refused, back after {back} ms");
}

#[tokio::test]
async fn gate_2_a_wrong_clock_a_wrong_chain_and_a_wrong_rule_refuse() {
    let gate = Gate::new(|_| {}).await;
    gate.clock.advance(7_200);
    assert_eq!(gate.says().await, "ChainStale", "our clock is ahead");
    gate.clock.advance(-7_200);
    assert_eq!(gate.says().await, "admitted");
    gate.clock.advance(-7_200);
    assert_eq!(
        gate.says().await,
        "admitted",
        "a clock behind admits by newer blocks only"
    );

    let gate = Gate::new(|config| config.chains[0].chain_id = 5).await;
    assert_eq!(
        gate.says().await,
        "ChainUnavailable",
        "endpoints of another chain"
    );
    let rules = [
        (
            json!({"erc721": {"chain": "elsewhere", "contract": CONTRACT}}),
            "UnknownChain",
        ),
        (
            json!({"erc721": {"chain": "test", "contract": "0x12"}}),
            "InvalidRule",
        ),
        (
            json!({"erc20": {"chain": "test", "contract": CONTRACT, "minimum": "9".repeat(78)}}),
            "InvalidRule",
        ),
        (json!({"anyOf": ["nobody"]}), "EntitlementUndecided"),
        (json!({}), "EntitlementUndecided"),
    ];
    for (mut rule, reason) in rules {
        rule["name"] = "holders".into();
        let gate =
            Gate::new(|config| config.rules = serde_json::from_value(json!([rule])).unwrap());
        assert_eq!(gate.await.says().await, reason, "{rule}");
    }
    let unknown = json!({"name": "holders", "erc9999": {}});
    let refused = serde_json::from_value::<streamgate_contract::rules::GateRule>(unknown);
    assert!(refused.is_err(), "a kind nobody knows is no rule");
}
