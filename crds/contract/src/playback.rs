//! What viewings are held to, besides the rule of their content.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a playback handle can be bound to: it is refused where that differs from where it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Binding {
    /// Address of the viewer; of IPv6 its /64. Breaks for viewers who change networks.
    Address,
    /// What the player calls itself (`User-Agent`). Breaks when another program plays.
    Device,
    /// Country, as a trusted proxy tells it in `countryHeader`.
    Country,
    /// The page that plays (`Origin` or `Referer`). Breaks for players that send neither.
    Origin,
}

/// Playback of a gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlaybackSettings {
    /// Pages of other sites that may play with the cookie. Those that play by the handle in the path
    /// need not be listed.
    #[schemars(
        length(max = 32),
        inner(length(max = 259), regex(pattern = r"^https?://[a-z0-9.:\[\]-]+$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub allowed_origins: Vec<String>,
    /// Streams a viewer may watch at once, counted by wallet; one that rests for 30 s does not count.
    /// No limit when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000))]
    pub streams_per_viewer: Option<u32>,
    /// Bytes per second a session is sent in the long run, over all its streams; about four seconds' worth
    /// go at once. No limit when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 65_536, max = 1_000_000_000))]
    pub bytes_per_second: Option<u32>,
    /// What handles are bound to. Nothing when empty.
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "set"))]
    pub bind: Vec<Binding>,
    /// Header in which a trusted proxy names the viewer's country, such as `cf-ipcountry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z0-9-]+$"))]
    pub country_header: Option<String>,
}
