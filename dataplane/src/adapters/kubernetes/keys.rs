//! The cluster's published token keys, and what a token must say. Values in, values out.
//! Source: RFC 7517, RFC 7519; OpenID Connect Discovery 1.0.

use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::ports::clock::UnixSeconds;
use crate::ports::jobs::Pod;

/// Seconds that clocks may differ.
const LEEWAY: i64 = 10;

/// Keys by id, and who signs with them.
pub(super) struct Keys {
    issuer: String,
    keys: HashMap<String, (Algorithm, DecodingKey)>,
}

/// Why a token was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its key is not among those known: they may have changed.
    UnknownKey,
    /// It is refused whatever the keys.
    Invalid(&'static str),
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

#[derive(Deserialize)]
struct Claims {
    exp: i64,
    nbf: Option<i64>,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Kubernetes,
}

#[derive(Deserialize)]
struct Kubernetes {
    namespace: String,
    pod: Option<Named>,
    #[serde(rename = "serviceaccount")]
    account: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// What a token says of whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    /// The pod it was issued to.
    pub(super) pod: Pod,
    /// The pod's service account, in the pod's namespace.
    pub(super) account: String,
    /// When it ends.
    pub(super) expires: UnixSeconds,
}

impl Keys {
    /// Reads the discovery document and the key set; keys of other kinds are left out.
    pub(super) fn parse(discovery: &str, jwks: &str) -> Result<Self, serde_json::Error> {
        let discovery: Discovery = serde_json::from_str(discovery)?;
        let set: JwkSet = serde_json::from_str(jwks)?;
        let keys = set.keys.iter().filter_map(|jwk| {
            let id = jwk.common.key_id.clone()?;
            Some((id, (algorithm(jwk)?, DecodingKey::from_jwk(jwk).ok()?)))
        });
        Ok(Self {
            issuer: discovery.issuer,
            keys: keys.collect(),
        })
    }

    /// Whom a token was issued to.
    pub(super) fn verify(
        &self,
        token: &str,
        audience: &str,
        now: UnixSeconds,
    ) -> Result<Bearer, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Invalid("it is malformed"))?;
        let id = header.kid.ok_or(Refusal::Invalid("it names no key"))?;
        let (algorithm, key) = self.keys.get(&id).ok_or(Refusal::UnknownKey)?;
        let mut rules = Validation::new(*algorithm);
        rules.set_audience(&[audience]);
        rules.set_issuer(&[&self.issuer]);
        rules.set_required_spec_claims(&["exp", "aud", "iss"]);
        // Times are held against our own clock below.
        rules.validate_exp = false;
        let claims = decode::<Claims>(token, key, &rules).map_err(|e| Refusal::Invalid(why(&e)))?;
        bearer(claims.claims, now)
    }
}

fn bearer(claims: Claims, now: UnixSeconds) -> Result<Bearer, Refusal> {
    if claims.exp.saturating_add(LEEWAY) <= now {
        return Err(Refusal::Invalid("it has expired"));
    }
    if claims.nbf.is_some_and(|from| from > now + LEEWAY) {
        return Err(Refusal::Invalid("it is not valid yet"));
    }
    let unbound = Refusal::Invalid("it is bound to no pod");
    let nobody = Refusal::Invalid("it names no service account");
    Ok(Bearer {
        pod: Pod {
            namespace: claims.kubernetes.namespace,
            name: claims.kubernetes.pod.ok_or(unbound)?.name,
        },
        account: claims.kubernetes.account.ok_or(nobody)?.name,
        expires: claims.exp,
    })
}

/// The one algorithm of a key: its owner chose it, the token does not.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            Some(Algorithm::ES256)
        }
        _ => None,
    }
}

fn why(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidAudience => "it is meant for somebody else",
        ErrorKind::InvalidIssuer => "another cluster issued it",
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::InvalidAlgorithm => "its algorithm is not the key's",
        _ => "it is no service-account token",
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = b"a key that no cluster publishes";

    fn keys() -> Keys {
        let key = (Algorithm::HS256, DecodingKey::from_secret(SECRET));
        Keys {
            issuer: "https://cluster".into(),
            keys: [("k1".to_owned(), key)].into(),
        }
    }

    fn token(change: Value) -> String {
        let mut claims = json!({"iss": "https://cluster", "aud": ["gate"], "exp": 1_000, "nbf": 400,
            "kubernetes.io": {"namespace": "n", "pod": {"name": "p"}, "serviceaccount": {"name": "s"}}});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = Header {
            kid: Some("k1".into()),
            ..Header::default()
        };
        encode(&header, &claims, &EncodingKey::from_secret(SECRET)).unwrap()
    }

    #[test]
    fn a_token_is_believed_only_for_its_audience_issuer_time_and_pod() {
        let verify = |change| keys().verify(&token(change), "gate", 500);
        let read = verify(json!({})).unwrap();
        assert_eq!((read.pod.name.as_str(), read.account.as_str()), ("p", "s"));
        assert_eq!(read.expires, 1_000);
        for (change, words) in [
            (json!({"aud": ["other"]}), "it is meant for somebody else"),
            (json!({"aud": null}), "it is no service-account token"),
            (json!({"iss": "https://x"}), "another cluster issued it"),
            (json!({"exp": 490}), "it has expired"),
            (json!({"nbf": 511}), "it is not valid yet"),
            (
                json!({"kubernetes.io": {"namespace": "n"}}),
                "it is bound to no pod",
            ),
            (
                json!({"kubernetes.io": {"namespace": "n", "pod": {"name": "p"}}}),
                "it names no service account",
            ),
        ] {
            assert_eq!(verify(change), Err(Refusal::Invalid(words)));
        }
    }

    #[test]
    fn a_token_of_another_key_or_algorithm_is_refused() {
        let mut pinned = keys();
        pinned
            .keys
            .values_mut()
            .for_each(|k| k.0 = Algorithm::RS256);
        let refused = pinned.verify(&token(json!({})), "gate", 500);
        let words = "its algorithm is not the key's";
        assert_eq!(refused, Err(Refusal::Invalid(words)));
        let mut other = keys();
        other.keys.clear();
        let refused = other.verify(&token(json!({})), "gate", 500);
        assert_eq!(refused, Err(Refusal::UnknownKey));
    }

    #[test]
    fn only_keys_of_known_algorithms_are_taken() {
        let jwks = json!({"keys": [
            {"kty": "oct", "kid": "a", "k": "c2VjcmV0"},
            {"kty": "RSA", "kid": "b", "n": "wJ0", "e": "AQAB", "alg": "RS256", "use": "sig"},
        ]});
        let keys = Keys::parse(r#"{"issuer": "https://cluster"}"#, &jwks.to_string()).unwrap();
        assert_eq!(keys.keys.keys().collect::<Vec<_>>(), ["b"]);
    }
}
