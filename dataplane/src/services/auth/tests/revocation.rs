//! Transfers, re-organisations and silence on a real node, and what they end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, sol};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::adapters::ethereum::Ethereum;
use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::adapters::ethereum::proxy::{Mode, Proxy};
use crate::ports::chain::Wallet;
use crate::ports::clock::manual::ManualClock;
use crate::ports::identity::{Denied, Entitlements, Lease, Viewer};
use crate::services::auth::fixture::{Account, NOW, World, config};

sol! {
    function mint(address holder) external;
    function transferFrom(address from, address to, uint256 tokenId) external;
}

/// Longest time until a watch must have seen something: a look every 250 ms.
const SOON: Duration = Duration::from_secs(3);

/// A gate whose auth role watches a real node through a proxy, with a content `c` for holders of a
/// ticket. Its clock stands still, so nothing ends by time.
struct Watched {
    node: Anvil,
    proxy: Proxy,
    world: World,
    ticket: Address,
    _stop: DropGuard,
}

impl Watched {
    async fn new(confirmations: u64) -> Self {
        let node = Anvil::with(&["--auto-impersonate"]).await;
        let ticket = node.deploy("Ticket", []).await;
        let proxy = Proxy::before(&node.url, Mode::Honest).await;
        let mut config = config(&proxy.url, CHAIN_ID);
        config.chains[0].confirmations = confirmations;
        let rule = json!([{"name": "holders", "erc721": {"chain": "test", "contract": ticket}}]);
        config.rules = serde_json::from_value(rule).unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let registry = prometheus::Registry::new();
        let chain = Arc::new(Ethereum::new(&config.chains, clock, &registry).unwrap());
        let world = World::new(chain.clone(), config).await;
        world.content("c", Some("holders")).await;
        let begun = world.auth.epoch().await.unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(world.auth.clone().watch(chain, stop.clone()));
        let _stop = stop.drop_guard();
        let watched = Self {
            node,
            proxy,
            world,
            ticket,
            _stop,
        };
        // Whoever begins to watch ends what was granted before.
        watched.ends_after(begun).await;
        watched
    }

    async fn mint(&self, holder: Wallet) {
        let holder = holder.evm().unwrap().into();
        self.node
            .send(self.ticket, mintCall { holder }.abi_encode())
            .await;
    }

    async fn transfer(&self, from: Wallet, to: Wallet, id: u64) {
        let call = transferFromCall {
            from: from.evm().unwrap().into(),
            to: to.evm().unwrap().into(),
            tokenId: U256::from(id),
        };
        self.node
            .send_as(from, self.ticket, call.abi_encode())
            .await;
    }

    async fn ask(&self, wallet: Wallet) -> Result<Lease, Denied> {
        let (session, proven) = ("session".into(), Vec::new());
        let viewer = Viewer {
            wallet,
            session,
            proven,
        };
        self.world
            .auth
            .entitle(&viewer, &"c".parse().unwrap())
            .await
    }

    async fn refused(&self, wallet: Wallet) -> &'static str {
        match self.ask(wallet).await.unwrap_err() {
            Denied::Required(required) => required.reason(),
            Denied::Undecided { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the watch has seen what happened.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(900)).await;
    }

