//! What was changed in the library, by whichever program: who keeps something of it holds it against
//! this.

use async_trait::async_trait;

use super::CatalogError;
use crate::ports::clock::UnixSeconds;

/// Most changes that are told one by one.
pub const MOST: usize = 1_000;
/// Tag of a change of the categories themselves.
pub const CATEGORIES: &str = "categories";
/// Begins the tag of a change of a content; its id follows.
pub const CONTENT: &str = "content:";

/// A change that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its own number.
    pub place: i64,
    /// What was changed: [`CONTENT`] and an id, or [`CATEGORIES`].
    pub tag: String,
}

/// What was changed since another look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The changes; `None` when they are too many to be told.
    pub changes: Option<Vec<Change>>,
    /// Where the next look begins.
    pub until: i64,
}

/// The log of changes.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Every change that is committed now and was not at the look that ended at `since`; some may
    /// be told again. Without `since`, none, and where looks begin.
    async fn changed_since(&self, since: Option<i64>) -> Result<News, CatalogError>;
    /// Forgets changes from before a time.
    async fn forget_changes(&self, before: UnixSeconds) -> Result<(), CatalogError>;
}
