//! Which rule guards a content. Pure.

use serde_json::json;
use sha2::{Digest, Sha256};
use streamgate_contract::rules::{AllowListRule, GateRule, InvalidRule, Requirement, Rules};

use crate::ports::catalog::{Content, ContentState};
use crate::ports::chain::Wallet;
use crate::ports::identity::Principal;

/// Who may watch a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access<'a> {
    /// Nobody: it is withdrawn.
    Nobody,
    /// Whoever asks, as its owner or an admin.
    Granted,
    /// Only its owner.
    OwnerOnly,
    /// Whoever has this.
    Holders(&'a Requirement),
    /// Nobody, until the rule it names exists.
    UnknownRule(String),
    /// Nobody, until the rule it names is corrected.
    InvalidRule(&'a InvalidRule),
}

/// Does the content belong to whoever asks?
pub fn owns(content: &Content, wallet: Wallet) -> bool {
    content.owner.parse() == Ok(wallet)
}

/// Decides as far as nothing needs to be looked at.
pub fn access<'a>(
    content: &Content,
    who: &Principal,
    rules: &'a Rules,
    default: Option<&str>,
) -> Access<'a> {
    if content.state == ContentState::Withdrawn {
        return Access::Nobody;
    }
    if who.admin || owns(content, who.wallet) {
        return Access::Granted;
    }
    guard(content, rules, default)
}

/// What the content asks of everybody else.
pub fn guard<'a>(content: &Content, rules: &'a Rules, default: Option<&str>) -> Access<'a> {
    let Some(name) = content.rule.as_deref().or(default) else {
        return Access::OwnerOnly;
    };
    match rules.get(name) {
        Some(Ok(requirement)) => Access::Holders(requirement),
        Some(Err(invalid)) => Access::InvalidRule(invalid),
        None => Access::UnknownRule(name.to_owned()),
    }
}

/// Is the wallet on the list?
pub fn listed(list: &AllowListRule, wallet: Wallet) -> bool {
    list.wallets.iter().any(|w| w.parse() == Ok(wallet))
}

/// Hash of a set of rules: the same for the same rules in any order.
pub fn hash(rules: &[GateRule], default: Option<&str>) -> String {
    let mut sorted: Vec<&GateRule> = rules.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let text = json!({"rules": sorted, "default": default}).to_string();
    hex::encode(&Sha256::digest(text)[..8])
}
