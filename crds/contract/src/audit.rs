//! What is written into the audit log: levels and modes in the words of the Kubernetes audit policy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much of a request is recorded.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum AuditLevel {
    /// Nothing.
    None,
    /// Who, what, when and with which result.
    #[default]
    Metadata,
    /// Also the JSON of the request, secrets left out and wallets hashed.
    Request,
    /// Also the JSON of the response.
    RequestResponse,
}

/// What happens to a request while its record is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuditMode {
    /// It does not wait; records beyond the buffer are dropped and counted.
    Batch,
    /// It is answered when its record is on disk; a record that fails is counted.
    #[default]
    Blocking,
    /// It is refused when its record cannot be written, before anything is done.
    BlockingStrict,
}

/// A rule of the audit policy; the first that matches decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditRule {
    /// Role that answers the request; every role when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 16),
        regex(pattern = r"^(auth|upload|metadata|streaming|cache|worker|monitor|jobs)$")
    )]
    pub role: Option<String>,
    /// Methods of the request; every method when empty.
    #[serde(default)]
    #[schemars(length(max = 8), inner(length(max = 8), regex(pattern = r"^[A-Z]+$")))]
    pub methods: Vec<String>,
    /// How much is recorded.
    pub level: AuditLevel,
}

/// The audit log of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuditSettings {
    /// The policy. A request that no rule matches is recorded at level Metadata when it changes
    /// something (any method but GET, HEAD, OPTIONS) or is limited, and not at all otherwise.
    #[schemars(length(max = 32))]
    pub rules: Vec<AuditRule>,
    /// What happens to a request while its record is written. Default Blocking.
    pub mode: AuditMode,
    /// Days after which a sealed segment of the log is removed. Default 90.
    #[schemars(range(min = 1, max = 3_650))]
    pub retention_days: u32,
    /// Bytes beyond which the oldest sealed segments are removed. Default 1 GiB.
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776_u64))]
    pub max_bytes: u64,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            mode: AuditMode::Blocking,
            retention_days: 90,
            max_bytes: 1 << 30,
        }
    }
}

impl AuditSettings {
    /// How much of a request is recorded, before its result is known.
    pub fn level(&self, role: &str, method: &str) -> AuditLevel {
        let matches = |rule: &&AuditRule| {
            rule.role.as_deref().is_none_or(|wanted| wanted == role)
                && (rule.methods.is_empty() || rule.methods.iter().any(|m| m == method))
        };
        match self.rules.iter().find(matches) {
            Some(rule) => rule.level,
            None if matches!(method, "GET" | "HEAD" | "OPTIONS") => AuditLevel::None,
            None => AuditLevel::Metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_decides_and_changes_are_recorded_without_one() {
        let rule = |role: Option<&str>, methods: &[&str], level| AuditRule {
            role: role.map(str::to_owned),
            methods: methods.iter().map(|m| (*m).to_owned()).collect(),
            level,
        };
        let mut settings = AuditSettings::default();
        assert_eq!(settings.level("auth", "POST"), AuditLevel::Metadata);
        assert_eq!(settings.level("auth", "GET"), AuditLevel::None);
        settings.rules = vec![
            rule(Some("auth"), &["POST"], AuditLevel::Request),
            rule(None, &[], AuditLevel::None),
        ];
        assert_eq!(settings.level("auth", "POST"), AuditLevel::Request);
        assert_eq!(settings.level("upload", "POST"), AuditLevel::None);
    }
}
