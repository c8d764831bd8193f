//! Services of the gate's operator that say whether somebody may watch.

use async_trait::async_trait;
use streamgate_contract::rules::WebhookRule;

use super::Source;
use super::chain::Wallet;

/// Why a service said nothing that counts. Never read as "no".
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It must not be called.
    #[error("the rule's webhook must not be called: {0}; see spec.webhooks of the StreamGate")]
    NotAllowed(&'static str),
    /// It does not answer.
    #[error("the rule's webhook does not answer; check the service")]
    Unavailable(#[source] Source),
    /// What it answers proves nothing.
    #[error("the answer of the rule's webhook {0}; correct the service")]
    InvalidAnswer(&'static str),
}

impl HookError {
    /// Stable word for it.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotAllowed(_) => "WebhookNotAllowed",
            Self::Unavailable(_) => "WebhookUnavailable",
            Self::InvalidAnswer(_) => "WebhookAnswerInvalid",
        }
    }
}

/// Asks them.
#[async_trait]
pub trait AccessHooks: Send + Sync {
    /// Whether the rule's service admits a wallet.
    async fn admits(&self, wallet: Wallet, rule: &WebhookRule) -> Result<bool, HookError>;
}
