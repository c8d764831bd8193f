//! Blockchains, as far as gates need them: does this wallet hold what the rule names, and at
//! which block was that so.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use streamgate_contract::rules::Erc721Rule;

use super::Source;

#[cfg(test)]
pub mod suite;

/// Address of an account: 20 bytes, written `0x` and 40 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wallet(pub [u8; 20]);

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address; write 0x and 40 hex digits")]
pub struct InvalidWallet(String);

impl FromStr for Wallet {
    type Err = InvalidWallet;

    fn from_str(text: &str) -> Result<Self, InvalidWallet> {
        let invalid = || InvalidWallet(text.chars().take(50).collect());
        let digits = text.strip_prefix("0x").ok_or_else(invalid)?;
        let mut bytes = [0; 20];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| invalid())?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the chain said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The wallet holds what the rule names.
    pub holds: bool,
    /// Block the answer is true at.
    pub block: u64,
}

/// Why there is no answer. Never read as "does not hold".
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The rule names a chain nobody configured.
    #[error("chain {0:?} is not configured; add it to spec.chains of the StreamGate")]
    UnknownChain(String),
    /// The rule cannot be asked.
    #[error("rule on contract {contract} is not valid: {detail}; correct the gate rule")]
    InvalidRule {
        /// Contract of the rule.
        contract: String,
        /// What is wrong.
        detail: String,
    },
    /// The contract does not answer as ERC-721 does.
    #[error(
        "contract {contract} on chain {chain} does not answer as ERC-721; correct the gate rule"
    )]
    NotErc721 {
        /// Chain name.
        chain: String,
        /// Contract of the rule.
        contract: String,
    },
    /// No endpoint answered.
    #[error("no endpoint of chain {chain} answered; check its rpcUrls")]
    Unavailable {
        /// Chain name.
        chain: String,
        /// What the last endpoint said; its address is left out, since keys ride in it.
        source: Source,
    },
}

/// Every configured chain.
#[async_trait]
pub trait Chain: Send + Sync {
    /// Asks whether `owner` holds what the rule names.
    async fn holds(&self, owner: Wallet, rule: &Erc721Rule) -> Result<Holding, ChainError>;
}
