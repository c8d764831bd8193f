//! HTTP of the auth role.

use std::sync::Arc;

use alloy_primitives::B256;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use streamgate_contract::ContentId;

use super::error::AuthError;
use super::through::{self, Named};
use super::{Auth, Playback, Profile, merkle};
use crate::error::{Kind, Problem};
use crate::layers::authenticate::{PLAYBACK_COOKIE, session_token};
use crate::layers::circumstances::Bindings;
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;
use crate::ports::identity::IdentityError;
use crate::ports::openid::OpenIdError;

mod admission;
mod keys;
mod nft;
mod openid;
pub mod roles;
mod sign_in;

/// Largest body of a request; the largest message and its signature fit.
const MAX_BODY_BYTES: usize = 16 << 10;
/// How long others may keep the keys, in seconds.
const KEYS_CACHE: &str = "public, max-age=300";

/// Routes of the public listener.
pub fn routes(auth: Arc<Auth>) -> Router {
    Router::new()
        .route("/api/v1/auth/challenge", post(sign_in::challenge))
        .route("/api/v1/auth/login", post(sign_in::login))
        .route("/api/v1/auth/refresh", post(sign_in::refresh))
        .route("/api/v1/auth/logout", post(sign_in::logout))
        .route("/api/v1/auth/profile", get(sign_in::profile))
        .route("/api/v1/auth/verify", post(sign_in::verify))
        .route("/api/v1/auth/oidc/{provider}/login", get(openid::login))
        .route(
            "/api/v1/auth/oidc/{provider}/callback",
            get(openid::callback),
        )
        .route("/api/v1/auth/keys", get(keys::list).post(keys::create))
        .route("/api/v1/auth/keys/{id}", delete(keys::remove))
        .route("/api/v1/playback", post(playback))
        .route("/api/v1/contents/{id}/admission", post(admission::dry_run))
        .route("/api/v1/nft", get(nft::list))
        .route("/api/v1/nft/{id}", get(nft::one))
        .route("/api/v1/nft/verify", post(nft::verify))
        .route("/.well-known/jwks.json", get(jwks))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(auth)
}

type Body<T> = Result<Json<T>, JsonRejection>;

fn body<T>(body: Body<T>) -> Result<T, Problem> {
    let Json(value) = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            Kind::TooLarge,
            "BodyTooLarge",
            "the body may have 16 KiB at most",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            let detail = "send JSON with Content-Type: application/json";
            Problem::new(Kind::UnsupportedMediaType, "NotJson", detail)
        }
        _ => Problem::new(Kind::Invalid, "InvalidBody", rejection.body_text()),
    })?;
    Ok(value)
}

fn wallet(text: &str) -> Result<Wallet, Problem> {
    let wallet: Result<Wallet, _> = text.parse();
    wallet.map_err(|e| Problem::new(Kind::Invalid, "InvalidAddress", e.to_string()))
}

/// Proofs of places on lists. Each is tried as it is: it can show that a wallet is in the tree of
/// some root, and never which rule is checked.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Proofs(Vec<Vec<String>>);

impl Proofs {
    /// The roots they lead to from a wallet.
    fn roots(&self, wallet: Wallet) -> Result<Vec<String>, AuthError> {
        const MAX: usize = 4;
        let root = |proof: &Vec<String>| {
            let nodes: Result<Vec<B256>, _> = proof.iter().map(|node| node.parse()).collect();
            // Lists hold accounts that sign with a key: a contract could be anybody's elsewhere.
            let Wallet::Key(address) = wallet else {
                return None;
            };
            merkle::root(address, &nodes.ok()?)
        };
        let proofs = self.0.iter().filter(|_| matches!(wallet, Wallet::Key(_)));
        let roots: Option<Vec<String>> = proofs.map(root).collect();
        let roots = roots.filter(|_| self.0.len() <= MAX);
        roots.ok_or(AuthError::MalformedProof)
    }
}

/// Accounts by which a viewer wants to watch. A name adds an account to those that are asked
/// about, and never changes which rule is checked.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Names(Vec<String>);

impl Names {
    /// Their one text each.
    fn read(&self) -> Result<Vec<String>, AuthError> {
        let name = |text: &String| Some(text.parse::<Named>().ok()?.to_string());
        let names: Option<Vec<String>> = self.0.iter().map(name).collect();
        let names = names.filter(|names| names.len() <= through::MOST);
        names.ok_or(AuthError::MalformedName)
    }
}

/// RFC 3339 text of a time.
fn rfc3339(time: UnixSeconds) -> Option<String> {
    Some(jiff::Timestamp::from_second(time).ok()?.to_string())
}

/// An answer that nobody keeps.
fn secret(value: serde_json::Value) -> Response {
    (
        AppendHeaders([(header::CACHE_CONTROL, "no-store")]),
        Json(value),
    )
        .into_response()
}

