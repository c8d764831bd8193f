//! Limits of requests: how many, of whom, for which role.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::roles::Role;

/// Most addresses or identities one policy remembers.
pub const KEYS_PER_POLICY: usize = 131_072;

/// What happens to a request beyond a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LimitMode {
    /// It is refused with 429.
    #[default]
    Enforce,
    /// It passes and is counted, to try a limit out.
    Shadow,
}

/// What one role takes from one caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleLimit {
    /// Which requests: those a role answers, or `jobs` for the submission of jobs.
    #[schemars(
        length(min = 1, max = 16),
        regex(pattern = r"^(auth|upload|metadata|streaming|cache|worker|monitor|jobs)$")
    )]
    pub role: String,
    /// Requests per second in the long run.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_second: u32,
    /// Requests at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: u32,
}

/// A set of requests that one policy counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every request of an address.
    Edge,
    /// Those a role answers.
    Role(Role),
    /// Submission of jobs.
    Jobs,
}

impl Scope {
    /// Every scope that has a policy.
    pub const EVERY: [Scope; 9] = [
        Scope::Edge,
        Scope::Role(Role::Auth),
        Scope::Role(Role::Upload),
        Scope::Role(Role::Metadata),
        Scope::Role(Role::Streaming),
        Scope::Role(Role::Cache),
        Scope::Role(Role::Worker),
        Scope::Role(Role::Monitor),
        Scope::Jobs,
    ];

    /// Its name in configuration, headers and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Edge => "edge",
            Scope::Role(role) => role.name(),
            Scope::Jobs => "jobs",
        }
    }

    /// Requests at once and per second where nothing else is configured.
    pub const fn default_quota(self) -> (u32, u32) {
        match self {
            Scope::Jobs | Scope::Role(Role::Auth) => (50, 5),
            Scope::Role(Role::Upload | Role::Worker) => (100, 10),
            Scope::Role(Role::Metadata) => (500, 50),
            Scope::Edge | Scope::Role(_) => (1_000, 100),
        }
    }
}
