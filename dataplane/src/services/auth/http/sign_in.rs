//! HTTP of signing in and out by a wallet, and of the sessions that begin so.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, body, rfc3339, secret, session, wallet};
use crate::error::Problem;
use crate::layers::authenticate::{SESSION_COOKIE, cookie};
use crate::services::auth::sign_in::random;
use crate::services::auth::{Auth, AuthError, Browser, Form, Means, Profile, SignedIn};

/// Cookie with the secret that binds a challenge to the browser that asked for it.
const CHALLENGE_COOKIE: &str = "__Host-streamgate-challenge";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ChallengeRequest {
    address: String,
    chain_id: Option<u64>,
    /// How the wallet signs; as it usually does without it.
    sign_type: Option<Form>,
    /// Programs without cookies: SHA-256 of a secret that the sign-in shows as `verifier`.
    binding: Option<String>,
}

/// `POST /api/v1/auth/challenge`.
pub(super) async fn challenge(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
    request: Body<ChallengeRequest>,
) -> Result<Response, Problem> {
    let request = body(request)?;
    let wallet = wallet(&request.address)?;
    let (browser, kept) = match &request.binding {
        Some(hash) => {
            let named = Browser::named(hash).ok_or(AuthError::MalformedBinding)?;
            (named, None)
        }
        None => {
            // The same secret for all tabs of a browser, so that they do not end each other's.
            let known = challenge_cookie(&headers).map(str::to_owned);
            let secret = known.unwrap_or_else(random);
            (Browser::with(&secret), Some(secret))
        }
    };
    let (form, chain) = (request.sign_type, request.chain_id);
    let challenge = auth.challenge_in(form, wallet, chain, &browser).await?;
    let shown = json!({"message": challenge.message, "signType": challenge.form,
        "expiresAt": rfc3339(challenge.expires)});
    let response = secret(shown);
    Ok(match kept {
        Some(kept) => {
            let seconds = auth.challenge_seconds();
            with_cookie(response, CHALLENGE_COOKIE, &kept, Some(seconds))
        }
        None => response,
    })
}

/// The secret of a browser that has one of ours.
fn challenge_cookie(headers: &HeaderMap) -> Option<&str> {
    let ours = |secret: &&str| secret.len() == 32 && secret.bytes().all(|b| b.is_ascii_hexdigit());
    cookie(headers, CHALLENGE_COOKIE).filter(ours)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginRequest {
    message: String,
    signature: String,
    verifier: Option<String>,
}

/// `POST /api/v1/auth/login`.
pub(super) async fn login(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
    request: Body<LoginRequest>,
) -> Result<Response, Problem> {
    let LoginRequest {
        message,
        signature,
        verifier,
    } = body(request)?;
    let kept = verifier.as_deref().or_else(|| challenge_cookie(&headers));
    // Looked for after the message, whose mistakes are more telling.
    let browser = kept.map(Browser::with);
    let signed_in = auth.sign_in(&message, &signature, browser.as_ref()).await?;
    granted(&auth, &signed_in).await
}

/// The answer that begins or renews a session.
async fn granted(auth: &Auth, signed_in: &SignedIn) -> Result<Response, Problem> {
    let profile = auth.session(&signed_in.token).await?;
    let mut shown = shown(&profile);
    shown["token"] = signed_in.token.clone().into();
    let token = &signed_in.token;
    Ok(with_cookie(secret(shown), SESSION_COOKIE, token, None))
}

/// Who somebody is, as JSON.
fn shown(profile: &Profile) -> Value {
    let who = profile.principal;
    let mut shown = json!({
        "address": who.wallet.to_string(), "creator": who.creator, "admin": who.admin,
        "expiresAt": profile.expires.and_then(rfc3339),
    });
    if let Means::Key(scopes) = profile.means {
        shown["scopes"] = scopes.to_string().into();
    }
    shown
}

/// Sets a cookie of this host for so many seconds, or for as long as the browser runs.
pub(super) fn with_cookie(
    mut response: Response,
    name: &str,
    value: &str,
    max_age: Option<u64>,
) -> Response {
    let age = max_age
        .map(|s| format!("; Max-Age={s}"))
        .unwrap_or_default();
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// `POST /api/v1/auth/refresh`.
pub(super) async fn refresh(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let profile = session(&auth, &headers).await?;
    granted(&auth, &auth.refresh(&profile)?).await
}

/// `POST /api/v1/auth/logout`.
pub(super) async fn logout(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let profile = session(&auth, &headers).await?;
    auth.sign_out(&profile.session).await?;
    let response = StatusCode::NO_CONTENT.into_response();
    Ok(with_cookie(response, SESSION_COOKIE, "", Some(0)))
}

/// `GET /api/v1/auth/profile`.
pub(super) async fn profile(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(secret(shown(&session(&auth, &headers).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyRequest {
    token: String,
}

/// `POST /api/v1/auth/verify`: whose token this is, for services beside the gate.
/// Source: RFC 7662 (`active`).
pub(super) async fn verify(
    State(auth): State<Arc<Auth>>,
    request: Body<VerifyRequest>,
) -> Result<Response, Problem> {
    use crate::ports::identity::IdentityError::{Refused, Unavailable};
    let VerifyRequest { token } = body(request)?;
    match auth.session(&token).await {
        Ok(profile) => {
            let mut shown = shown(&profile);
            shown["active"] = true.into();
            Ok(secret(shown))
        }
        Err(Refused) => Ok(secret(json!({"active": false}))),
        Err(error @ Unavailable(_)) => Err(error.into()),
    }
}
