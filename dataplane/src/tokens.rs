//! Signed tokens: JWTs of one algorithm (EdDSA) and one purpose each. A token is bound to
//! its purpose twice, by audience and by type, so none is taken in another's place; a header that
//! says anything else than expected, however little, is refused.
//! Source: RFC 7519 (JWT), RFC 8725 (best practice), RFC 8037 (EdDSA), RFC 9068 (typed tokens).

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ports::clock::UnixSeconds;

mod claims;
mod keys;

pub use claims::{Circumstances, Session, Viewing};
pub use keys::{Jwk, KeyError, Signer, Verifier};

/// Longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 2_048;

/// What one kind of token says.
pub trait Claims: Serialize + DeserializeOwned {
    /// Its `typ`.
    const TYPE: &'static str;
    /// Its `aud`.
    const AUDIENCE: &'static str;
}

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Malformed, forged, or of another kind, key or issuer.
    #[error("the token is not valid")]
    Invalid,
    /// It was valid once.
    #[error("the token has expired")]
    Expired,
}

/// A token's claims with the time it is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token<C> {
    /// Who made it: the gate's public URL.
    pub iss: String,
    /// What it is for.
    aud: String,
    /// When it was made.
    pub iat: UnixSeconds,
    /// When it ends.
    pub exp: UnixSeconds,
    /// What it says.
    #[serde(flatten)]
    pub claims: C,
}

impl<C: Claims> Token<C> {
    /// A token of `issuer` that is good from `now` until `until`.
    pub fn new(issuer: &str, now: UnixSeconds, until: UnixSeconds, claims: C) -> Self {
        Self {
            iss: issuer.to_owned(),
            aud: C::AUDIENCE.to_owned(),
            iat: now,
            exp: until,
            claims,
        }
    }
}

fn header<C: Claims>(kid: &str) -> Header {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(C::TYPE.to_owned());
    header.kid = Some(kid.to_owned());
    header
}

impl Signer {
    /// Signs a token.
    pub fn sign<C: Claims>(&self, token: &Token<C>) -> Result<String, KeyError> {
        let signing = self.signing();
        jsonwebtoken::encode(&header::<C>(&signing.kid), token, &signing.key).map_err(KeyError::new)
    }
}

impl Verifier {
    /// Reads a token of kind `C` made by `issuer` that is good at `now`.
    pub fn verify<C: Claims>(
        &self,
        issuer: &str,
        token: &str,
        now: UnixSeconds,
    ) -> Result<Token<C>, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let named = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let known = self.known();
        // The header must say what ours say, and of keys no more than which of those known here.
        let key = known.iter().find(|k| named == header::<C>(&k.kid));
        let key = key.ok_or(TokenError::Invalid)?;
        let read = decode::<C>(issuer, token, &key.key).ok_or(TokenError::Invalid)?;
        if read.claims.exp <= now {
            return Err(TokenError::Expired);
        }
        Ok(read.claims)
    }
}

fn decode<C: Claims>(
    issuer: &str,
    token: &str,
    key: &DecodingKey,
) -> Option<jsonwebtoken::TokenData<Token<C>>> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[C::AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The crate reads the system's clock; ours is a port, and the caller checks.
    validation.validate_exp = false;
    jsonwebtoken::decode(token, key, &validation).ok()
}

#[cfg(any(test, fuzzing))]
pub mod fixture {
    //! Keys for tests.
    use ed25519_dalek::SigningKey;
    use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};

    use super::Signer;

    /// A key that is always the same for the same byte.
    pub fn signer(seed: u8) -> Signer {
        Signer::from_pem(&pem(seed).0).unwrap()
    }

    /// Its private and its public half.
    pub fn pem(seed: u8) -> (String, String) {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let private = key.to_pkcs8_pem(Default::default()).unwrap();
        let public = key.verifying_key().to_public_key_pem(Default::default());
        (private.to_string(), public.unwrap())
    }
}

#[cfg(test)]
mod tests;
