//! A gate for tests: real catalog and store in a folder, a clock moved by hand, wallets that sign.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use alloy_primitives::{Address, B256, Signature, eip191_hash_message};
use async_trait::async_trait;
use k256::ecdsa::SigningKey;
use serde_json::json;
use streamgate_contract::config::RoleConfig;
use streamgate_contract::rules::Check;

use super::{Auth, Browser, Outside, Parts, Profile};
use crate::adapters::ethereum::Ethereum;
use crate::adapters::filesystem::Filesystem;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::ports::catalog::{Content, ContentState, Contents, Outputs, suite};
use crate::ports::chain::{Block, Chain, ChainError, Code, Reading, Signed, Wallet};
use crate::ports::clock::manual::ManualClock;
use crate::tokens::fixture::signer;

/// Where viewers reach the gate.
pub const GATE: &str = "https://gate.example";
/// When tests begin.
pub const NOW: i64 = 1_795_489_200;
/// Seconds of a lease.
pub const LEASE: i64 = 60;
/// The contract of the rule `holders`.
pub const CONTRACT: &str = "0x7272727272727272727272727272727272727272";

/// A wallet with its key.
#[derive(Clone)]
pub struct Account(SigningKey);

impl Account {
    /// Always the same for the same byte.
    pub fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    /// Its address.
    pub fn wallet(&self) -> Wallet {
        Wallet::of_key(Address::from_private_key(&self.0).into_array())
    }

    /// Signs a text as wallets do.
    pub fn sign(&self, text: &str) -> Signature {
        self.sign_hash(eip191_hash_message(text))
    }

    /// Signs a hash.
    pub fn sign_hash(&self, hash: B256) -> Signature {
        let signed = self.0.sign_prehash_recoverable(hash.as_slice());
        signed.unwrap().into()
    }
}

/// The browser everybody uses.
pub fn browser() -> &'static Browser {
    static BROWSER: LazyLock<Browser> = LazyLock::new(|| Browser::with("browser"));
    &BROWSER
}

/// The text form of a signature.
pub fn text(signature: &Signature) -> String {
    format!("0x{}", hex::encode(signature.as_bytes()))
}

/// A chain that counts its questions and always says that the wallet holds the token.
#[derive(Default)]
pub struct Generous(pub AtomicU32);

#[async_trait]
impl Chain for Generous {
    fn id(&self, _: &str) -> Option<u64> {
        Some(1)
    }

    async fn read(&self, _: [u8; 20], _: &Check) -> Result<Reading, ChainError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let (number, hash, time) = (1, [1; 32], NOW);
        let block = Block { number, hash, time };
        Ok(Reading { holds: true, block })
    }

    async fn code(&self, _: u64, _: [u8; 20]) -> Result<(Code, Block), ChainError> {
        let (number, hash, time) = (1, [1; 32], NOW);
        Ok((Code::None, Block { number, hash, time }))
    }

    async fn signed(&self, _: u64, _: Block, _: Signed<'_>) -> Result<bool, ChainError> {
        Ok(false)
    }
}

/// A gate.
pub struct World {
    /// Its folder.
    _folder: tempfile::TempDir,
    /// Its catalog.
    pub catalog: Arc<Sqlite3Catalog>,
    /// Its store.
    pub objects: Arc<Filesystem>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Its configuration.
    pub config: RoleConfig,
    /// Its auth role.
    pub auth: Arc<Auth>,
}

/// Owns every content of a [`World`].
pub fn owner() -> Account {
    Account::new(1)
}

/// Is an admin of every [`World`].
pub fn admin() -> Account {
    Account::new(2)
}

