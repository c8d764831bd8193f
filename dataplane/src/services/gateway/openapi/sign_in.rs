//! Operations of signing in and out.
#![allow(dead_code, reason = "shapes of what its handlers take and give")]

use utoipa::{OpenApi, ToSchema};

use crate::services::auth::Form;

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(
    challenge,
    login,
    refresh,
    logout,
    profile,
    verify,
    oidc_login,
    oidc_callback
))]
pub struct Docs;

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChallengeRequest {
    /// Wallet that signs in; a contract wallet with its chain: `eip155:1:0x…`; one of Solana:
    /// `solana:BASE58`.
    #[schema(
        pattern = "^((eip155:[1-9][0-9]{0,17}:)?0x[0-9a-f]{40}|solana:[1-9A-HJ-NP-Za-km-z]{32,44})$"
    )]
    address: String,
    /// Chain of the message; the gate's first without it.
    chain_id: Option<u64>,
    /// How the wallet signs: `eip4361`, `personal_sign` or `eip712` for `0x…`, `solana` for Solana.
    /// The first that fits without it.
    sign_type: Option<Form>,
    /// Programs without cookies: the base64url SHA-256 of a secret that the login shows as
    /// `verifier`.
    #[schema(pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
    binding: Option<String>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct Challenge {
    /// Message to sign: EIP-4361, a plain text, the JSON that `eth_signTypedData_v4` takes, or Sign In
    /// With Solana.
    message: String,
    /// How it is signed.
    sign_type: Form,
    /// Until when.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A message to sign, for the browser or program that asks alone.
#[utoipa::path(post, path = "/api/v1/auth/challenge", tag = "auth",
    request_body = ChallengeRequest, responses((status = 200, body = Challenge)))]
fn challenge() {}

#[derive(ToSchema)]
struct LoginRequest {
    /// The message that was signed.
    message: String,
    /// Its signature: hex after `0x`, of Solana base58.
    signature: String,
    /// The secret behind the challenge's `binding`.
    verifier: Option<String>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct Profile {
    /// Wallet.
    address: String,
    /// May upload.
    creator: bool,
    /// May change everything.
    admin: bool,
    /// Until when the session lasts.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// What a machine's key may be used for.
    scopes: Option<String>,
    /// The session, as it is sent in `Authorization: Bearer`.
    token: Option<String>,
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth",
    request_body = LoginRequest, responses((status = 200, body = Profile)))]
fn login() {}

/// Makes the session last longer, within the time since its person signed in.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth",
    responses((status = 200, body = Profile)))]
fn refresh() {}

/// Ends the session.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", responses((status = 204)))]
fn logout() {}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/auth/profile", tag = "auth",
    responses((status = 200, body = Profile)))]
fn profile() {}

#[derive(ToSchema)]
struct VerifyRequest {
    /// A session's token or a machine's key.
    token: String,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct Verified {
    /// Does it hold? Nothing else is told when it does not.
    active: bool,
    /// Wallet.
    address: Option<String>,
    /// May upload.
    creator: Option<bool>,
    /// May change everything.
    admin: Option<bool>,
    /// Until when it lasts.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// What a machine's key may be used for.
    scopes: Option<String>,
}

/// Whose token this is (RFC 7662).
#[utoipa::path(post, path = "/api/v1/auth/verify", tag = "auth",
    request_body = VerifyRequest, responses((status = 200, body = Verified)))]
fn verify() {}

/// Sends the browser to an OpenID provider.
#[utoipa::path(get, path = "/api/v1/auth/oidc/{provider}/login", tag = "auth",
    params(
        ("provider" = String, Path),
        ("return" = Option<String>, Query, description = "Path of this gate to come back to"),
    ),
    responses((status = 303)))]
fn oidc_login() {}

/// Takes the browser back from there, with a session.
#[utoipa::path(get, path = "/api/v1/auth/oidc/{provider}/callback", tag = "auth",
    params(
        ("provider" = String, Path),
        ("state" = Option<String>, Query),
        ("code" = Option<String>, Query),
        ("iss" = Option<String>, Query),
    ),
    responses((status = 303)))]
fn oidc_callback() {}
