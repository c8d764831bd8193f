//! Clusters of Solana that rules may name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use streamgate_contract::config::{Commitment, MAINNET_GENESIS};

/// A cluster of Solana.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "self.quorum <= size(self.rpcUrls)",
    "message": "quorum cannot be met: list as many rpcUrls or lower quorum"
}]))]
pub struct SolanaCluster {
    /// Name that rules use.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,
    /// JSON-RPC endpoints, best first. Each counts once, so list one per provider.
    #[schemars(
        length(min = 1, max = 8),
        inner(length(max = 512), regex(pattern = r"^https?://"))
    )]
    pub rpc_urls: Vec<String>,
    /// Endpoints that must give the same answer for it to count. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 8))]
    pub quorum: u32,
    /// Hash of the cluster's first block, which endpoints must show. Default: mainnet's.
    #[serde(default = "mainnet")]
    #[schemars(
        length(min = 32, max = 44),
        regex(pattern = r"^[1-9A-HJ-NP-Za-km-z]{32,44}$")
    )]
    pub genesis_hash: String,
    /// Which slots decide. Finalized: none that can be undone. Confirmed: about 12 s sooner.
    /// Default Finalized.
    #[serde(default)]
    pub commitment: Commitment,
    /// Seconds after which the deciding slot is too old, so that nobody is admitted by a cluster
    /// that stands still. Default 600.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 1, max = 31_536_000))]
    pub max_age_seconds: u32,
}

fn one() -> u32 {
    1
}

fn mainnet() -> String {
    MAINNET_GENESIS.to_owned()
}

fn ten_minutes() -> u32 {
    600
}
