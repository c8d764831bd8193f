//! Which rule guards a content. Pure.

use std::collections::HashMap;

use serde_json::json;
use sha2::{Digest, Sha256};
use streamgate_contract::rules::GateRule;

use crate::ports::catalog::{Content, ContentState};
use crate::ports::identity::{Principal, Requirement};

/// Who may watch a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody: it is withdrawn.
    Nobody,
    /// Whoever asks, as its owner or an admin.
    Granted,
    /// Only its owner.
    OwnerOnly,
    /// Whoever holds this.
    Holders(Requirement),
    /// Nobody, until the rule it names exists.
    UnknownRule(String),
}

/// Decides as far as no chain is needed.
pub fn access(
    content: &Content,
    who: &Principal,
    rules: &HashMap<String, GateRule>,
    default: Option<&str>,
) -> Access {
    if content.state == ContentState::Withdrawn {
        return Access::Nobody;
    }
    if who.admin || content.owner.eq_ignore_ascii_case(&who.wallet.to_string()) {
        return Access::Granted;
    }
    let Some(name) = content.rule.as_deref().or(default) else {
        return Access::OwnerOnly;
    };
    match rules.get(name) {
        Some(rule) => Access::Holders(Requirement {
            rule: rule.name.clone(),
            erc721: rule.erc721.clone(),
        }),
        None => Access::UnknownRule(name.to_owned()),
    }
}

/// Hash of a set of rules: the same for the same rules in any order.
pub fn hash(rules: &[GateRule], default: Option<&str>) -> String {
    let mut sorted: Vec<&GateRule> = rules.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let text = json!({"rules": sorted, "default": default}).to_string();
    hex::encode(&Sha256::digest(text)[..8])
}
