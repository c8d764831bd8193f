//! A gate and a node for tests of vaults and token-bound accounts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use serde_json::{Value, json};
use streamgate_contract::rules::{ACCOUNT_REGISTRY, DELEGATE_REGISTRY};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::adapters::ethereum::Ethereum;
use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::ports::chain::Wallet;
use crate::ports::clock::manual::ManualClock;
use crate::ports::identity::{Denied, Entitlements, Lease};
use crate::services::auth::fixture::{Account, NOW, World, config};

mod coin {
    alloy_sol_types::sol! { function mint(address holder, uint256 amount) external; }
}

mod badge {
    alloy_sol_types::sol! { function mint(address holder, uint256 id, uint256 amount) external; }
}

sol! {
    function mint(address holder) external;
    function transferFrom(address from, address to, uint256 tokenId) external;
    function delegateAll(address to, bytes32 rights, bool enable) external;
    function delegateContract(address to, address contract_, bytes32 rights, bool enable) external;
    function delegateERC721(address to, address contract_, uint256 tokenId, bytes32 rights, bool enable) external;
    function delegateERC20(address to, address contract_, bytes32 rights, uint256 amount) external;
    function delegateERC1155(address to, address contract_, uint256 tokenId, bytes32 rights, uint256 amount) external;
    function createAccount(address implementation, bytes32 salt, uint256 chainId, address tokenContract, uint256 tokenId) external returns (address account);
    function account(address implementation, bytes32 salt, uint256 chainId, address tokenContract, uint256 tokenId) external view returns (address account);
    function execute(address to, uint256 value, bytes data, uint8 operation) external returns (bytes result);
}

/// Longest time until a watch must have seen something.
const SOON: Duration = Duration::from_secs(3);
/// Rights that one rule takes beside full ones.
pub const RIGHTS: B256 = B256::repeat_byte(7);

/// A gate that watches a node on which a vault holds ticket 1, 500 coins and 3 badges of id 7.
pub struct Case {
    pub node: Anvil,
    pub world: World,
    pub tickets: Address,
    pub coins: Address,
    pub badges: Address,
    /// Tokens that own accounts.
    pub outer: Address,
    /// What the accounts run.
    pub runs: Address,
    _stop: DropGuard,
}

pub fn vault() -> Wallet {
    Account::new(21).wallet()
}

pub fn viewer() -> Wallet {
    Account::new(22).wallet()
}

pub fn evm(wallet: Wallet) -> Address {
    wallet.evm().unwrap().into()
}

pub fn by_vault(wallet: Wallet) -> String {
    format!("vault:{wallet}")
}

/// Puts a contract's code where the standard says it is.
async fn settle_at(node: &Anvil, name: &str, address: &str) {
    let made = node.deploy(name, []).await;
    let code = node.rpc("eth_getCode", json!([made, "latest"])).await;
    node.rpc("anvil_setCode", json!([address, code])).await;
}