    /// Waits until leases of this epoch have ended.
    async fn ends_after(&self, epoch: u64) {
        let begin = Instant::now();
        while self.world.auth.epoch().await.unwrap() <= epoch {
            assert!(begin.elapsed() < SOON, "leases go on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits long enough for several looks; leases of this epoch must not have ended.
    async fn stays_at(&self, epoch: u64) {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        assert_eq!(self.world.auth.epoch().await.unwrap(), epoch);
    }
}

#[tokio::test]
async fn a_transfer_ends_the_lease_of_its_giver_and_of_nobody_else() {
    let watched = Watched::new(0).await;
    let (holder, other, buyer) = (Account::new(8), Account::new(9), Account::new(10));
    let [holder, other, buyer] = [holder, other, buyer].map(|a| a.wallet());
    watched.mint(holder).await;
    watched.mint(other).await;
    watched.settle().await;
    let lease = watched.ask(holder).await.unwrap();
    watched.transfer(other, buyer, 2).await;
    watched.stays_at(lease.epoch).await;
    assert!(watched.ask(buyer).await.is_ok());
    assert_eq!(watched.refused(other).await, "TokenRequired");

    watched.transfer(holder, other, 1).await;
    watched.ends_after(lease.epoch).await;
    assert_eq!(watched.refused(holder).await, "TokenRequired");
    // Refused a moment ago, admitted at once: receiving is seen too.
    assert!(watched.ask(other).await.is_ok());
}

#[tokio::test]
async fn what_a_reorganisation_takes_away_is_taken_away() {
    let watched = Watched::new(0).await;
    let (holder, buyer) = (Account::new(8).wallet(), Account::new(9).wallet());
    watched.mint(holder).await;
    watched.node.mine(1).await;
    watched.transfer(holder, buyer, 1).await;
    watched.settle().await;
    let lease = watched.ask(buyer).await.unwrap();
    assert_eq!(watched.refused(holder).await, "TokenRequired");
    // The block of the transfer is replaced by one without it.
    watched.node.rpc("anvil_reorg", json!([1, []])).await;
    watched.ends_after(lease.epoch).await;
    assert_eq!(watched.refused(buyer).await, "TokenRequired");
    assert!(
        watched.ask(holder).await.is_ok(),
        "a transfer that is undone ends nothing"
    );
}

#[tokio::test]
async fn a_grant_waits_for_the_confirmations_and_a_revocation_does_not() {
    let watched = Watched::new(3).await;
    let (holder, buyer) = (Account::new(8).wallet(), Account::new(9).wallet());
    watched.node.mine(3).await;
    watched.mint(holder).await;
    assert_eq!(watched.refused(holder).await, "ChainUnsettled");
    watched.node.mine(3).await;
    watched.settle().await;
    let lease = watched.ask(holder).await.unwrap();
    watched.transfer(holder, buyer, 1).await;
    watched.ends_after(lease.epoch).await;
    assert_eq!(watched.refused(holder).await, "ChainUnsettled");
    assert_eq!(watched.refused(buyer).await, "ChainUnsettled");
    watched.node.mine(3).await;
    assert_eq!(watched.refused(holder).await, "TokenRequired");
    assert!(watched.ask(buyer).await.is_ok());
}

#[tokio::test]
async fn a_chain_that_nobody_shows_admits_nobody_until_it_is_back() {
    let watched = Watched::new(0).await;
    let holder = Account::new(8).wallet();
    watched.mint(holder).await;
    watched.settle().await;
    let lease = watched.ask(holder).await.unwrap();
    watched.proxy.set(Mode::Garbage);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(
        watched.ask(holder).await.is_ok(),
        "a short silence ends nothing"
    );
    watched.world.clock.advance(11);
    watched.ends_after(lease.epoch).await;
    assert_eq!(watched.refused(holder).await, "ChainUnwatched");
    watched.proxy.set(Mode::Honest);
    let begin = Instant::now();
    while watched.ask(holder).await.is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(8),
            "it does not recover"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a reader of its own says: does the wallet own the ticket at the newest block and `behind`
/// blocks before it?
async fn owns(watched: &Watched, wallet: Wallet, behind: u64) -> [bool; 2] {
    let newest = watched.node.rpc("eth_blockNumber", json!([])).await;
    let newest = newest.as_str().unwrap().trim_start_matches("0x").to_owned();
    let newest = u64::from_str_radix(&newest, 16).unwrap();
    let mut found = [false; 2];
    for (found, number) in found.iter_mut().zip([newest, newest - behind]) {
        let data = format!("0x6352211e{:064x}", 1);
        let call = json!([{"to": watched.ticket, "data": data}, format!("{number:#x}")]);
        let owner = watched.node.rpc("eth_call", call).await;
        *found = owner
            .as_str()
            .unwrap()
            .ends_with(&hex::encode(wallet.evm().unwrap()));
    }
    found
}

/// Claim gate-4: transfers and re-organisations at random, up to the depth of the policy and beyond.
#[tokio::test]
async fn gate_4_random_reorganisations_never_make_a_wrong_decision() {
    use rand::{Rng, SeedableRng};
    const POLICY: u64 = 3;
    let runs = std::env::var("GATE_4_RUNS").map_or(12, |runs| runs.parse().unwrap());
    let seed = 4;
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let watched = Watched::new(POLICY).await;
    let wallets = [Account::new(8).wallet(), Account::new(9).wallet()];
    watched.mint(wallets[0]).await;
    watched.node.mine(80).await;
    let (mut wrong, mut worst, mut decided) = (0, Duration::ZERO, [0; 3]);
    for run in 0..runs {
        // Whoever has it gives it away, perhaps, and some blocks come.
        let has = owns(&watched, wallets[0], 0).await[0];
        let (from, to) = if has { (0, 1) } else { (1, 0) };
        if random.random_bool(0.6) {
            watched.transfer(wallets[from], wallets[to], 1).await;
        }
        watched.node.mine(random.random_range(0..4)).await;
        for wallet in wallets {
            let _ = watched.ask(wallet).await;
        }
        let deep = random.random_bool(0.2);
        let depth = match deep {
            false => random.random_range(1..=POLICY),
            true => random.random_range(POLICY + 1..=POLICY + 5),
        };
        watched.node.rpc("anvil_reorg", json!([depth, []])).await;
        let begin = Instant::now();
        // Until the watch has seen it, what was granted before may go on; after that, never.
        let mut late = Vec::new();
        while begin.elapsed() < Duration::from_millis(1_000) {
            let mut agree = true;
            for wallet in wallets {
                let expected = owns(&watched, wallet, POLICY).await == [true; 2];
                agree &= watched.ask(wallet).await.is_ok() == expected;
            }
            late.push((begin.elapsed(), agree));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let last_wrong = late
            .iter()
            .rfind(|(_, agree)| !agree)
            .map_or(Duration::ZERO, |l| l.0);
        worst = worst.max(last_wrong);
        for wallet in wallets {
            let expected = owns(&watched, wallet, POLICY).await;
            let outcome = watched.ask(wallet).await;
            let admitted = outcome.is_ok();
            wrong += usize::from(admitted != (expected == [true; 2]));
            decided[usize::from(admitted)
                + usize::from(matches!(outcome, Err(Denied::Undecided { .. }))) * 2] += 1;
        }
        if wrong > 0 {
            println!("gate-4 run {run}: depth {depth}");
        }
    }
    let [refused, admitted, unsettled] = decided;
    println!(
        "gate-4 seed {seed}: {wrong} wrong decisions in {runs} runs ({admitted} admitted, {refused} refused, {unsettled} unsettled), the last wrong one {} ms after its re-organisation",
        worst.as_millis()
    );
    assert_eq!(wrong, 0);
    assert!(worst < Duration::from_millis(1_000), "{worst:?}");
}
