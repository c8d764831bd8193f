//! Keyed hashes of what must not stand in a log: the same value has the same hash, so that records
//! can be joined, and nobody without the key can try values out.

use std::net::IpAddr;

use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::ports::chain::Wallet;

/// Fields whose values are secrets or name people, in any JSON.
const SENSITIVE: [&str; 16] = [
    "address",
    "authorization",
    "cookie",
    "email",
    "handle",
    "key",
    "message",
    "owner",
    "password",
    "secret",
    "session",
    "signature",
    "token",
    "url",
    "wallet",
    "webhook",
];
/// Longest text kept as it is.
const LONGEST: usize = 256;
/// Levels of JSON looked at; what lies deeper is left out.
const DEPTH: usize = 16;

/// Makes the hashes.
pub struct Pseudonyms {
    key: [u8; 32],
}

impl Pseudonyms {
    /// Hashes with this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The hash of some text of some kind.
    pub fn of(&self, kind: &str, text: &[u8]) -> String {
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return String::new();
        };
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(text);
        let hash = mac.finalize().into_bytes();
        format!("hmac:{}", hex::encode(&hash[..16]))
    }

    /// The hash of a wallet.
    pub fn wallet(&self, wallet: &Wallet) -> String {
        self.of("wallet", wallet.to_string().as_bytes())
    }

    /// The hash of an address.
    pub fn address(&self, address: IpAddr) -> String {
        self.of("address", address.to_string().as_bytes())
    }

    /// Puts hashes in the place of everything sensitive.
    pub fn redact(&self, value: &mut Value) {
        self.walk(value, DEPTH);
    }

    fn walk(&self, value: &mut Value, depth: usize) {
        match value {
            _ if depth == 0 => *value = Value::Null,
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    match sensitive(name) {
                        true => self.hash(field),
                        false => self.walk(field, depth - 1),
                    }
                }
            }
            Value::Array(entries) => {
                entries
                    .iter_mut()
                    .for_each(|entry| self.walk(entry, depth - 1));
            }
            Value::String(text) if let Some(wallet) = wallet_text(text) => {
                *text = self.of("wallet", wallet.as_bytes());
            }
            Value::String(text) if text.len() > LONGEST => *text = self.of("text", text.as_bytes()),
            _ => {}
        }
    }

    fn hash(&self, field: &mut Value) {
        let hash = match &*field {
            Value::String(text) => match wallet_text(text) {
                Some(wallet) => self.of("wallet", wallet.as_bytes()),
                None => self.of("text", text.as_bytes()),
            },
            other => self.of("json", other.to_string().as_bytes()),
        };
        *field = Value::String(hash);
    }
}

fn sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SENSITIVE.iter().any(|word| name.contains(word))
}

/// One text for one wallet, so that it has one hash. An address with a wrong checksum is one, too.
fn wallet_text(text: &str) -> Option<String> {
    let read = |text: &str| text.parse::<Wallet>().ok();
    let wallet = read(text).or_else(|| read(&text.to_ascii_lowercase()));
    Some(wallet?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_sensitive_is_left_and_the_same_wallet_has_the_same_hash() {
        let wallet = "0xAbCdefabcdefabcdefabcdefabcdefabcdefABCD";
        let mut value = json!({
            "title": "holidays", "who": wallet, "accessToken": "canary-1", "list": [{"Password": "canary-2"}],
            "nested": {"cookie": {"a": "canary-3"}}, "long": "canary-4".repeat(100),
        });
        let pseudonyms = Pseudonyms::new([7; 32]);
        pseudonyms.redact(&mut value);
        let text = value.to_string();
        assert!(
            !text.contains("canary") && !text.to_lowercase().contains("abcdefabc"),
            "{text}"
        );
        assert_eq!(value["title"], "holidays");
        let lower: Vec<u8> = hex::decode(&wallet[2..]).unwrap();
        let lower = Wallet::of_key(lower.try_into().unwrap());
        assert_eq!(value["who"], pseudonyms.wallet(&lower));
        assert_ne!(
            pseudonyms.wallet(&lower),
            Pseudonyms::new([8; 32]).wallet(&lower)
        );
    }
}
