//! What was watched, counted by content and day.

use async_trait::async_trait;
use streamgate_contract::ContentId;

use super::CatalogError;
use crate::ports::clock::UnixSeconds;

const SECONDS: i64 = 86_400;

/// A day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// The day of a time.
    pub fn of(time: UnixSeconds) -> Self {
        Self(time.div_euclid(SECONDS))
    }

    /// The day `days` before.
    pub fn before(self, days: u32) -> Self {
        Self(self.0 - i64::from(days))
    }
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Viewings begun.
    pub starts: u64,
    /// Seconds that viewers asked for, a lease at a time: at most a lease more than was watched.
    pub seconds: u64,
}

/// What was watched of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The content.
    pub content: ContentId,
    /// How much of it.
    pub tally: Tally,
}

/// The counts.
#[async_trait]
pub trait Plays: Send + Sync {
    /// Adds to the counts of a day.
    async fn count_plays(&self, day: Day, plays: &[Watched]) -> Result<(), CatalogError>;
    /// Sums since a day, of one content or of all.
    async fn plays(&self, content: Option<&ContentId>, since: Day) -> Result<Tally, CatalogError>;
    /// Published contents that were begun most often since a day.
    async fn top(&self, since: Day, limit: u32) -> Result<Vec<Watched>, CatalogError>;
}
