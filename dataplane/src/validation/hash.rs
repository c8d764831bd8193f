//! Hashes in hex.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a SHA-256 as 64 hex digits in lower case")]
pub struct InvalidHash;

/// A SHA-256, written as 64 hex digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Hex([u8; 32]);

super::through_text!(Sha256Hex, InvalidHash);

impl Sha256Hex {
    /// A digest.
    pub const fn of(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Sha256Hex {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let mut digest = [0; 32];
        // One text for one hash, so that texts may be compared.
        let lower = !text.bytes().any(|c| c.is_ascii_uppercase());
        let read = lower && hex::decode_to_slice(text, &mut digest).is_ok();
        read.then_some(Self(digest)).ok_or(InvalidHash)
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_for_one_hash() {
        let text = "ab".repeat(32);
        assert_eq!(text.parse::<Sha256Hex>().unwrap().to_string(), text);
        for text in [&text[1..], &"AB".repeat(32), &"0x".repeat(32), ""] {
            assert_eq!(text.parse::<Sha256Hex>(), Err(InvalidHash), "{text}");
        }
    }
}
