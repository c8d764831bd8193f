//! How much is watched.

use streamgate_contract::ContentId;

use super::{Metadata, MetadataError, Shown, changeable};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::plays::{Day, Tally};
use crate::ports::identity::Principal;

impl Metadata {
    /// What was watched of everything in the last `days`, today included.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn watched(&self, days: u32) -> Result<Tally, CatalogError> {
        self.on.catalog.plays(None, self.since(days)).await
    }

    /// The published contents that were begun most often in the last `days`.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn top(&self, days: u32, limit: u32) -> Result<Vec<(Shown, Tally)>, CatalogError> {
        let mut top = Vec::new();
        for watched in self.on.catalog.top(self.since(days), limit).await? {
            match self.on.catalog.entry(&watched.content).await {
                Ok(entry) => top.push((self.shown(entry), watched.tally)),
                // It was removed meanwhile.
                Err(CatalogError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(top)
    }

    /// What was watched of one content in the last `days`; for those who may change it.
    ///
    /// # Errors
    /// When there is no such content for the caller, or it is somebody else's.
    pub async fn watched_of(
        &self,
        who: &Principal,
        id: &ContentId,
        days: u32,
    ) -> Result<Tally, MetadataError> {
        let entry = self.get(Some(who), id).await?.entry;
        if !changeable(&entry.content, who) {
            return Err(MetadataError::NotYours(entry.content.id));
        }
        Ok(self.on.catalog.plays(Some(id), self.since(days)).await?)
    }

    fn since(&self, days: u32) -> Day {
        Day::of(self.on.clock.now()).before(days.saturating_sub(1))
    }
}
