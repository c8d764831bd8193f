//! Role `gateway`: what the API is as a whole: its description, a browser for it, and whether
//! everything behind it is well.

use std::sync::Arc;

use async_trait::async_trait;

use super::metadata::cursor::{CursorKey, InvalidCursor};
use crate::ports::audit_log::{EventsOf, RecentEvents, Record};
use crate::ports::chain::standing::{ChainStanding, Standings};

pub mod checks;
pub mod http;
pub mod openapi;
pub mod proxy;

/// A part of the gate and whether it does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub part: &'static str,
    /// What hinders it; `None` when it is well.
    pub hindrance: Option<&'static str>,
}

/// Knows how the parts are.
#[async_trait]
pub trait Checks: Send + Sync {
    /// Every part, as of at most a second ago.
    async fn checks(&self) -> Vec<Check>;
}

/// The role.
pub struct Gateway {
    checks: Arc<dyn Checks>,
    chains: Arc<dyn Standings>,
    happened: Arc<dyn RecentEvents>,
    cursor_key: CursorKey,
    /// The description of the API, as text.
    description: String,
}

impl Gateway {
    /// Makes the role; `cursor_key` signs where lists go on.
    pub fn new(
        (checks, chains): (Arc<dyn Checks>, Arc<dyn Standings>),
        happened: Arc<dyn RecentEvents>,
        cursor_key: CursorKey,
    ) -> Self {
        Self {
            checks,
            chains,
            happened,
            cursor_key,
            description: openapi::text(),
        }
    }

    /// How every part is.
    pub async fn health(&self) -> Vec<Check> {
        self.checks.checks().await
    }

    /// How the endpoints of every chain are; `None` when nobody can say.
    pub async fn chains(&self) -> Option<Vec<ChainStanding>> {
        let told = self.chains.standings().await;
        told.map_err(|error| tracing::warn!(error, "nobody says how the chains are"))
            .ok()
    }

    /// What happened last, the newest first, and the cursor of the next page.
    ///
    /// # Errors
    /// When the cursor is none of this list.
    pub fn events(
        &self,
        mut of: EventsOf,
        cursor: Option<&str>,
    ) -> Result<(Vec<Record>, Option<String>), InvalidCursor> {
        let list = format!("events {:?}", of.kind);
        let numbers = cursor.map(|cursor| self.cursor_key.read(&list, cursor));
        of.before = numbers.transpose()?.and_then(|n| n.first().copied());
        let limit = of.limit;
        // One more than is shown: is there another page?
        of.limit = limit.saturating_add(1);
        let mut found = self.happened.recent(of);
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more).map(|last| last.place);
        let next = last.map(|place| self.cursor_key.sign(&list, &[place]));
        Ok((found.into_iter().map(|r| r.record).collect(), next))
    }

    /// The description of the API in JSON.
    pub fn description(&self) -> &str {
        &self.description
    }
}

#[cfg(test)]
mod tests;
