//! Keys that sign sessions and playback handles: how long each signs, which are accepted no more, and
//! where each is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Signing keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Keys {
    /// Seconds a key signs before the next one does. Default 2592000. Live.
    #[schemars(range(min = 3_600, max = 315_360_000))]
    pub rotation_seconds: u64,
    /// Ids (`kid`, status.keys) of keys to be refused from now on, with all they signed. Live.
    #[schemars(
        length(max = 64),
        inner(length(max = 16), regex(pattern = r"^[0-9a-f]{16}$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub withdrawn: Vec<String>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            rotation_seconds: 2_592_000,
            withdrawn: Vec::new(),
        }
    }
}

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeyUse {
    /// Sessions.
    Session,
    /// Playback handles.
    Playback,
}

/// Where a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeyState {
    /// Published, signs when its turn comes.
    Next,
    /// Signs.
    Active,
    /// Verifies what it signed.
    Retired,
}

/// A signing key, without its material.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKey {
    /// Id, `kid` of tokens.
    #[schemars(length(max = 16))]
    pub id: String,
    /// What it signs.
    #[serde(rename = "use")]
    pub purpose: KeyUse,
    /// Where it is.
    pub state: KeyState,
    /// When it came there.
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
    /// When it will be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
}
