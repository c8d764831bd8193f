//! Clusters of Solana.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hash of the first block of Solana's mainnet.
pub const MAINNET_GENESIS: &str = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d";

/// A cluster of Solana.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SolanaCluster {
    /// Name that rules use.
    pub name: String,
    /// JSON-RPC endpoints, best first.
    pub rpc_urls: Vec<String>,
    /// Endpoints that must give the same answer.
    #[serde(default = "super::one")]
    pub quorum: usize,
    /// Hash of the cluster's first block in base58, which endpoints must show.
    #[serde(default = "mainnet")]
    pub genesis_hash: String,
    /// Which slots decide.
    #[serde(default)]
    pub commitment: Commitment,
    /// Seconds after which a slot is too old to decide by.
    #[serde(default = "ten_minutes")]
    pub max_age_seconds: u64,
}

/// Which slots of a cluster decide. Source: Solana's RPC, "Configuring State Commitment".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Commitment {
    /// Those that two thirds of the stake voted for.
    Confirmed,
    /// Those that cannot be undone.
    #[default]
    Finalized,
}

impl Commitment {
    /// The word of the RPC.
    pub const fn word(self) -> &'static str {
        match self {
            Commitment::Confirmed => "confirmed",
            Commitment::Finalized => "finalized",
        }
    }
}

fn mainnet() -> String {
    MAINNET_GENESIS.to_owned()
}

fn ten_minutes() -> u64 {
    600
}