impl Case {
    pub async fn new() -> Self {
        let node = Anvil::with(&["--auto-impersonate"]).await;
        let registry = std::env::var("DELEGATE_REGISTRY");
        let registry = registry.unwrap_or_else(|_| "DelegateRegistry".into());
        settle_at(&node, &registry, DELEGATE_REGISTRY).await;
        settle_at(&node, "TokenBoundRegistry", ACCOUNT_REGISTRY).await;
        let [tickets, outer] = [
            node.deploy("Ticket", []).await,
            node.deploy("Ticket", []).await,
        ];
        let coins = node.deploy("Coin", []).await;
        let badges = node.deploy("Badge", []).await;
        let runs = node.deploy("TokenBoundAccount", []).await;
        let holder = evm(vault());
        node.send(tickets, mintCall { holder }.abi_encode()).await;
        let amount = U256::from(500);
        let call = coin::mintCall { holder, amount };
        node.send(coins, call.abi_encode()).await;
        let (id, amount) = (U256::from(7), U256::from(3));
        let call = badge::mintCall { holder, id, amount };
        node.send(badges, call.abi_encode()).await;

        let token = |more: Value| {
            let mut rule = json!({"chain": "test", "contract": tickets});
            rule.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            rule
        };
        let delegation = json!({"delegation": {}});
        let accounts = json!({"accounts": [{"contract": outer, "implementation": runs}]});
        let rights = json!({"delegation": {"rights": RIGHTS}});
        let mut config = config(&node.url, CHAIN_ID);
        config.rules = serde_json::from_value(json!([
            {"name": "closed", "erc721": token(json!({}))},
            {"name": "any", "erc721": token(json!({"through": delegation}))},
            {"name": "one", "erc721": token(json!({"tokenId": "1", "through": delegation}))},
            {"name": "other", "erc721": token(json!({"tokenId": "2", "through": delegation}))},
            {"name": "rights", "erc721": token(json!({"through": rights}))},
            {"name": "coins", "erc20": {"chain": "test", "contract": coins, "minimum": "100", "through": delegation}},
            {"name": "badge", "erc1155": {"chain": "test", "contract": badges, "tokenId": "7", "minimum": "2", "through": delegation}},
            {"name": "bound", "erc721": token(json!({"through": accounts}))},
        ]))
        .unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let registry = prometheus::Registry::new();
        let chain = Arc::new(Ethereum::new(&config.chains, clock, &registry).unwrap());
        let world = World::new(chain.clone(), config.clone()).await;
        for rule in &config.rules {
            world
                .content(&format!("of-{}", rule.name), Some(&rule.name))
                .await;
        }
        let begun = world.auth.epoch().await.unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(world.auth.clone().watch(chain, stop.clone()));
        let case = Self {
            node,
            world,
            tickets,
            coins,
            badges,
            outer,
            runs,
            _stop: stop.drop_guard(),
        };
        case.ends_after(begun).await;
        case
    }

    pub async fn ask(&self, rule: &str, who: Wallet, names: &[String]) -> Result<Lease, Denied> {
        let viewer = self
            .world
            .auth
            .viewer(who, "session".into(), names.to_vec());
        let content = format!("of-{rule}").parse().unwrap();
        self.world.auth.entitle(&viewer, &content).await
    }

    /// Waits until the watch has seen what happened.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(900)).await;
    }

    /// `admitted`, or the reason of the refusal.
    pub async fn says(&self, rule: &str, who: Wallet, names: &[String]) -> String {
        match self.ask(rule, who, names).await {
            Ok(_) => "admitted".into(),
            Err(Denied::Required(required)) => required.reason().into(),
            Err(Denied::Undecided { reason, .. }) => reason.into(),
            Err(other) => format!("{other:?}"),
        }
    }

    pub async fn delegate(&self, from: Wallet, call: Vec<u8>) {
        let registry = DELEGATE_REGISTRY.parse().unwrap();
        self.node.send_as(from, registry, call).await;
    }

    /// All of a vault, or that no more.
    pub async fn delegate_all(&self, from: Wallet, to: Wallet, enable: bool) {
        let (to, rights) = (evm(to), B256::ZERO);
        let call = delegateAllCall { to, rights, enable };
        self.delegate(from, call.abi_encode()).await;
    }

    pub async fn give(&self, contract: Address, from: Wallet, to: Wallet, id: u64) {
        let (from_, to, id) = (evm(from), evm(to), U256::from(id));
        let call = transferFromCall {
            from: from_,
            to,
            tokenId: id,
        };
        self.node.send_as(from, contract, call.abi_encode()).await;
    }

    /// The account of a token as the registry on the node says.
    pub async fn account(&self, id: u64) -> Address {
        let call = accountCall {
            implementation: self.runs,
            salt: B256::ZERO,
            chainId: U256::from(CHAIN_ID),
            tokenContract: self.outer,
            tokenId: U256::from(id),
        };
        let data = Bytes::from(call.abi_encode());
        let asked = json!([{"to": ACCOUNT_REGISTRY, "data": data}, "latest"]);
        let found = self.node.rpc("eth_call", asked).await;
        Address::from_word(found.as_str().unwrap().parse().unwrap())
    }

    pub fn token(&self, id: u64) -> String {
        format!("erc721:0x{}/{id}", hex::encode(self.outer))
    }

    pub async fn ends_after(&self, epoch: u64) {
        let begin = Instant::now();
        while self.world.auth.epoch().await.unwrap() <= epoch {
            assert!(begin.elapsed() < SOON, "leases go on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn stays_at(&self, epoch: u64) {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        assert_eq!(self.world.auth.epoch().await.unwrap(), epoch);
    }
}
