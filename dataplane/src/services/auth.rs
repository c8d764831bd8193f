//! Role `auth`: signs people in, ends sessions, decides who may watch what and makes playback
//! handles.

use std::collections::HashSet;
use std::sync::Arc;

use moka::future::Cache;
use streamgate_contract::config::{self, People, RoleConfig};
use streamgate_contract::playback::PlaybackSettings;
use streamgate_contract::rules::{Check, Rules};

use crate::ports::catalog::Catalog;
use crate::ports::chain::{Chain, Wallet};
use crate::ports::clock::Clock;
use crate::tokens::{Jwk, Signer};

mod dry_run;
mod entitle;
mod error;
mod evaluate;
mod examine;
pub mod http;
mod machines;
mod merkle;
mod metrics;
mod nft;
mod openid;
mod outside;
mod playback;
mod proofs;
pub mod remote;
mod revocations;
mod rules;
mod sessions;
mod sign_in;
mod signer;
pub(crate) mod siwe;
mod standing;
mod through;
mod verify;
mod watch;

pub use dry_run::DryRun;
pub use error::AuthError;
pub use machines::{Scopes, Wish};
pub use outside::Outside;
pub use playback::Playback;
pub use sessions::{Means, Profile};
pub use sign_in::{Browser, Challenge, SignedIn};
pub use siwe::Form;

use examine::Said;
use machines::Machines;
use metrics::Metrics;
use revocations::Revocations;

/// Most wallets and rules whose answers are remembered.
const MAX_ANSWERS: u64 = 100_000;
/// Most sessions of which it is remembered whether they were ended.
const MAX_SESSIONS: u64 = 100_000;

/// What the role is made of.
pub struct Parts {
    /// Contents, nonces and sessions.
    pub catalog: Arc<dyn Catalog>,
    /// Blockchains.
    pub chain: Arc<dyn Chain>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who else is asked.
    pub outside: Outside,
    /// Signs sessions.
    pub session_key: Signer,
    /// Signs playback handles.
    pub playback_key: Signer,
}

/// The role.
pub struct Auth {
    catalog: Arc<dyn Catalog>,
    chain: Arc<dyn Chain>,
    clock: Arc<dyn Clock>,
    outside: Outside,
    session_key: Signer,
    playback_key: Signer,
    public_url: String,
    settings: config::Auth,
    /// What viewings are held to.
    viewings: PlaybackSettings,
    people: People,
    creators: HashSet<Wallet>,
    admins: HashSet<Wallet>,
    machines: Machines,
    chain_ids: Vec<u64>,
    /// There is a chain to ask what an account is.
    asks_chains: bool,
    rules: Rules,
    rules_hash: String,
    default_rule: Option<String>,
    /// What chains and services said, by who was asked about and what.
    answers: Cache<(Wallet, Check), Said>,
    /// What has ended answers and grants.
    revocations: Revocations,
    /// Whether a session was ended, by session and revocation epoch.
    ended: Cache<(String, u64), bool>,
    metrics: Metrics,
}

impl Auth {
    /// Makes the role.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn new(
        parts: Parts,
        config: &RoleConfig,
        registry: &prometheus::Registry,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            catalog: parts.catalog,
            chain: parts.chain,
            clock: parts.clock,
            outside: parts.outside,
            session_key: parts.session_key,
            playback_key: parts.playback_key,
            public_url: config.public_url.clone(),
            settings: config.auth.clone(),
            viewings: config.playback.clone(),
            people: config.people.clone(),
            creators: wallets(&config.people.creators),
            admins: wallets(&config.people.admins),
            machines: Machines::default(),
            chain_ids: chain_ids(&config.chains),
            asks_chains: !config.chains.is_empty(),
            rules: Rules::new(&config.rules),
            rules_hash: rules::hash(&config.rules, config.default_rule.as_deref()),
            default_rule: config.default_rule.clone(),
            answers: Cache::new(MAX_ANSWERS),
            revocations: Revocations::default(),
            ended: Cache::new(MAX_SESSIONS),
            metrics: Metrics::new(registry)?,
        })
    }

    /// Public keys of every kind of token.
    pub fn keys(&self) -> Vec<Jwk> {
        let keys = [&self.session_key, &self.playback_key];
        keys.map(|key| key.verifier().jwks()).concat()
    }
}

/// Chains a sign-in message may name: the configured ones, Ethereum's own when there is none.
fn chain_ids(chains: &[config::Chain]) -> Vec<u64> {
    const ETHEREUM: u64 = 1;
    match chains {
        [] => vec![ETHEREUM],
        chains => chains.iter().map(|c| c.chain_id).collect(),
    }
}

/// Wallets that a list names. What is none names nobody, so it gives no rights.
fn wallets(list: &[String]) -> HashSet<Wallet> {
    let read = |text: &String| {
        let wallet: Result<Wallet, _> = text.parse();
        wallet
            .map_err(|error| tracing::warn!(%error, "spec.people names no wallet"))
            .ok()
    };
    list.iter().filter_map(read).collect()
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
