//! Checks that rest on what was proven of a viewer, as short text that rides in sessions and
//! handles. Pure.

use sha2::{Digest, Sha256};
use streamgate_contract::rules::Check;

/// The proof a check asks for; `None` when it asks for something else. The proof of a claim names
/// the whole check by its hash, so a changed rule is not met by what an older one proved.
pub fn of(check: &Check) -> Option<String> {
    match check {
        Check::Merkle(rule) => Some(rule.root.to_ascii_lowercase()),
        Check::OidcClaim(rule) => {
            let text = serde_json::to_string(rule).ok()?;
            let hash = hex::encode(&Sha256::digest(text)[..16]);
            Some(format!("oidc:{hash}"))
        }
        _ => None,
    }
}
