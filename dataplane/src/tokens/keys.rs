//! Ed25519 keys as the operator mounts them: the first key of a private file signs; each key of a public
//! file verifies, and so does every key of the private one. So a key is first known everywhere (next),
//! then signs (active), then verifies what it signed (retired), and is gone: at each step every process
//! knows what the others sign with. Files that change are taken over while the process runs.
//! Source: RFC 8410 (PKCS#8 and SPKI form), RFC 7468 (several in a file), RFC 8037 (JWK form).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{SigningKey, VerifyingKey};
use jsonwebtoken::{DecodingKey, EncodingKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ports::Source;

/// DER in front of a seed: PrivateKeyInfo version 0 with the algorithm id of Ed25519.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// Most keys of a file.
const MOST: usize = 8;

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the Ed25519 key cannot be used; mount the Secret with the gate's keys as it was made")]
pub struct KeyError(#[source] Source);

impl KeyError {
    pub(super) fn new(source: impl Into<Source>) -> Self {
        Self(source.into())
    }
}

/// The key that signs.
pub(super) struct Signing {
    pub(super) key: EncodingKey,
    pub(super) kid: String,
}

/// Signs tokens. Copies share their keys.
#[derive(Clone)]
pub struct Signer {
    signing: Arc<RwLock<Arc<Signing>>>,
    verifier: Verifier,
}

/// A key that verifies.
pub(super) struct Known {
    pub(super) key: DecodingKey,
    pub(super) kid: String,
    public: [u8; 32],
}

/// Verifies tokens of the keys it knows. Copies share their keys.
#[derive(Clone)]
pub struct Verifier(Arc<Ring>);

struct Ring {
    keys: RwLock<Arc<[Known]>>,
    generation: AtomicU64,
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

impl Known {
    fn of(key: &VerifyingKey) -> Self {
        let public = key.to_bytes();
        Self {
            key: DecodingKey::from_ed_der(&public),
            kid: hex::encode(&Sha256::digest(public)[..8]),
            public,
        }
    }
}

/// Private keys of a file (PKCS#8 PEM): the first signs.
fn private_keys(pem: &str) -> Result<(Signing, Vec<Known>), KeyError> {
    let read = PrivatePkcs8KeyDer::pem_slice_iter(pem.as_bytes()).map(|der| {
        let der = der.map_err(|error| KeyError::new(error.to_string()))?;
        SigningKey::from_pkcs8_der(der.secret_pkcs8_der()).map_err(KeyError::new)
    });
    let keys: Vec<_> = read.take(MOST).collect::<Result<_, _>>()?;
    let first = keys.first().ok_or_else(|| KeyError::new("no key in it"))?;
    let der = [&PKCS8_PREFIX[..], &first.to_bytes()].concat();
    let signing = Signing {
        key: EncodingKey::from_ed_der(&der),
        kid: Known::of(&first.verifying_key()).kid,
    };
    let known = keys.iter().map(|key| Known::of(&key.verifying_key()));
    Ok((signing, known.collect()))
}

/// Public keys of a file (SPKI PEM).
fn public_keys(pem: &str) -> Result<Vec<Known>, KeyError> {
    let read = SubjectPublicKeyInfoDer::pem_slice_iter(pem.as_bytes()).map(|der| {
        let der = der.map_err(|error| KeyError::new(error.to_string()))?;
        let key = VerifyingKey::from_public_key_der(&der).map_err(KeyError::new)?;
        Ok(Known::of(&key))
    });
    let keys: Vec<_> = read.take(MOST).collect::<Result<_, KeyError>>()?;
    match keys.is_empty() {
        true => Err(KeyError::new("no key in it")),
        false => Ok(keys),
    }
}

/// The key that signs, and every key of both files, public ones first.
fn both(private: &str, public: Option<&str>) -> Result<(Signing, Vec<Known>), KeyError> {
    let (signing, own) = private_keys(private)?;
    let mut known = public.map(public_keys).transpose()?.unwrap_or_default();
    for key in own {
        if known.iter().all(|other| other.public != key.public) {
            known.push(key);
        }
    }
    Ok((signing, known))
}

impl Signer {
    /// Reads private keys (PKCS#8 PEM); the first signs.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Self::from_pems(pem, None)
    }

    /// Reads private keys (PKCS#8 PEM), the first of which signs, and more that verify (SPKI PEM).
    pub fn from_pems(private: &str, public: Option<&str>) -> Result<Self, KeyError> {
        let (signing, known) = both(private, public)?;
        Ok(Self {
            signing: Arc::new(RwLock::new(Arc::new(signing))),
            verifier: Verifier::new(known),
        })
    }

    /// Takes over the keys of files that may have changed.
    pub fn replace(&self, private: &str, public: Option<&str>) -> Result<(), KeyError> {
        let (signing, known) = both(private, public)?;
        // Known before it signs.
        self.verifier.take_over(known);
        let mut current = self.signing.write().unwrap_or_else(PoisonError::into_inner);
        if current.kid != signing.kid {
            *current = Arc::new(signing);
        }
        Ok(())
    }

    /// What verifies its tokens.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(super) fn signing(&self) -> Arc<Signing> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        signing.clone()
    }
}

impl Verifier {
    /// Reads public keys (SPKI PEM).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        public_keys(pem).map(Self::new)
    }

    fn new(keys: Vec<Known>) -> Self {
        Self(Arc::new(Ring {
            keys: RwLock::new(keys.into()),
            generation: AtomicU64::new(0),
        }))
    }

    /// Takes over the keys of a file that may have changed.
    pub fn replace(&self, pem: &str) -> Result<(), KeyError> {
        self.take_over(public_keys(pem)?);
        Ok(())
    }

    fn take_over(&self, keys: Vec<Known>) {
        let mut current = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        let same = current.iter().map(|known| &known.kid);
        if !same.eq(keys.iter().map(|known| &known.kid)) {
            *current = keys.into();
            self.0.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Counts changes of the keys: what was verified in another generation must be verified anew,
    /// for its key may have been withdrawn.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    pub(super) fn known(&self) -> Arc<[Known]> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    /// The keys for `/.well-known/jwks.json`.
    pub fn jwks(&self) -> Vec<Jwk> {
        let known = self.known();
        let jwk = |known: &Known| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            purpose: "sig",
            alg: "EdDSA",
            kid: known.kid.clone(),
            x: URL_SAFE_NO_PAD.encode(known.public),
        };
        known.iter().map(jwk).collect()
    }
}
