//! Operations of the auth role besides signing in.
#![allow(dead_code, reason = "shapes of what its handlers take and give")]

use utoipa::{OpenApi, ToSchema};

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(
    playback,
    admission,
    list_tokens,
    get_token,
    verify_token,
    key_set,
    list_keys,
    create_key,
    delete_key
))]
pub struct Docs;

#[derive(ToSchema)]
struct PlaybackRequest {
    /// Content to watch.
    content: String,
    /// Proofs of places on lists: nodes of a Merkle tree, from the leaf's sibling up.
    proofs: Option<Vec<Vec<String>>>,
    /// Accounts to watch by where the rule lets them count, four at most: `vault:0x…` for a vault that
    /// delegates to the wallet, `erc721:0x…/ID` for the account of a token it holds.
    through: Option<Vec<String>>,
    /// The handle comes as a cookie for the content's path, not in the URL.
    cookie: Option<bool>,
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
    /// Accounts it names, as with `POST /api/v1/playback`.
    through: Option<Vec<String>>,
}

#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Yes,
    No,
    Unknown,
}

#[derive(ToSchema)]
struct Admission {
    /// The wallet.
    wallet: String,
    /// Would it be admitted? Unknown if that cannot be found out now.
    admitted: Answer,
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

/// The block that an answer of a chain is of.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct AnsweredAt {
    /// Its number.
    number: u64,
    /// Its hash.
    hash: String,
    /// When it was made.
    #[schema(format = DateTime)]
    made_at: Option<String>,
}

/// What is in the way of an answer.
#[derive(ToSchema)]
struct InTheWay {
    /// Stable name of the reason.
    reason: String,
    /// What it is.
    detail: String,
}

/// A token that a rule of the gate asks for, and whether the caller holds it.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct GateToken {
    /// Name of the rule.
    id: String,
    /// Does the caller hold it, as the rule asks? Unknown if that cannot be found out now.
    holds: Answer,
    /// `ERC-721`, `ERC-1155`, `ERC-20`, `SPL token` or `Metaplex NFT`.
    standard: String,
    /// What people call it.
    title: Option<String>,
    /// Where to get it.
    get_url: Option<String>,
    /// Chain.
    chain: Option<String>,
    /// Contract.
    contract: Option<String>,
    /// Id of the one token; any of the contract without it.
    token_id: Option<String>,
    /// Least amount.
    minimum: Option<String>,
    /// Cluster of Solana.
    cluster: Option<String>,
    /// Mint on Solana.
    mint: Option<String>,
    /// Collection on Solana.
    collection: Option<String>,
    /// What counts beside the caller's own holdings.
    #[schema(value_type = Option<Vec<Object>>)]
    through: Option<String>,
    /// The block this is true at.
    block: Option<AnsweredAt>,
    /// What is in the way.
    error: Option<InTheWay>,
}

#[derive(ToSchema)]
struct GateTokens {
    /// The caller's wallet.
    address: String,
    /// By the names of their rules.
    tokens: Vec<GateToken>,
}

/// The tokens that rules of the gate ask for, and which of them the caller holds.
#[utoipa::path(get, path = "/api/v1/nft", tag = "auth",
    responses((status = 200, body = GateTokens)))]
fn list_tokens() {}

/// One of them, by the name of its rule.
#[utoipa::path(get, path = "/api/v1/nft/{id}", tag = "auth",
    params(("id" = String, Path)), responses((status = 200, body = GateToken)))]
fn get_token() {}

#[derive(ToSchema)]
struct TokenRequest {
    /// Name of its rule.
    id: String,
    /// Accounts that may hold it for the caller, as with `POST /api/v1/playback`.
    through: Option<Vec<String>>,
}

/// The same, its chain asked now. It tells and admits nobody.
#[utoipa::path(post, path = "/api/v1/nft/verify", tag = "auth",
    request_body = TokenRequest, responses((status = 200, body = GateToken)))]
fn verify_token() {}

#[derive(ToSchema)]
struct KeySet {
    /// Public keys (RFC 7517).
    #[schema(value_type = Vec<Object>)]
    keys: Vec<String>,
}

/// The public keys that sessions are verified with.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, body = KeySet)))]
fn key_set() {}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct KeyRequest {
    /// What people call it.
    #[schema(
        min_length = 1,
        max_length = 120,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    name: String,
    /// Wallet it acts for; the admin's own without it.
    wallet: Option<String>,
    /// What it may be used for, within the rights of the wallet.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// Seconds until it ends; never without it.
    expires_in_seconds: Option<u64>,
}

#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
enum Scope {
    Watch,
    Upload,
    Admin,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct MachineKey {
    /// Identifier.
    id: String,
    /// What people call it.
    name: String,
    /// Wallet it acts for.
    wallet: String,
    /// What it may be used for.
    scopes: Vec<Scope>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The key, as it is sent in `Authorization: Bearer`; shown when it is made and never again.
    key: Option<String>,
}

#[derive(ToSchema)]
struct MachineKeys {
    /// Newest first.
    keys: Vec<MachineKey>,
}

/// The keys of machines. For admins who signed in.
#[utoipa::path(get, path = "/api/v1/auth/keys", tag = "auth",
    responses((status = 200, body = MachineKeys)))]
fn list_keys() {}

/// Makes a key for a machine. For admins who signed in.
#[utoipa::path(post, path = "/api/v1/auth/keys", tag = "auth",
    request_body = KeyRequest, responses((status = 201, body = MachineKey)))]
fn create_key() {}

/// Ends a key, and what is watched by it. For admins who signed in.
#[utoipa::path(delete, path = "/api/v1/auth/keys/{id}", tag = "auth",
    params(("id" = String, Path)), responses((status = 204)))]
fn delete_key() {}