/// The session of a request, or 401.
async fn session(auth: &Auth, headers: &HeaderMap) -> Result<Profile, Problem> {
    let detail = "this needs a session; sign in at /api/v1/auth/challenge";
    let nobody = || Problem::new(Kind::Unauthenticated, "SignInRequired", detail);
    let token = session_token(headers).ok_or_else(nobody)?;
    Ok(auth.session(token).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaybackRequest {
    content: ContentId,
    #[serde(default)]
    proofs: Proofs,
    #[serde(default)]
    through: Names,
    /// The handle comes as a cookie for the content's path alone, not in the URL.
    #[serde(default)]
    cookie: bool,
}

async fn playback(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
    extensions: Extensions,
    request: Body<PlaybackRequest>,
) -> Result<Response, Problem> {
    let who = session(&auth, &headers).await?;
    let request = body(request)?;
    let mut proven = request.proofs.roots(who.principal.wallet)?;
    proven.extend(request.through.read()?);
    let bound = Bindings::new(&auth.viewings).bound(&headers, &extensions);
    let content = &request.content;
    let playback = auth.bound_playback(&who, content, proven, bound).await?;
    let expires = rfc3339(playback.expires);
    if request.cookie {
        let path = format!("/v/{content}/master.m3u8");
        let url = format!("{}{path}", auth.public_url);
        let told = secret(json!({"url": url, "path": path, "expiresAt": expires}));
        return Ok(with_playback_cookie(told, content, &playback));
    }
    Ok(secret(
        json!({"url": playback.url, "path": playback.path, "expiresAt": expires}),
    ))
}

/// Sets the cookie of a viewing: sent for the files of its content alone, also from pages of other sites,
/// and kept apart for each of those (CHIPS).
fn with_playback_cookie(
    mut response: Response,
    content: &ContentId,
    playback: &Playback,
) -> Response {
    let (handle, age) = (&playback.handle, playback.seconds);
    let cookie = format!(
        "{PLAYBACK_COOKIE}={handle}; Path=/v/{content}/; Max-Age={age}; Secure; HttpOnly; SameSite=None; Partitioned"
    );
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

async fn jwks(State(auth): State<Arc<Auth>>) -> Response {
    let cache = AppendHeaders([(header::CACHE_CONTROL, KEYS_CACHE)]);
    (cache, Json(json!({"keys": auth.keys()}))).into_response()
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        crate::layers::authenticate::refusal(&error)
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let error = match error {
            AuthError::Catalog(error) => return error.into(),
            error => error,
        };
        let refused = |kind, reason| Problem::new(kind, reason, error.to_string());
        match &error {
            AuthError::Malformed(_) => refused(Kind::Invalid, "MalformedMessage"),
            AuthError::UnknownChain(_) => refused(Kind::Invalid, "UnknownChain"),
            AuthError::InvalidSignature(_) => refused(Kind::Invalid, "InvalidSignature"),
            AuthError::Foreign(_) => refused(Kind::Unauthenticated, "ForeignMessage"),
            AuthError::OutOfTime(_) => refused(Kind::Unauthenticated, "MessageOutOfTime"),
            AuthError::WrongSigner => refused(Kind::Unauthenticated, "WrongSigner"),
            AuthError::Undecided(cause) => {
                let detail = "whether the wallet signed cannot be checked now";
                crate::error::unavailable(&error, cause.reason(), detail)
            }
            AuthError::NonceSpent => refused(Kind::Unauthenticated, "NonceSpent"),
            AuthError::UnfitForm => refused(Kind::Invalid, "InvalidBody"),
            AuthError::NoWallet => refused(Kind::Invalid, "InvalidAddress"),
            AuthError::OpenId(OpenIdError::UnknownProvider(_)) => {
                refused(Kind::NotFound, "UnknownProvider")
            }
            AuthError::OpenId(OpenIdError::Unavailable { .. }) => {
                let detail = "the provider does not answer as it must";
                crate::error::unavailable(&error, "ProviderUnavailable", detail)
            }
            AuthError::OpenId(OpenIdError::CodeRefused(_)) => {
                refused(Kind::Unauthenticated, "CodeRefused")
            }
            AuthError::OpenId(OpenIdError::InvalidIdToken { .. }) => {
                refused(Kind::Unauthenticated, "InvalidIdToken")
            }
            AuthError::Declined(_) => refused(Kind::Unauthenticated, "SignInDeclined"),
            AuthError::Unbound => refused(Kind::Invalid, "BindingRequired"),
            AuthError::MalformedBinding => refused(Kind::Invalid, "MalformedBinding"),
            AuthError::RefreshOver => refused(Kind::Unauthenticated, "RefreshOver"),
            AuthError::SessionRequired => refused(Kind::Forbidden, "SessionRequired"),
            AuthError::ScopeRequired(_) => refused(Kind::Forbidden, "ScopeRequired"),
            AuthError::AdminRequired => refused(Kind::Forbidden, "AdminRequired"),
            AuthError::MalformedKey(_) => refused(Kind::Invalid, "MalformedKey"),
            AuthError::UnknownKey | AuthError::UnknownToken => refused(Kind::NotFound, "NotFound"),
            AuthError::Denied(denied) => denied.into(),
            AuthError::NotYours(_) => refused(Kind::Forbidden, "NotYours"),
            AuthError::MalformedProof => refused(Kind::Invalid, "MalformedProof"),
            AuthError::MalformedName => refused(Kind::Invalid, "MalformedName"),
            AuthError::Key(_) | AuthError::Clock | AuthError::Hashing | AuthError::Catalog(_) => {
                Problem::internal(&error)
            }
        }
    }
}
