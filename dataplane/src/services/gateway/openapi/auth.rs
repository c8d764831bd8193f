//! Operations of the auth role.
#![allow(dead_code, reason = "shapes of what its handlers take and give")]

use utoipa::{OpenApi, ToSchema};

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(challenge, login, logout, profile, playback, admission, keys))]
pub struct Docs;

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChallengeRequest {
    /// Wallet that signs in; a contract wallet with its chain: `eip155:1:0x…`.
    #[schema(pattern = "^(eip155:[1-9][0-9]{0,17}:)?0x[0-9a-f]{40}$")]
    address: String,
    /// Chain of the message; the gate's first without it.
    chain_id: Option<u64>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct Challenge {
    /// Message to sign (EIP-4361).
    message: String,
    /// Until when.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A message to sign.
#[utoipa::path(post, path = "/api/v1/auth/challenge", tag = "auth",
    request_body = ChallengeRequest, responses((status = 200, body = Challenge)))]
fn challenge() {}

#[derive(ToSchema)]
struct LoginRequest {
    /// The message that was signed.
    message: String,
    /// Its signature in hex.
    signature: String,
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
    /// The session, as it is sent in `Authorization: Bearer`.
    token: Option<String>,
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth",
    request_body = LoginRequest, responses((status = 200, body = Profile)))]
fn login() {}

/// Ends the session.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", responses((status = 204)))]
fn logout() {}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/auth/profile", tag = "auth",
    responses((status = 200, body = Profile)))]
fn profile() {}

#[derive(ToSchema)]
struct PlaybackRequest {
    /// Content to watch.
    content: String,
    /// Proofs of places on lists: nodes of a Merkle tree, from the leaf's sibling up.
    proofs: Option<Vec<Vec<String>>>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct Playback {
    /// Address for a player.
    url: String,
    /// The same below the gate's own address.
    path: String,
    /// Until when at most.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Asks to watch a content.
#[utoipa::path(post, path = "/api/v1/playback", tag = "auth",
    request_body = PlaybackRequest, responses((status = 200, body = Playback)))]
fn playback() {}

#[derive(ToSchema)]
struct AdmissionRequest {
    /// Wallet to try.
    wallet: String,
    /// Proofs of places on lists.
    proofs: Option<Vec<Vec<String>>>,
}

#[derive(ToSchema)]
struct Admission {
    /// The wallet.
    wallet: String,
    /// Would it be admitted?
    admitted: Option<bool>,
    /// Why not.
    reason: Option<String>,
    /// The rule, test by test.
    #[schema(value_type = Option<Object>)]
    rule: Option<String>,
}

/// What a content's rule says of a wallet. For its owner and admins.
#[utoipa::path(post, path = "/api/v1/contents/{id}/admission", tag = "auth",
    params(("id" = String, Path)), request_body = AdmissionRequest,
    responses((status = 200, body = Admission)))]
fn admission() {}

#[derive(ToSchema)]
struct KeySet {
    /// Public keys (RFC 7517).
    #[schema(value_type = Vec<Object>)]
    keys: Vec<String>,
}

/// The public keys that sessions are verified with.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, body = KeySet)))]
fn keys() {}
