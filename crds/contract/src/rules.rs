//! Gate rules: who may watch. A rule is data; the auth role asks the chain what it says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One named rule. Exactly one kind is set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateRule {
    /// Name that contents refer to and refusals print.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,
    /// The viewer holds a token of this ERC-721 contract.
    pub erc721: Erc721Rule,
}

/// Holding of an ERC-721 token: any of the contract, or the one with this id.
/// Source: ERC-721, `balanceOf` and `ownerOf`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Erc721Rule {
    /// Name of a chain in `spec.chains`.
    #[schemars(length(min = 1, max = 63))]
    pub chain: String,
    /// Address of the contract: 0x and 40 hex digits.
    #[schemars(regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub contract: String,
    /// Decimal id of the one token that opens the gate; any token of the contract when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{1,78}$"))]
    pub token_id: Option<String>,
}
