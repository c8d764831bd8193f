//! Limits that replicas share: one count for all of them.

use std::time::Duration;

use async_trait::async_trait;

use super::Source;

/// How much one caller may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests at once.
    pub burst: u32,
    /// Requests per second in the long run.
    pub per_second: u32,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// It passes; so many more may pass at once.
    Allowed {
        /// Requests left of the burst.
        left: u32,
    },
    /// It is beyond the limit; the next may pass after this time.
    Limited {
        /// Time to wait.
        wait: Duration,
    },
}

/// The store of counts does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the store of shared limits does not answer")]
pub struct SharedLimitsError(#[source] pub Source);

/// The counts.
#[async_trait]
pub trait SharedLimits: Send + Sync {
    /// Counts one request of the caller `key`, by the store's own clock.
    async fn take(&self, key: &str, quota: Quota) -> Result<Shared, SharedLimitsError>;
}
