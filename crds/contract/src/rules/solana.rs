//! Rules on tokens of Solana.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Holding of a token of Solana, of the token program or Token-2022. All accounts of the viewer
/// for this mint count together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SplTokenRule {
    /// Name of a cluster in `spec.solana`.
    #[schemars(length(min = 1, max = 63))]
    pub cluster: String,
    /// Address of the mint, in base58.
    #[schemars(
        length(min = 32, max = 44),
        regex(pattern = r"^[1-9A-HJ-NP-Za-km-z]{32,44}$")
    )]
    pub mint: String,
    /// Least amount in the token's smallest unit, decimal. Default 1.
    #[serde(default = "super::one")]
    #[schemars(length(max = 20), regex(pattern = r"^0*[1-9][0-9]{0,19}$"))]
    pub minimum: String,
}

/// Holding of any NFT of a Metaplex collection. What says it is of the collection must be
/// verified, so that a copy is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetaplexNftRule {
    /// Name of a cluster in `spec.solana`.
    #[schemars(length(min = 1, max = 63))]
    pub cluster: String,
    /// Mint of the collection's own NFT, in base58.
    #[schemars(
        length(min = 32, max = 44),
        regex(pattern = r"^[1-9A-HJ-NP-Za-km-z]{32,44}$")
    )]
    pub collection: String,
}
