//! What uploads are held to, besides the size of each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Uploads of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UploadLimits {
    /// Hours an upload may take; one that is not finished then is removed. Default 168.
    #[schemars(range(min = 1, max = 8_760))]
    pub life_hours: u32,
    /// Uploads a wallet may have in work at once, pieces of parallel ones included. Default 64.
    #[schemars(range(min = 1, max = 100_000))]
    pub open_per_wallet: u32,
    /// Bytes a wallet may have here, those of contents and of uploads in work together. No limit
    /// when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_152_921_504_606_846_976_u64))]
    pub bytes_per_wallet: Option<u64>,
    /// Bytes per second a replica takes from a wallet in the long run, over all its uploads. No limit
    /// when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 65_536, max = 4_000_000_000_u32))]
    pub bytes_per_second: Option<u32>,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            life_hours: 168,
            open_per_wallet: 64,
            bytes_per_wallet: None,
            bytes_per_second: None,
        }
    }
}
