//! One thing that a rule looks at. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AllowListRule, CallRule, Delegated, Erc20Rule, Erc721Rule, Erc1155Rule, GateRule, MerkleRule,
    MetaplexNftRule, NativeRule, OidcClaimRule, SplTokenRule, Through, WebhookRule,
};

/// One thing that can be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// An ERC-721 token.
    Erc721(Erc721Rule),
    /// An ERC-1155 token.
    Erc1155(Erc1155Rule),
    /// A balance of an ERC-20 token.
    Erc20(Erc20Rule),
    /// A balance of the chain's currency.
    Native(NativeRule),
    /// The answer of a view function.
    Call(CallRule),
    /// A list of wallets.
    AllowList(AllowListRule),
    /// A list of wallets by its hash.
    Merkle(MerkleRule),
    /// A claim of an OpenID provider.
    OidcClaim(OidcClaimRule),
    /// The answer of a service.
    Webhook(WebhookRule),
    /// A balance of a token of Solana.
    SplToken(SplTokenRule),
    /// An NFT of a collection.
    MetaplexNft(MetaplexNftRule),
    /// That a vault lets the viewer act for it. No rule asks it by itself: it is asked of vaults
    /// that a viewer names.
    Delegated(Box<Delegated>),
}

impl Check {
    /// Name of the EVM chain that is asked; `None` when none is.
    pub fn chain(&self) -> Option<&str> {
        match self {
            Check::Erc721(rule) => Some(&rule.chain),
            Check::Erc1155(rule) => Some(&rule.chain),
            Check::Erc20(rule) => Some(&rule.chain),
            Check::Native(rule) => Some(&rule.chain),
            Check::Call(rule) => Some(&rule.chain),
            Check::Delegated(link) => link.of.chain(),
            _ => None,
        }
    }

    /// Address of the contract that is asked.
    pub fn contract(&self) -> Option<&str> {
        match self {
            Check::Erc721(rule) => Some(&rule.contract),
            Check::Erc1155(rule) => Some(&rule.contract),
            Check::Erc20(rule) => Some(&rule.contract),
            Check::Call(rule) => Some(&rule.contract),
            Check::Delegated(link) => Some(&link.by.registry),
            _ => None,
        }
    }

    /// The standard or the kind, in the words refusals use.
    pub fn standard(&self) -> &'static str {
        match self {
            Check::Erc721(_) => "ERC-721",
            Check::Erc1155(_) => "ERC-1155",
            Check::Erc20(_) => "ERC-20",
            Check::Native(_) => "native",
            Check::Call(_) => "view call",
            Check::AllowList(_) => "allow list",
            Check::Merkle(_) => "Merkle proof",
            Check::OidcClaim(_) => "OpenID claim",
            Check::Webhook(_) => "webhook",
            Check::SplToken(_) => "SPL token",
            Check::MetaplexNft(_) => "Metaplex NFT",
            Check::Delegated(_) => "delegate registry",
        }
    }

    /// Name of the cluster of Solana that is asked; `None` when none is.
    pub fn cluster(&self) -> Option<&str> {
        match self {
            Check::SplToken(rule) => Some(&rule.cluster),
            Check::MetaplexNft(rule) => Some(&rule.cluster),
            _ => None,
        }
    }

    /// What counts beside the viewer's own holdings.
    pub fn through(&self) -> Option<&Through> {
        match self {
            Check::Erc721(rule) => rule.through.as_ref(),
            Check::Erc1155(rule) => rule.through.as_ref(),
            Check::Erc20(rule) => rule.through.as_ref(),
            _ => None,
        }
    }

    /// Stable reason of a refusal.
    pub fn reason(&self) -> &'static str {
        match self {
            Check::Erc721(_) | Check::Erc1155(_) | Check::Erc20(_) => "TokenRequired",
            Check::SplToken(_) | Check::MetaplexNft(_) => "TokenRequired",
            Check::Native(_) => "BalanceRequired",
            Check::Call(_) => "ConditionRequired",
            Check::AllowList(_) => "NotOnAllowList",
            Check::Merkle(_) => "ProofRequired",
            Check::OidcClaim(_) => "ClaimRequired",
            Check::Webhook(_) => "WebhookRefused",
            Check::Delegated(_) => "DelegationRequired",
        }
    }

    /// Everything a rule tests by itself.
    pub(super) fn all(rule: &GateRule) -> Vec<Self> {
        [
            rule.erc721.clone().map(Check::Erc721),
            rule.erc1155.clone().map(Check::Erc1155),
            rule.erc20.clone().map(Check::Erc20),
            rule.native.clone().map(Check::Native),
            rule.call.clone().map(Check::Call),
            rule.allow_list.clone().map(Check::AllowList),
            rule.merkle.clone().map(Check::Merkle),
            rule.oidc_claim.clone().map(Check::OidcClaim),
            rule.webhook.clone().map(Check::Webhook),
            rule.spl_token.clone().map(Check::SplToken),
            rule.metaplex_nft.clone().map(Check::MetaplexNft),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Erc721(Erc721Rule {
                chain,
                contract,
                token_id: None,
                ..
            }) => {
                write!(f, "a token of contract {contract} on chain {chain}")
            }
            Check::Erc721(Erc721Rule {
                chain,
                contract,
                token_id: Some(id),
                ..
            }) => {
                write!(f, "token {id} of contract {contract} on chain {chain}")
            }
            Check::Erc1155(Erc1155Rule {
                chain,
                contract,
                token_id,
                minimum,
                ..
            }) => {
                write!(
                    f,
                    "{minimum} of token {token_id} of contract {contract} on chain {chain}"
                )
            }
            Check::Erc20(Erc20Rule {
                chain,
                contract,
                minimum,
                ..
            }) => write!(
                f,
                "a balance of {minimum} (smallest units) at contract {contract} on chain {chain}"
            ),
            Check::Native(NativeRule { chain, minimum }) => {
                write!(f, "a balance of {minimum} wei on chain {chain}")
            }
            Check::Call(CallRule {
                chain,
                contract,
                function,
                minimum,
                ..
            }) => write!(
                f,
                "an answer of at least {minimum} from {function} of contract {contract} on chain {chain}"
            ),
            Check::AllowList(_) => f.write_str("a place on its allow list"),
            Check::Merkle(_) => f.write_str("a proof of a place on its list"),
            Check::OidcClaim(OidcClaimRule {
                provider, claim, ..
            }) => write!(f, "a fitting {claim:?} at provider {provider}"),
            Check::Webhook(_) => f.write_str("the consent of its service"),
            Check::SplToken(SplTokenRule {
                cluster,
                mint,
                minimum,
            }) => write!(
                f,
                "a balance of {minimum} (smallest units) of mint {mint} on cluster {cluster}"
            ),
            Check::MetaplexNft(MetaplexNftRule {
                cluster,
                collection,
            }) => write!(f, "an NFT of collection {collection} on cluster {cluster}"),
            Check::Delegated(link) => {
                write!(f, "a delegation of {} for {}", link.vault, link.of)
            }
        }
    }
}
