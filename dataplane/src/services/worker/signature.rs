//! Signed URLs of the internal object endpoint: for stores that have none of their own.
//! HMAC-SHA256 (RFC 2104) over method, key, expiry, length and hash, so that a URL is good for
//! one thing, for a while. Values in, values out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use streamgate_contract::job_api::OBJECTS_PATH;

use crate::ports::clock::UnixSeconds;
use crate::ports::objects::ObjectKey;
use crate::validation::Sha256Hex;

/// Header that announces the hash of a body. Source: RFC 9530.
pub const CONTENT_DIGEST: &str = "content-digest";

/// Shortest key that is taken.
const MIN_KEY_BYTES: usize = 32;

/// The key is no key.
#[derive(Debug, thiserror::Error)]
#[error("the object URL key has {0} bytes; it needs at least 32")]
pub struct ShortKey(usize);

/// The key that signs object URLs.
#[derive(Clone)]
pub struct UrlKey(Vec<u8>);

impl std::fmt::Debug for UrlKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UrlKey")
    }
}

/// What a URL allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    /// Which object.
    pub key: &'a ObjectKey,
    /// Until when.
    pub expires: UnixSeconds,
    /// Bytes and SHA-256 in hex of the one body that may be put; reading when absent.
    pub body: Option<(u64, &'a str)>,
}

impl UrlKey {
    /// Takes the bytes of the key file.
    ///
    /// # Errors
    /// When there are fewer than 32.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ShortKey> {
        if bytes.len() < MIN_KEY_BYTES {
            return Err(ShortKey(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// Path and query on the worker that allow just this.
    pub(super) fn sign(&self, grant: &Grant<'_>) -> String {
        let signature = self.mac(grant).map(|mac| mac.finalize().into_bytes());
        let signature = hex::encode(signature.unwrap_or_default());
        let (key, expires) = (grant.key, grant.expires);
        format!("{OBJECTS_PATH}/{key}?expires={expires}&signature={signature}")
    }

    /// Whether `signature` (hex) allows this now; compared in constant time.
    pub(super) fn allows(&self, grant: &Grant<'_>, signature: &str, now: UnixSeconds) -> bool {
        let signature = hex::decode(signature).unwrap_or_default();
        let signed = self.mac(grant).map(|mac| mac.verify_slice(&signature));
        now < grant.expires && matches!(signed, Some(Ok(())))
    }

    /// `None` never happens: HMAC takes keys of any length.
    fn mac(&self, grant: &Grant<'_>) -> Option<Hmac<Sha256>> {
        let (method, bytes, sha256) = match grant.body {
            Some((bytes, sha256)) => ("PUT", bytes.to_string(), sha256),
            None => ("GET", String::new(), ""),
        };
        // No field can hold a line feed, so no two grants read the same.
        let text = format!(
            "{method}\n{}\n{}\n{bytes}\n{sha256}",
            grant.key, grant.expires
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(text.as_bytes());
        Some(mac)
    }
}

/// Whether this is a SHA-256 in lower-case hex.
pub(super) fn is_sha256(text: &str) -> bool {
    text.parse::<Sha256Hex>().is_ok()
}

/// `sha-256=:…:` of a hash in hex.
pub(super) fn content_digest(sha256: &str) -> String {
    let bytes = hex::decode(sha256).unwrap_or_default();
    format!("sha-256=:{}:", STANDARD.encode(bytes))
}

/// The hash in hex that a `Content-Digest` announces.
pub fn parse_content_digest(header: &str) -> Option<String> {
    let value = header.trim().strip_prefix("sha-256=:")?.strip_suffix(':')?;
    let hash = hex::encode(STANDARD.decode(value).ok()?);
    is_sha256(&hash).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(digit: &str) -> String {
        digit.repeat(64)
    }

    #[test]
    fn a_signature_is_good_for_one_thing_for_a_while() {
        let key = UrlKey::new(vec![7; 32]).unwrap();
        let (a, b) = (
            ObjectKey::parse("contents/a").unwrap(),
            ObjectKey::parse("contents/b").unwrap(),
        );
        let (one, two) = (hash("1"), hash("2"));
        let grant = Grant {
            key: &a,
            expires: 100,
            body: Some((5, &one)),
        };
        let url = key.sign(&grant);
        let signature = url.rsplit_once("signature=").unwrap().1;
        assert!(url.starts_with("/internal/v1/objects/contents/a?expires=100&"));
        assert!(key.allows(&grant, signature, 99));
        assert!(!key.allows(&grant, signature, 100));
        let others = [
            Grant {
                key: &b,
                ..grant.clone()
            },
            Grant {
                expires: 101,
                ..grant.clone()
            },
            Grant {
                body: Some((6, &one)),
                ..grant.clone()
            },
            Grant {
                body: Some((5, &two)),
                ..grant.clone()
            },
            Grant {
                body: None,
                ..grant.clone()
            },
        ];
        for other in others {
            assert!(!key.allows(&other, signature, 99), "{other:?}");
        }
        let stranger = UrlKey::new(vec![8; 32]).unwrap();
        assert!(!stranger.allows(&grant, signature, 99));
        for forged in ["", "zz", &signature[2..], &hash("0")] {
            assert!(!key.allows(&grant, forged, 99));
        }
    }

    #[test]
    fn short_keys_and_other_digests_are_refused() {
        assert!(UrlKey::new(vec![7; 31]).is_err());
        let header = content_digest(&hash("a"));
        assert_eq!(parse_content_digest(&header), Some(hash("a")));
        for header in ["", "sha-256=::", "sha-512=:AAAA:", "sha-256=:!!:"] {
            assert_eq!(parse_content_digest(header), None);
        }
    }
}
