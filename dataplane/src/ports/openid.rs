//! OpenID providers: where people sign in elsewhere, and what the provider vouches for afterwards.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::Source;
use super::clock::UnixSeconds;

/// What is asked of a provider on behalf of a browser. Source: OpenID Connect Core 1.0, RFC 7636.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
    /// Comes back with the browser.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Secret whose hash goes with the browser, and which is shown when the code is exchanged.
    pub verifier: String,
}

/// Somebody a provider vouches for.
#[derive(Clone, Debug, PartialEq)]
pub struct Vouched {
    /// Who vouches: its issuer identifier.
    pub issuer: String,
    /// Who it is there; never given to somebody else.
    pub subject: String,
    /// Every claim of the ID token.
    pub claims: Map<String, Value>,
}

/// Why nobody is vouched for.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdError {
    /// There is no such provider here.
    #[error("provider {0:?} is not configured; add it to spec.auth.oidc of the StreamGate")]
    UnknownProvider(String),
    /// The provider does not answer, or answers what it must not.
    #[error("provider {provider:?} {action}; try again, and check its issuer if it stays")]
    Unavailable {
        /// Which one.
        provider: String,
        /// What failed.
        action: &'static str,
        /// Why.
        source: Source,
    },
    /// The provider does not take the code.
    #[error(
        "provider {0:?} does not take the code; sign in again, and check clientId and its secret if it stays"
    )]
    CodeRefused(String),
    /// The provider's word proves nothing.
    #[error("the ID token of provider {provider:?} {what}; sign in again")]
    InvalidIdToken {
        /// Which one.
        provider: String,
        /// What is wrong.
        what: &'static str,
    },
}

/// What the browser brought back.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// To be exchanged. Secret.
    pub code: &'a str,
    /// Who answered, if the answer says so (RFC 9207).
    pub issuer: Option<&'a str>,
}

/// Every configured provider.
#[async_trait]
pub trait OpenIdProviders: Send + Sync {
    /// Where to send the browser.
    async fn authorization(
        &self,
        provider: &str,
        request: &Request,
        now: UnixSeconds,
    ) -> Result<String, OpenIdError>;
    /// Exchanges a code for what the provider vouches for at `now`.
    async fn vouched(
        &self,
        provider: &str,
        request: &Request,
        answer: &Answer<'_>,
        now: UnixSeconds,
    ) -> Result<Vouched, OpenIdError>;
}
