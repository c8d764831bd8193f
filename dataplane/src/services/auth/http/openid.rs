//! HTTP of sign-in at an OpenID provider: two pages a browser passes through.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::sign_in::with_cookie;
use crate::error::{Kind, Problem};
use crate::extract::{Asked, Named};
use crate::layers::authenticate::{SESSION_COOKIE, cookie};
use crate::ports::openid::Answer;
use crate::services::auth::openid::{Return, is_local};
use crate::services::auth::{Auth, AuthError};

/// Cookie with what the browser must bring back, and where it wants to go then.
const COOKIE: &str = "__Host-streamgate-oidc";
/// Seconds it is kept.
const COOKIE_SECONDS: u64 = 600;

#[derive(Deserialize)]
pub(super) struct Login {
    /// Path of this gate the browser is sent to afterwards.
    #[serde(rename = "return")]
    back: Option<String>,
}

/// `GET /api/v1/auth/oidc/{provider}/login`.
pub(super) async fn login(
    State(auth): State<Arc<Auth>>,
    Named(provider): Named<String>,
    Asked(login): Asked<Login>,
) -> Result<Response, Problem> {
    let back = login.back.unwrap_or_else(|| "/".to_owned());
    if !is_local(&back) {
        let detail = "return must be a path of this gate, such as /watch";
        return Err(Problem::new(Kind::Invalid, "InvalidReturn", detail));
    }
    let departure = auth.depart(&provider).await?;
    let kept = format!("{}.{}", departure.secret, URL_SAFE_NO_PAD.encode(back));
    let response = see_other(&departure.url)?;
    Ok(with_cookie(response, COOKIE, &kept, Some(COOKIE_SECONDS)))
}

#[derive(Deserialize)]
pub(super) struct Callback {
    #[serde(default)]
    state: String,
    code: Option<String>,
    iss: Option<String>,
}

/// `GET /api/v1/auth/oidc/{provider}/callback`.
pub(super) async fn callback(
    State(auth): State<Arc<Auth>>,
    Named(provider): Named<String>,
    headers: HeaderMap,
    Asked(callback): Asked<Callback>,
) -> Result<Response, Problem> {
    let kept = cookie(&headers, COOKIE).and_then(|kept| kept.split_once('.'));
    let (secret, back) = kept.ok_or(AuthError::Unbound)?;
    // No code: the person, or the provider, said no.
    let code = callback.code.as_deref();
    let code = code.ok_or_else(|| AuthError::Declined(provider.clone()))?;
    let back_text = URL_SAFE_NO_PAD.decode(back).ok();
    let back = back_text.and_then(|bytes| String::from_utf8(bytes).ok());
    let back = back.filter(|path| is_local(path));
    let answer = Answer {
        code,
        issuer: callback.iss.as_deref(),
    };
    let (secret, state) = (secret, callback.state.as_str());
    let returned = Return {
        secret,
        state,
        answer,
    };
    let signed_in = auth.arrive(&provider, returned).await?;
    let response = see_other(back.as_deref().unwrap_or("/"))?;
    let response = with_cookie(response, SESSION_COOKIE, &signed_in.token, None);
    Ok(with_cookie(response, COOKIE, "", Some(0)))
}

fn see_other(location: &str) -> Result<Response, Problem> {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::try_from(location).map_err(|e| Problem::internal(&e))?;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
