//! Who is asking: a session token in `Authorization: Bearer` or in the session cookie. A token
//! that proves nothing is refused here; no token at all is somebody unknown, which handlers may
//! accept. Source: RFC 6750.

use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::{Kind, Problem};
use crate::ports::chain::Wallet;
use crate::ports::identity::{Identities, IdentityError, Principal};

/// Begins every key of a machine, so that scanners for leaked secrets know it.
pub const KEY_PREFIX: &str = "sgk_";
/// Name of the cookie of a viewing, which is kept to the path of one content.
pub const PLAYBACK_COOKIE: &str = "__Secure-playback";
/// Name of the session cookie; the prefix makes browsers keep it to this host and to TLS.
pub const SESSION_COOKIE: &str = "__Host-streamgate";

/// Who asks, if somebody is known.
#[derive(Clone, Copy, Debug)]
pub struct Caller(Option<Principal>);

impl Caller {
    /// Somebody known.
    pub fn of(principal: Principal) -> Self {
        Self(Some(principal))
    }

    /// Somebody known, perhaps.
    pub fn known(self) -> Option<Principal> {
        self.0
    }

    /// Somebody known, or 401.
    ///
    /// # Errors
    /// When nobody is signed in.
    pub fn signed_in(self) -> Result<Principal, Problem> {
        let detail = "this needs a session; sign in at /api/v1/auth/challenge";
        self.0
            .ok_or_else(|| Problem::new(Kind::Unauthenticated, "SignInRequired", detail))
    }
}

/// Tells layers outside who was found to be asking.
#[derive(Clone, Debug, Default)]
pub struct Witness(Arc<OnceLock<Wallet>>);

impl Witness {
    /// The wallet, when somebody is known.
    pub fn wallet(&self) -> Option<Wallet> {
        self.0.get().copied()
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Absent only on routes the layer does not cover: nobody is known there.
        Ok(parts.extensions.get().copied().unwrap_or(Self(None)))
    }
}

/// The layer: `axum::middleware::from_fn_with_state(identities, authenticate)`.
pub async fn authenticate(
    State(identities): State<Arc<dyn Identities>>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match session_token(request.headers()) {
        None => Caller(None),
        Some(token) => match identities.identify(token).await {
            Ok(principal) => {
                if let Some(Witness(seen)) = request.extensions().get() {
                    // Set once: a request has one caller.
                    let _ = seen.set(principal.wallet);
                }
                Caller(Some(principal))
            }
            Err(error) => return refusal(&error).into_response(),
        },
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// What somebody with such a token is told.
pub fn refusal(error: &IdentityError) -> Problem {
    match error {
        IdentityError::Refused => {
            Problem::new(Kind::Unauthenticated, "InvalidSession", error.to_string())
        }
        IdentityError::Unavailable(_) => {
            crate::error::unavailable(error, "SessionsUnavailable", "sessions cannot be checked")
        }
    }
}

/// The session token of a request. Keys of machines are no cookies.
pub fn session_token(headers: &HeaderMap) -> Option<&str> {
    let kept = || cookie(headers, SESSION_COOKIE).filter(|token| !token.starts_with(KEY_PREFIX));
    bearer(headers).or_else(kept)
}

/// The token of `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A cookie of a request.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, token)| token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_token_is_found_in_header_and_cookie_and_nowhere_else() {
        let mut headers = HeaderMap::new();
        assert_eq!(session_token(&headers), None);
        let cookies = "theme=dark; __Host-streamgate=abc";
        headers.insert(header::COOKIE, HeaderValue::from_static(cookies));
        assert_eq!(session_token(&headers), Some("abc"));
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static("bearer xyz"),
        );
        assert_eq!(session_token(&headers), Some("xyz"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic xyz"));
        assert_eq!(session_token(&headers), Some("abc"));
    }
}
