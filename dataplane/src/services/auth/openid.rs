//! Sign-in at an OpenID provider: the browser is sent there and comes back with a code. Everything
//! that must come back the same is made from one secret that only this browser holds, so that
//! nothing but "not used yet" is kept here, in the store that all replicas share.
//! Source: OpenID Connect Core 1.0, RFC 9700 (state, nonce, PKCE, one browser).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use streamgate_contract::rules::{Check, OidcClaimRule};

use super::Auth;
use super::error::AuthError;
use super::proofs;
use super::sign_in::{SignedIn, later, random};
use crate::ports::chain::Wallet;
use crate::ports::openid::{Answer, Request, Vouched};

/// Seconds somebody may take at the provider.
const AWAY_SECONDS: u64 = 600;
/// Longest path somebody is sent back to.
const MAX_PATH: usize = 512;

/// A browser that is sent to its provider.
pub struct Departure {
    /// Where.
    pub url: String,
    /// What it must bring back. Secret.
    pub secret: String,
}

/// What a browser brought back.
#[derive(Clone, Copy)]
pub struct Return<'a> {
    /// What it was given.
    pub secret: &'a str,
    /// What the provider says of the sign-in it answers.
    pub state: &'a str,
    /// What the provider answers.
    pub answer: Answer<'a>,
}

/// A value of this sign-in that says nothing of its others.
fn derived(secret: &str, label: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{label}\n{secret}")))
}

/// Is it a path of this gate? What begins with two slashes is another host.
pub fn is_local(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !b"\\\"<>".contains(&b);
    let own = path.starts_with('/') && !path.starts_with("//");
    own && path.len() <= MAX_PATH && path.bytes().all(plain)
}

/// A person by what their provider never gives to somebody else.
fn person(vouched: &Vouched) -> Wallet {
    let text = format!("{}\n{}", vouched.issuer, vouched.subject);
    let hash: [u8; 32] = Sha256::digest(text).into();
    let mut short = [0; 20];
    short.copy_from_slice(&hash[..20]);
    Wallet::Person(short)
}

/// Does the claim have one of the values, or hold one of them?
fn has(vouched: &Vouched, rule: &OidcClaimRule) -> bool {
    let is = |value: &Value| match value {
        Value::String(text) => rule.values.contains(text),
        Value::Bool(_) | Value::Number(_) => rule.values.contains(&value.to_string()),
        _ => false,
    };
    match vouched.claims.get(&rule.claim) {
        Some(Value::Array(of)) => of.iter().any(is),
        Some(value) => is(value),
        None => false,
    }
}

impl Auth {
    fn request(&self, provider: &str, secret: &str) -> Request {
        let redirect_uri = format!("{}/api/v1/auth/oidc/{provider}/callback", self.public_url);
        Request {
            redirect_uri,
            state: derived(secret, "state"),
            nonce: derived(secret, "nonce"),
            verifier: derived(secret, "verifier"),
        }
    }

    /// Sends a browser to a provider.
    pub async fn depart(&self, provider: &str) -> Result<Departure, AuthError> {
        let (now, secret) = (self.clock.now(), random());
        let request = self.request(provider, &secret);
        let url = self
            .outside
            .providers
            .authorization(provider, &request, now)
            .await?;
        let once = derived(&secret, provider);
        let until = later(now, AWAY_SECONDS);
        self.catalog.put_nonce(&once, now, until).await?;
        Ok(Departure { url, secret })
    }

    /// Takes a browser back and begins a session.
    pub async fn arrive(&self, provider: &str, back: Return<'_>) -> Result<SignedIn, AuthError> {
        let outcome = self.try_arrive(provider, back).await;
        self.metrics.sign_in(&outcome);
        outcome
    }

    async fn try_arrive(&self, provider: &str, back: Return<'_>) -> Result<SignedIn, AuthError> {
        let now = self.clock.now();
        let request = self.request(provider, back.secret);
        // Both are hashes of what is secret, so comparing them in any time tells nothing.
        if request.state != back.state {
            return Err(AuthError::Unbound);
        }
        let once = derived(back.secret, provider);
        if !self.catalog.take_nonce(&once, now).await? {
            return Err(AuthError::NonceSpent);
        }
        let vouched = self
            .outside
            .providers
            .vouched(provider, &request, &back.answer, now);
        let vouched = vouched.await?;
        self.begin(person(&vouched), self.claimed(provider, &vouched))
    }

    /// What rules ask of a provider's claims and these claims show.
    fn claimed(&self, provider: &str, vouched: &Vouched) -> Vec<String> {
        let shown = |check: &&Check| match check {
            Check::OidcClaim(rule) => rule.provider == provider && has(vouched, rule),
            _ => false,
        };
        let checks = self.rules.usable().flat_map(|rule| rule.checks());
        let mut found: Vec<String> = checks.filter(shown).filter_map(proofs::of).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vouched(claims: Value) -> Vouched {
        let claims = claims.as_object().unwrap().clone();
        let (issuer, subject) = ("https://id.example".into(), "alice".into());
        Vouched {
            issuer,
            subject,
            claims,
        }
    }

    #[test]
    fn a_claim_is_met_by_one_of_its_values_and_by_nothing_like_it() {
        let rule = |claim: &str, values: &[&str]| OidcClaimRule {
            provider: "corp".into(),
            claim: claim.into(),
            values: values.iter().map(|v| v.to_string()).collect(),
        };
        let who = vouched(
            json!({"groups": ["press", "staff"], "email_verified": true, "level": 3,
            "plan": "gold", "address": {"country": "NO"}}),
        );
        for (claim, values, met) in [
            ("groups", &["staff"][..], true),
            ("groups", &["staf", "Staff", "admin"], false),
            ("email_verified", &["true"], true),
            ("level", &["3"], true),
            ("plan", &["silver", "gold"], true),
            ("plan", &["golden"], false),
            ("address", &["NO"], false),
            ("missing", &["", "null"], false),
        ] {
            assert_eq!(has(&who, &rule(claim, values)), met, "{claim} {values:?}");
        }
    }

    #[test]
    fn people_of_different_issuers_are_different() {
        let mut other = vouched(json!({}));
        let first = person(&other);
        other.issuer = "https://id.exampl".into();
        other.subject = "ealice".into();
        assert_ne!(person(&other), first);
    }

    #[test]
    fn nobody_is_sent_to_another_host() {
        for path in ["/", "/watch?c=1#t", "/a//b"] {
            assert!(is_local(path), "{path}");
        }
        for path in [
            "",
            "x",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a b",
            "/a\r\nSet-Cookie: x",
            "/\u{e9}",
        ] {
            assert!(!is_local(path), "{path}");
        }
    }
}