/// A configuration with one chain at `rpc_url` and a rule on [`CONTRACT`].
pub fn config(rpc_url: &str, chain_id: u64) -> RoleConfig {
    serde_json::from_value(json!({
        "gate": {"namespace": "default", "name": "gate", "uid": "uid", "allowedNamespaces": []},
        "publicUrl": GATE,
        "storage": {"filesystem": {"path": "/data"}},
        "database": {"sqlite": {"path": "/catalog.db"}},
        "chains": [{"name": "test", "chainId": chain_id, "rpcUrls": [rpc_url]}],
        "rules": [{"name": "holders", "erc721": {"chain": "test", "contract": CONTRACT}}],
        "auth": {"domain": "gate.example", "challengeSeconds": 300, "sessionSeconds": 3_600,
            "leaseSeconds": LEASE, "pauseAllowanceSeconds": 600},
        "people": {"creators": [owner().wallet().to_string().to_uppercase().replace("0X", "0x")],
            "admins": [admin().wallet().to_string()]},
        "limits": {"maxUploadBytes": 1, "requestsPerSecond": 1, "requestBurst": 1,
            "requestTimeoutSeconds": 1},
        "transcode": {"renditions": [], "audio": {"kbps": 128}, "limits": {"maxSide": 1,
            "maxFrameRate": 1, "maxDurationSeconds": 1, "maxStreams": 1},
            "grid": {"gopMilliseconds": 2_000, "gopsPerSegment": 2, "segmentsPerChunk": 4,
                "chunksPerSpan": 4}},
        "log": "info",
    }))
    .unwrap()
}

impl World {
    /// A gate on this chain.
    pub async fn new(chain: Arc<dyn Chain>, config: RoleConfig) -> Self {
        Self::with(chain, config, Outside::nobody()).await
    }

    /// The same with somebody else to ask.
    pub async fn with(chain: Arc<dyn Chain>, config: RoleConfig, outside: Outside) -> Self {
        // Tests ask it over HTTP, each perhaps alone in its process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await;
        let catalog = Arc::new(catalog.unwrap());
        let objects = Arc::new(Filesystem::open(folder.path().join("objects")).unwrap());
        let clock = Arc::new(ManualClock::at(NOW));
        let parts = Parts {
            catalog: catalog.clone(),
            chain,
            clock: clock.clone(),
            outside,
            session_key: signer(1),
            playback_key: signer(2),
        };
        let auth = Auth::new(parts, &config, &prometheus::Registry::new()).unwrap();
        Self {
            _folder: folder,
            catalog,
            objects,
            clock,
            config,
            auth: Arc::new(auth),
        }
    }

    /// A gate on the chains of its configuration.
    pub async fn on_chains(config: RoleConfig) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let registry = prometheus::Registry::new();
        let chain = Ethereum::new(&config.chains, clock, &registry).unwrap();
        Self::new(Arc::new(chain), config).await
    }

    /// A gate whose chain says yes.
    pub async fn generous() -> Self {
        Self::new(
            Arc::new(Generous::default()),
            config("http://127.0.0.1:1", 1),
        )
        .await
    }

    /// Adds a content with an output `<id>-o` in work.
    pub async fn content(&self, id: &str, rule: Option<&str>) {
        let content = Content {
            owner: owner().wallet().to_string(),
            rule: rule.map(str::to_owned),
            state: ContentState::Processing,
            ..suite::content(id)
        };
        self.catalog.create_content(&content).await.unwrap();
        let output = suite::output(&format!("{id}-o"), id, &format!("job-{id}"));
        self.catalog.plan_output(&output).await.unwrap();
    }

    /// Signs an account in.
    pub async fn sign_in(&self, account: &Account) -> (String, Profile) {
        let challenge = self.auth.challenge(account.wallet(), None, browser());
        let message = challenge.await.unwrap().message;
        let signature = text(&account.sign(&message));
        let signed_in = self.auth.sign_in(&message, &signature, Some(browser()));
        let signed_in = signed_in.await.unwrap();
        let profile = self.auth.session(&signed_in.token).await.unwrap();
        (signed_in.token, profile)
    }

    /// A handle for an account, without the rest of its path.
    pub async fn handle(&self, account: &Account, content: &str) -> String {
        let (_, profile) = self.sign_in(account).await;
        let playback = self
            .auth
            .playback(&profile, &content.parse().unwrap(), Vec::new())
            .await;
        playback.unwrap().path.split('/').nth(2).unwrap().to_owned()
    }
}
