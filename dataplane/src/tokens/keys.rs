//! Ed25519 keys as the operator mounts them. Source: RFC 8410 (PKCS#8 form), RFC 8037 (JWK form).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{SigningKey, VerifyingKey};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ports::Source;

/// DER in front of a seed: PrivateKeyInfo version 0 with the algorithm id of Ed25519.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the Ed25519 key cannot be used; mount the Secret with the gate's keys as it was made")]
pub struct KeyError(#[source] Source);

impl KeyError {
    pub(super) fn new(source: impl Into<Source>) -> Self {
        Self(source.into())
    }
}

/// Signs tokens.
pub struct Signer {
    key: EncodingKey,
    verifier: Verifier,
}

/// Verifies tokens of one key.
#[derive(Clone)]
pub struct Verifier {
    key: DecodingKey,
    public: [u8; 32],
    kid: String,
}

/// A public key for others to verify with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    alg: &'static str,
    kid: String,
    x: String,
}

impl Signer {
    /// Reads a private key (PKCS#8 PEM).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = SigningKey::from_pkcs8_pem(pem).map_err(KeyError::new)?;
        let der = [&PKCS8_PREFIX[..], &key.to_bytes()].concat();
        Ok(Self {
            key: EncodingKey::from_ed_der(&der),
            verifier: Verifier::of(&key.verifying_key()),
        })
    }

    /// What verifies its tokens.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(super) fn kid(&self) -> &str {
        &self.verifier.kid
    }

    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.key
    }
}

impl Verifier {
    /// Reads a public key (SPKI PEM).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_pem(pem).map_err(KeyError::new)?;
        Ok(Self::of(&key))
    }

    fn of(key: &VerifyingKey) -> Self {
        let public = key.to_bytes();
        Self {
            key: DecodingKey::from_ed_der(&public),
            public,
            kid: hex::encode(&Sha256::digest(public)[..8]),
        }
    }

    /// The key for `/.well-known/jwks.json`.
    pub fn jwk(&self) -> Jwk {
        Jwk {
            kty: "OKP",
            crv: "Ed25519",
            purpose: "sig",
            alg: "EdDSA",
            kid: self.kid.clone(),
            x: URL_SAFE_NO_PAD.encode(self.public),
        }
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.key
    }
}
