//! Sign-in of a `StreamGate`: wallets, sessions and OpenID providers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::keys::Keys;

/// An OpenID provider people may sign in at, by the authorization code flow with PKCE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcProvider {
    /// Name that rules use; the provider sends browsers back to
    /// `<publicUrl>/api/v1/auth/oidc/<name>/callback`, which must be registered there.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Issuer identifier; `/.well-known/openid-configuration` is read below it.
    #[schemars(length(max = 512), regex(pattern = r"^https://[^?#]+$"))]
    pub issuer: String,
    /// What the provider calls this gate.
    #[schemars(length(min = 1, max = 255))]
    pub client_id: String,
    /// Secret in the StreamGate's namespace with the key `clientSecret`, for clients that have one.
    /// It is mounted, never read by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub client_secret_name: Option<String>,
    /// Scopes asked for. Default openid.
    #[serde(default = "default_scopes")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set", "x-kubernetes-validations" = [{
        "rule": "'openid' in self", "message": "scopes must hold openid"
    }]))]
    pub scopes: Vec<String>,
}

fn default_scopes() -> Vec<String> {
    vec!["openid".to_owned()]
}

/// Sign-in, sessions and entitlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Auth {
    /// Domain (RFC 3986 authority) that an EIP-4361 message must name; the authority of the
    /// public URL when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub domain: Option<String>,
    /// Life of a sign-in challenge in seconds. Default 300.
    #[schemars(range(min = 30, max = 3_600))]
    pub challenge_seconds: u64,
    /// Life of a session in seconds. Default 43200.
    #[schemars(range(min = 60, max = 2_592_000))]
    pub session_seconds: u64,
    /// Seconds after sign-in within which a session can be renewed without signing in again.
    /// Default 604800.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub refresh_seconds: u64,
    /// Seconds after which the chain is asked again whether a viewer still holds the token.
    /// Default 300, at most 600.
    #[schemars(range(min = 5, max = 600))]
    pub lease_seconds: u64,
    /// Seconds a viewing may last beyond the duration of its content. Default 14400.
    #[schemars(range(min = 0, max = 604_800))]
    pub pause_allowance_seconds: u64,
    /// OpenID providers people may sign in at, besides wallets.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub oidc: Vec<OidcProvider>,
    /// Signing keys.
    pub keys: Keys,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            domain: None,
            challenge_seconds: 300,
            session_seconds: 43_200,
            refresh_seconds: 604_800,
            lease_seconds: 300,
            pause_allowance_seconds: 14_400,
            oidc: Vec::new(),
            keys: Keys::default(),
        }
    }
}
