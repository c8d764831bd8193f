//! Accounts that count for a viewer beside their own: of vaults that delegate to them, and of tokens
//! they hold. The viewer names one; what it is to them is asked of the chain every time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Check;

/// Where the delegate registry, version 2, is on most chains.
pub const DELEGATE_REGISTRY: &str = "0x00000000000000447e69651d841bD8D104Bed493";
/// Where the registry of token-bound accounts is. Source: ERC-6551.
pub const ACCOUNT_REGISTRY: &str = "0x000000006551c19487814612e58FE06813775758";

/// What counts beside what the viewer holds. One account is enough: holdings are not added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Through {
    /// Vaults that delegate to the viewer in the delegate registry, version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<Delegation>,
    /// Accounts of tokens that the viewer holds (ERC-6551), one level deep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub accounts: Vec<TokenAccounts>,
}

/// Which delegations count. Source: delegate.xyz, IDelegateRegistry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delegation {
    /// Address of the registry. Default: where it is on most chains.
    #[serde(default = "delegate_registry")]
    #[schemars(length(max = 42), regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub registry: String,
    /// Rights that are enough beside full ones: 0x and 64 hex digits. Default: full ones alone.
    #[serde(default = "zeros")]
    #[schemars(length(max = 66), regex(pattern = r"^0x[0-9a-fA-F]{64}$"))]
    pub rights: String,
}

impl Default for Delegation {
    fn default() -> Self {
        Self {
            registry: delegate_registry(),
            rights: zeros(),
        }
    }
}

/// Accounts of the tokens of a contract. What they are is computed from this, so no other contract
/// can pass for one. Source: ERC-6551.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenAccounts {
    /// ERC-721 contract of the tokens that own accounts.
    #[schemars(length(max = 42), regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub contract: String,
    /// Contract that the accounts run.
    #[schemars(length(max = 42), regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub implementation: String,
    /// Salt of the accounts: 0x and 64 hex digits. Default: zeros.
    #[serde(default = "zeros")]
    #[schemars(length(max = 66), regex(pattern = r"^0x[0-9a-fA-F]{64}$"))]
    pub salt: String,
    /// Registry that makes them. Default: the one of the standard.
    #[serde(default = "account_registry")]
    #[schemars(length(max = 42), regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub registry: String,
}

/// That a vault lets the viewer act for it, as far as a check reaches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delegated {
    /// The vault: 0x and 40 hex digits.
    pub vault: String,
    /// Which delegations count.
    pub by: Delegation,
    /// What the vault is to hold: an ERC-721, ERC-1155 or ERC-20 check.
    pub of: Check,
}

fn delegate_registry() -> String {
    DELEGATE_REGISTRY.to_owned()
}

fn account_registry() -> String {
    ACCOUNT_REGISTRY.to_owned()
}

fn zeros() -> String {
    format!("0x{:064}", 0)
}
