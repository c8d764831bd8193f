//! The roles of the data plane, their ports and the paths every role answers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Port of the public listener: viewers and creators.
pub const PUBLIC_PORT: u16 = 8080;
/// Port of the internal listener: job pods and role-to-role calls. Never exposed by an Ingress.
pub const INTERNAL_PORT: u16 = 8081;
/// Port of the admin listener: health and metrics.
pub const ADMIN_PORT: u16 = 9090;

/// Answers 200 as long as the process can answer at all.
pub const LIVEZ_PATH: &str = "/livez";
/// Answers 200 when the role can serve, 503 while it starts, drains or misses a dependency.
pub const READYZ_PATH: &str = "/readyz";
/// Prometheus text format.
pub const METRICS_PATH: &str = "/metrics";

/// What one data-plane process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Every role in one process (topology Compact).
    All,
    /// The edge.
    Gateway,
    /// Sign-in, sessions, entitlement decisions.
    Auth,
    /// Resumable uploads.
    Upload,
    /// Contents and their states.
    Metadata,
    /// Manifests and guarded segments.
    Streaming,
    /// The cache as a service.
    Cache,
    /// The one door to jobs.
    Worker,
    /// Scrapes, evaluates alert policies, notifies.
    Monitor,
}

impl Role {
    /// Every role, in the order of the documentation.
    pub const EVERY: [Role; 9] = [
        Role::All,
        Role::Gateway,
        Role::Auth,
        Role::Upload,
        Role::Metadata,
        Role::Streaming,
        Role::Cache,
        Role::Worker,
        Role::Monitor,
    ];

    /// The name used on the command line, in labels and in object names.
    pub const fn name(self) -> &'static str {
        match self {
            Role::All => "all",
            Role::Gateway => "gateway",
            Role::Auth => "auth",
            Role::Upload => "upload",
            Role::Metadata => "metadata",
            Role::Streaming => "streaming",
            Role::Cache => "cache",
            Role::Worker => "worker",
            Role::Monitor => "monitor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A role name that nobody knows.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown role {0:?}; write one of all, gateway, auth, upload, metadata, streaming, cache, worker, monitor"
)]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Role::EVERY
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_parsed_from_its_own_name() {
        for role in Role::EVERY {
            assert_eq!(role.name().parse::<Role>().ok(), Some(role));
        }
        assert!("transcoder".parse::<Role>().is_err());
    }
}
