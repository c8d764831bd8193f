//! Gate rules: who may watch. A rule is data; the auth role finds out what it says of a viewer.
//! A rule tests one thing, or says how rules above it are combined, by their names: a schema of a
//! kind cannot contain itself, and names are what refusals print.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod check;
mod requirement;
mod solana;
mod through;
mod word;

pub use check::Check;
pub use requirement::{InvalidRule, MAX_DEPTH, MAX_LEAVES, Requirement, Rules, Test};
pub use solana::{MetaplexNftRule, SplTokenRule};
pub use through::{
    ACCOUNT_REGISTRY, DELEGATE_REGISTRY, Delegated, Delegation, Through, TokenAccounts,
};
pub use word::{Word, number};

/// One named rule: exactly one of its kinds is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "[has(self.erc721), has(self.erc1155), has(self.erc20), has(self.native), has(self.call), has(self.allowList), has(self.merkle), has(self.oidcClaim), has(self.webhook), has(self.splToken), has(self.metaplexNft), has(self.allOf), has(self.anyOf), has(self.not)].filter(set, set).size() == 1",
    "message": "a rule has exactly one kind: set one of erc721, erc1155, erc20, native, call, allowList, merkle, oidcClaim, webhook, splToken, metaplexNft, allOf, anyOf and not"
}]))]
pub struct GateRule {
    /// Name that contents and rules below refer to and refusals print.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,
    /// What people call it, such as `Season ticket 2026`; told to those who are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 120))]
    pub title: Option<String>,
    /// Where to get what is required; told to those who are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^https?://"))]
    pub get_url: Option<String>,
    /// The viewer holds a token of this ERC-721 contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erc721: Option<Erc721Rule>,
    /// The viewer holds enough of one id of this ERC-1155 contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erc1155: Option<Erc1155Rule>,
    /// The viewer holds enough of this ERC-20 token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erc20: Option<Erc20Rule>,
    /// The viewer holds enough of the chain's own currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<NativeRule>,
    /// A view function of a contract says enough of the viewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallRule>,
    /// The viewer is on this list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_list: Option<AllowListRule>,
    /// The viewer shows a proof that they are on a list of which only the hash stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merkle: Option<MerkleRule>,
    /// The provider a person signed in at says this of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_claim: Option<OidcClaimRule>,
    /// A service of yours says yes to the viewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookRule>,
    /// The viewer holds enough of this token of Solana.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spl_token: Option<SplTokenRule>,
    /// The viewer holds an NFT of this Metaplex collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metaplex_nft: Option<MetaplexNftRule>,
    /// All of these rules say yes. Only rules listed above this one may be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 63)))]
    pub all_of: Option<Vec<String>>,
    /// At least one of these rules says yes. Only rules listed above this one may be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 63)))]
    pub any_of: Option<Vec<String>>,
    /// This rule says no. Only a rule listed above this one may be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub not: Option<String>,
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
    #[schemars(length(max = 42), regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub contract: String,
    /// Decimal id of the one token that opens the gate; any token of the contract when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 78), regex(pattern = r"^[0-9]{1,78}$"))]
    pub token_id: Option<String>,
    /// Accounts that count beside the viewer's own. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Through>,
}

/// Holding of an ERC-1155 token. Source: ERC-1155, `balanceOf`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Erc1155Rule {
    /// Name of a chain in `spec.chains`.
    #[schemars(length(min = 1, max = 63))]
    pub chain: String,
    /// Address of the contract: 0x and 40 hex digits.
    #[schemars(length(max = 42), regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub contract: String,
    /// Decimal id of the token.
    #[schemars(length(max = 78), regex(pattern = r"^[0-9]{1,78}$"))]
    pub token_id: String,
    /// Least number of it, decimal. Default 1.
    #[serde(default = "one")]
    #[schemars(length(max = 78), regex(pattern = r"^0*[1-9][0-9]{0,77}$"))]
    pub minimum: String,
    /// Accounts that count beside the viewer's own. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Through>,
}

/// Holding of an ERC-20 token. Source: ERC-20, `balanceOf`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Erc20Rule {
    /// Name of a chain in `spec.chains`.
    #[schemars(length(min = 1, max = 63))]
    pub chain: String,
    /// Address of the contract: 0x and 40 hex digits.
    #[schemars(length(max = 42), regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub contract: String,
    /// Least balance in the token's smallest unit, decimal: with 18 decimals, one token is 1 and
    /// 18 zeros.
    #[schemars(length(max = 78), regex(pattern = r"^0*[1-9][0-9]{0,77}$"))]
    pub minimum: String,
    /// Accounts that count beside the viewer's own. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Through>,
}

