//! Is an ID token good for this sign-in? Pure. The algorithm is that of the key, never of the token
//! alone; a header that asks for anything but the usual is refused.
//! Source: OpenID Connect Core 1.0, 3.1.3.7 (validation), RFC 8725 (best practice).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

use crate::ports::clock::UnixSeconds;

/// Longest token that is looked at.
const MAX_BYTES: usize = 16 << 10;
/// How far a provider's clock may be from ours.
const SKEW_SECONDS: i64 = 60;
/// Oldest token that is taken: it was made while the browser waited.
const MAX_AGE_SECONDS: i64 = 600;
/// Least bytes of an RSA modulus: 2048 bits.
const MIN_RSA_BYTES: usize = 256;

/// What a token must say.
pub struct Expected<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// We.
    pub client_id: &'a str,
    /// What went with the browser.
    pub nonce: &'a str,
    /// The time.
    pub now: UnixSeconds,
}

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is no token of the kind.
    Malformed,
    /// The provider does not publish the key.
    UnknownKey,
    /// The signature is none of the key.
    Forged,
    /// It is for somebody else.
    Foreign,
    /// It belongs to another sign-in.
    OtherSignIn,
    /// It is not good now.
    OutOfTime,
}

impl Failure {
    /// In words, behind "the ID token".
    pub const fn what(self) -> &'static str {
        match self {
            Self::Malformed => "is malformed, or signed by an algorithm that is not taken",
            Self::UnknownKey => "is signed by a key the provider does not publish",
            Self::Forged => "has a wrong signature",
            Self::Foreign => "is of another issuer or for another client",
            Self::OtherSignIn => "belongs to another sign-in",
            Self::OutOfTime => "is not good at this time",
        }
    }
}

/// The claims of a good token.
pub fn read(text: &str, keys: &JwkSet, expected: &Expected) -> Result<Map<String, Value>, Failure> {
    let header = header(text).ok_or(Failure::Malformed)?;
    let algorithm = algorithm(&header).ok_or(Failure::Malformed)?;
    let key = key(&header, keys, algorithm).ok_or(Failure::UnknownKey)?;
    let decoding = DecodingKey::try_from(key).map_err(|_| Failure::UnknownKey)?;
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[expected.client_id]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The crate reads the system's clock; ours is a port.
    validation.validate_exp = false;
    let read = jsonwebtoken::decode::<Map<String, Value>>(text, &decoding, &validation);
    let claims = read.map_err(|error| kind(&error))?.claims;
    check(&claims, expected)?;
    Ok(claims)
}

fn kind(error: &jsonwebtoken::errors::Error) -> Failure {
    use jsonwebtoken::errors::ErrorKind::{
        InvalidAudience, InvalidIssuer, InvalidSignature, MissingRequiredClaim,
    };
    match error.kind() {
        InvalidSignature => Failure::Forged,
        InvalidAudience | InvalidIssuer => Failure::Foreign,
        MissingRequiredClaim(_) => Failure::Foreign,
        _ => Failure::Malformed,
    }
}

/// The header, if it asks for nothing unusual.
fn header(text: &str) -> Option<Map<String, Value>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text.split('.').next()?).ok()?;
    let header: Map<String, Value> = serde_json::from_slice(&bytes).ok()?;
    let usual = |name: &String| ["alg", "kid", "typ", "x5t", "x5t#S256"].contains(&name.as_str());
    let typ = header.get("typ").is_none_or(|typ| typ == "JWT");
    (typ && header.keys().all(usual)).then_some(header)
}

fn algorithm(header: &Map<String, Value>) -> Option<Algorithm> {
    match header.get("alg")?.as_str()? {
        "RS256" => Some(Algorithm::RS256),
        "ES256" => Some(Algorithm::ES256),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

/// The key a token names; the only fitting one where it names none.
fn key<'a>(header: &Map<String, Value>, keys: &'a JwkSet, algorithm: Algorithm) -> Option<&'a Jwk> {
    let fitting: Vec<&Jwk> = keys
        .keys
        .iter()
        .filter(|key| fits(key, algorithm))
        .collect();
    match header.get("kid") {
        Some(kid) => {
            let named = |key: &&&Jwk| key.common.key_id.as_deref() == kid.as_str();
            fitting.iter().find(named).copied()
        }
        None => match fitting[..] {
            [only] => Some(only),
            _ => None,
        },
    }
}

/// May a key verify this algorithm?
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let signs = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let named = key.common.key_algorithm;
    let named = named.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(rsa), Algorithm::RS256) => {
            let bytes = URL_SAFE_NO_PAD.decode(&rsa.n).unwrap_or_default();
            bytes.len() >= MIN_RSA_BYTES
        }
        (AlgorithmParameters::EllipticCurve(ec), Algorithm::ES256) => {
            ec.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::OctetKeyPair(okp), Algorithm::EdDSA) => {
            okp.curve == EllipticCurve::Ed25519
        }
        _ => false,
    };
    signs && named && kind
}

fn check(claims: &Map<String, Value>, expected: &Expected) -> Result<(), Failure> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|t| t as i64);
    let subject = text("sub").unwrap_or_default();
    if subject.is_empty() || subject.len() > 255 || !subject.is_ascii() {
        return Err(Failure::Malformed);
    }
    let several = claims
        .get("aud")
        .is_some_and(|aud| aud.as_array().is_some_and(|a| a.len() > 1));
    let azp = text("azp");
    if azp.is_some_and(|azp| azp != expected.client_id) || (several && azp.is_none()) {
        return Err(Failure::Foreign);
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(Failure::OtherSignIn);
    }
    let (Some(made), Some(ends)) = (time("iat"), time("exp")) else {
        return Err(Failure::Malformed);
    };
    let age = expected.now.saturating_sub(made);
    let begins = time("nbf").unwrap_or(i64::MIN);
    let good = (-SKEW_SECONDS..=MAX_AGE_SECONDS).contains(&age)
        && ends > expected.now.saturating_sub(SKEW_SECONDS)
        && begins <= expected.now.saturating_add(SKEW_SECONDS);
    good.then_some(()).ok_or(Failure::OutOfTime)
}

#[cfg(test)]
mod tests;
