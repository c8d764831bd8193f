//! Objects of contents that were removed: they go a day later, when nobody plays them any more and
//! whoever removed the wrong one has noticed.

use std::sync::Arc;
use std::time::Duration;

use streamgate_contract::ContentId;
use tokio_util::sync::CancellationToken;

use super::Metadata;
use crate::ports::Source;
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::library::Removed;
use crate::ports::objects::ObjectKey;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);
/// Seconds from a content's removal to that of its objects.
pub const GRACE_SECONDS: i64 = 24 * 3600;
/// Seconds that changes are remembered: a replica that looks at none for half of it keeps nothing.
const REMEMBERED_SECONDS: i64 = 3600;

impl Metadata {
    /// Background work until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        match self.warm().await {
            Ok(contents) => tracing::info!(contents, "cache warmed"),
            Err(error) => tracing::warn!(%error, "the cache cannot be warmed"),
        }
        let mut clock = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = clock.tick() => self.tidy().await,
            }
        }
    }

    /// Removes the objects of contents that were removed long enough ago, and what nobody needs to
    /// know of changes any more.
    pub async fn tidy(&self) {
        let forgotten = self.on.clock.now() - REMEMBERED_SECONDS;
        if let Err(error) = self.on.catalog.forget_changes(forgotten).await {
            tracing::error!(%error, "changes of the library cannot be forgotten");
        }
        let until = self.on.clock.now() - GRACE_SECONDS;
        let removed = match self.on.catalog.removed(until).await {
            Ok(removed) => removed,
            Err(error) => return tracing::error!(%error, "removed contents cannot be listed"),
        };
        for removed in removed {
            if let Err(error) = self.remove_objects(&removed).await {
                let content = &removed.content;
                tracing::error!(%content, error, "objects of a removed content stay until later");
            }
        }
    }

    async fn remove_objects(&self, removed: &Removed) -> Result<(), Source> {
        // A content of the same name may have been made since: its objects stay.
        match self.on.catalog.content(&removed.content).await {
            Err(CatalogError::NotFound { .. }) => self.remove_below(&removed.content).await?,
            other => drop(other?),
        }
        Ok(self.on.catalog.forget_removed(removed).await?)
    }

    async fn remove_below(&self, content: &ContentId) -> Result<(), Source> {
        for prefix in ["contents", "sources"] {
            let prefix = ObjectKey::parse(&format!("{prefix}/{content}"))?;
            for key in self.on.objects.list(&prefix).await? {
                self.on.objects.delete(&key).await?;
            }
        }
        Ok(())
    }
}