/// Holding of the chain's own currency.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NativeRule {
    /// Name of a chain in `spec.chains`.
    #[schemars(length(min = 1, max = 63))]
    pub chain: String,
    /// Least balance in wei, decimal.
    #[schemars(length(max = 78), regex(pattern = r"^0*[1-9][0-9]{0,77}$"))]
    pub minimum: String,
}

/// Stands for the viewer's address in [`CallRule::arguments`].
pub const VIEWER: &str = "$viewer";

/// Answer of a view function: the first word it returns, read as an unsigned number, `true` being
/// 1, is at least `minimum`. What may be called is what stands here: nobody else can name a call.
/// Source: Solidity contract ABI.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRule {
    /// Name of a chain in `spec.chains`.
    #[schemars(length(min = 1, max = 63))]
    pub chain: String,
    /// Address of the contract: 0x and 40 hex digits.
    #[schemars(length(max = 42), regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub contract: String,
    /// The function with the types of its arguments and no spaces, such as
    /// `getHasValidKey(address)`. Types: address, bool, uint8 to uint256, bytes1 to bytes32.
    #[schemars(
        length(max = 160),
        regex(
            pattern = r"^[A-Za-z_$][A-Za-z0-9_$]{0,63}\(((address|bool|uint[0-9]{1,3}|bytes[0-9]{1,2})(,(address|bool|uint[0-9]{1,3}|bytes[0-9]{1,2})){0,7})?\)$"
        )
    )]
    pub function: String,
    /// The arguments in order: `$viewer` for the viewer's address, else an address, `true` or
    /// `false`, a decimal number, or 0x and hex digits.
    #[serde(default)]
    #[schemars(length(max = 8), inner(length(min = 1, max = 80)))]
    pub arguments: Vec<String>,
    /// Least answer, decimal. Default 1: `true`, or any number but 0.
    #[serde(default = "one")]
    #[schemars(length(max = 78), regex(pattern = r"^0*[1-9][0-9]{0,77}$"))]
    pub minimum: String,
}

/// A list of viewers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowListRule {
    /// Wallets: 0x and 40 hex digits. A contract wallet is written with its chain, as CAIP-10
    /// says: `eip155:1:0x…`, an account of Solana `solana:` and its address, a person of an OpenID
    /// provider `oidc:` and what their profile shows.
    #[schemars(
        length(min = 1, max = 256),
        inner(
            length(max = 66),
            regex(
                pattern = r"^((eip155:[1-9][0-9]{0,15}:)?0x[0-9a-fA-F]{40}|solana:[1-9A-HJ-NP-Za-km-z]{32,44}|oidc:[0-9a-f]{40})$"
            )
        )
    )]
    pub wallets: Vec<String>,
}

/// A list of viewers of which only the root of its Merkle tree is here: leaves are
/// `keccak256(keccak256(abi.encode(address)))`, pairs are hashed in ascending order, as
/// OpenZeppelin's StandardMerkleTree makes them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MerkleRule {
    /// The root: 0x and 64 hex digits.
    #[schemars(length(max = 66), regex(pattern = r"^0x[0-9a-fA-F]{64}$"))]
    pub root: String,
}

/// What an OpenID provider said of a person when they signed in: the claim is one of the values, or
/// a list that holds one of them. It is believed as long as the session lasts.
/// Source: OpenID Connect Core 1.0, section 5.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OidcClaimRule {
    /// Name of a provider in `spec.auth.oidc`.
    #[schemars(length(min = 1, max = 63))]
    pub provider: String,
    /// Name of the claim in the ID token, such as `groups`.
    #[schemars(length(min = 1, max = 255))]
    pub claim: String,
    /// Values of which one is enough. Numbers and truth values are written as text.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 255)))]
    pub values: Vec<String>,
}

/// The answer of a service of yours. It is asked by POST with JSON (`nonce`, `gate`, `rule`,
/// `wallet`) and answers with JSON (`nonce`, `wallet`, `admit`) whose bytes are signed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookRule {
    /// Where to ask. Its host, with its port where that is written, must stand in
    /// `spec.webhooks.hosts`.
    #[schemars(length(max = 512), regex(pattern = r"^https?://[^/?#@]+(/[^#]*)?$"))]
    pub url: String,
    /// Ed25519 public key that answers are signed with: 64 hex digits.
    #[schemars(length(min = 64, max = 64), regex(pattern = r"^[0-9a-f]{64}$"))]
    pub public_key: String,
}

fn one() -> String {
    "1".to_owned()
}
