//! Blockchains, as far as gates need them: does this account have what a rule asks for, and at
//! which block was that so.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use streamgate_contract::rules::Check;

use super::Source;
use super::clock::UnixSeconds;
use crate::validation::address::{self, InvalidAddress};

pub mod moves;
#[cfg(test)]
pub mod suite;

/// Who acts on a chain. An account that signs with its own key is the same on every EVM chain; a
/// contract is only what it is on its own chain, since somebody else may own its address elsewhere.
/// Written `0x` and 40 lower-case hex digits, a contract with its chain before that: `eip155:1:0x…`.
/// Source: CAIP-10.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wallet {
    /// Its address.
    pub address: [u8; 20],
    /// EIP-155 id of the chain it is a contract of; `None` when it signs with a key.
    pub chain: Option<u64>,
}

impl Wallet {
    /// An account that signs with its own key.
    pub const fn of_key(address: [u8; 20]) -> Self {
        Self {
            address,
            chain: None,
        }
    }

    /// A contract on a chain.
    pub const fn of_contract(address: [u8; 20], chain_id: u64) -> Self {
        Self {
            address,
            chain: Some(chain_id),
        }
    }
}

/// A text that is no wallet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {text:?} {why}; for a contract wallet write eip155:CHAIN:0x…")]
pub struct InvalidWallet {
    text: String,
    why: InvalidAddress,
}

impl FromStr for Wallet {
    type Err = InvalidWallet;

    fn from_str(text: &str) -> Result<Self, InvalidWallet> {
        let refused = |why| InvalidWallet {
            text: text.chars().take(50).collect(),
            why,
        };
        let invalid = || refused(InvalidAddress::Form);
        let (chain, address) = match text.strip_prefix("eip155:") {
            Some(rest) => {
                let (id, address) = rest.split_once(':').ok_or_else(invalid)?;
                let chain: u64 = id.parse().map_err(|_| invalid())?;
                // One text for one wallet: no sign, no leading zero.
                if chain.to_string() != id {
                    return Err(invalid());
                }
                (Some(chain), address)
            }
            None => (None, text),
        };
        let address = address::evm(address).map_err(refused)?;
        Ok(Self { address, chain })
    }
}

impl fmt::Display for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(chain) = self.chain {
            write!(f, "eip155:{chain}:")?;
        }
        write!(f, "0x{}", hex::encode(self.address))
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

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
