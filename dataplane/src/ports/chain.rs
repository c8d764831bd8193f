//! Blockchains, as far as gates need them: does this account have what a rule asks for, and at
//! which block was that so.

use async_trait::async_trait;
use streamgate_contract::rules::Check;

use super::Source;
use super::clock::UnixSeconds;

pub mod moves;
pub mod standing;
#[cfg(test)]
pub mod suite;
mod wallet;

use standing::ChainStanding;
pub use wallet::{InvalidWallet, Wallet};

/// A block that a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// When it was made.
    pub time: UnixSeconds,
}

/// What a chain said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The viewer has what the check asks for.
    pub holds: bool,
    /// The block that is true at.
    pub block: Block,
}

/// What is at an address of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Nothing: whoever has the key acts.
    None,
    /// The account of a key that lets a contract act for it (EIP-7702).
    Delegated,
    /// A contract.
    Contract,
}

/// A signature that a contract wallet may say is its own.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The wallet.
    pub wallet: [u8; 20],
    /// What was signed.
    pub hash: [u8; 32],
    /// The signature, in a form the wallet knows.
    pub signature: &'a [u8],
    /// Factory that deploys the wallet or makes it ready, and the call that does it.
    pub deployed_by: Option<([u8; 20], &'a [u8])>,
}

/// Why there is no answer. Never read as "does not hold".
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The rule names a chain nobody configured.
    #[error("chain {0:?} is not configured; add it to spec.chains of the StreamGate")]
    UnknownChain(String),
    /// The rule names a cluster nobody configured.
    #[error("cluster {0:?} is not configured; add it to spec.solana of the StreamGate")]
    UnknownCluster(String),
    /// The rule cannot be asked.
    #[error("the rule on {check} is not valid: {detail}; correct the gate rule")]
    InvalidRule {
        /// What it asks for.
        check: String,
        /// What is wrong.
        detail: String,
    },
    /// The contract does not answer as its standard says.
    #[error(
        "contract {contract} on chain {chain} does not answer as {standard}; correct the gate rule"
    )]
    Unanswerable {
        /// Chain name.
        chain: String,
        /// Contract of the rule.
        contract: String,
        /// What it was taken for.
        standard: &'static str,
    },
    /// No endpoint answered.
    #[error("no endpoint of chain {chain} answered; check its rpcUrls")]
    Unavailable {
        /// Chain name.
        chain: String,
        /// What the last endpoint said; its address is left out, since keys ride in it.
        source: Source,
    },
    /// Too few endpoints say the same.
    #[error(
        "{agreed} endpoints of chain {chain} agree and {wanted} must; see streamgate_chain_disagreements_total and streamgate_chain_requests_total for which do not"
    )]
    QuorumNotReached {
        /// Chain name.
        chain: String,
        /// Endpoints that must agree.
        wanted: usize,
        /// Endpoints that do.
        agreed: usize,
    },
    /// The chain stands still, or its endpoints are behind.
    #[error(
        "the newest block of chain {chain} is {age_seconds} s old; wait for the chain, check its rpcUrls or raise maxAgeSeconds"
    )]
    Stale {
        /// Chain name.
        chain: String,
        /// Age of the block that would decide.
        age_seconds: i64,
    },
    /// The newest block says something else than the one that decides.
    #[error("this changed on chain {0} and is not confirmed yet; try again when it is")]
    Unsettled(String),
    /// Nobody can say what has moved lately.
    #[error("no endpoint of chain {0} has shown its newest blocks lately; check its rpcUrls")]
    Unwatched(String),
}

impl ChainError {
    /// Stable word for it.
    pub fn reason(&self) -> &'static str {
        match self {
            ChainError::UnknownChain(_) => "UnknownChain",
            ChainError::UnknownCluster(_) => "UnknownCluster",
            ChainError::InvalidRule { .. } => "InvalidRule",
            ChainError::Unanswerable { .. } => "ContractUnanswerable",
            ChainError::Unavailable { .. } => "ChainUnavailable",
            ChainError::QuorumNotReached { .. } => "QuorumNotReached",
            ChainError::Stale { .. } => "ChainStale",
            ChainError::Unsettled(_) => "ChainUnsettled",
            ChainError::Unwatched(_) => "ChainUnwatched",
        }
    }
}

/// Every configured chain.
#[async_trait]
pub trait Chain: Send + Sync {
    /// How the endpoints of each chain are.
    fn standings(&self) -> Vec<ChainStanding> {
        Vec::new()
    }
    /// EIP-155 id of a chain by its name.
    fn id(&self, chain: &str) -> Option<u64>;
    /// Asks whether the account at `address` has what `check` names, at one block.
    async fn read(&self, address: [u8; 20], check: &Check) -> Result<Reading, ChainError>;
    /// What is at an address of the chain with this EIP-155 id, and at which block.
    async fn code(&self, chain_id: u64, address: [u8; 20]) -> Result<(Code, Block), ChainError>;
    /// Asks a contract wallet at a block whether a signature is its own. Nothing stays deployed.
    async fn signed(
        &self,
        chain_id: u64,
        block: Block,
        signed: Signed<'_>,
    ) -> Result<bool, ChainError>;
}
