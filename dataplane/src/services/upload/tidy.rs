//! What nobody waits for: uploads that were never finished, completions a crash interrupted, and
//! part objects no row refers to.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use streamgate_contract::{UploadId, names};
use tokio_util::sync::CancellationToken;

use super::UploadService;
use super::error::UploadError;
use super::stores::remove;
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::uploads::{Release, Upload, UploadKind};
use crate::ports::clock::UnixSeconds;
use crate::ports::objects::ObjectKey;

/// Time between two looks at unfinished uploads.
const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);
/// Looks between two sweeps of the store: a sweep lists every part.
const LOOKS_PER_SWEEP: u32 = 96;
/// Longest wait for bodies to be stored when the process stops.
const FAREWELL: Duration = Duration::from_secs(20);

impl UploadService {
    /// Background work until `stop`; then every body that is being received is stored as far as
    /// it has arrived.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut clock = tokio::time::interval(LOOK_EVERY);
        for look in (0..LOOKS_PER_SWEEP).cycle() {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = clock.tick() => {}
            }
            self.look().await;
            if look == 0 {
                self.sweep().await;
            }
        }
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(FAREWELL, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some uploads were not stored to their last byte; they resume earlier");
        }
    }

    /// Completes uploads that are whole and ends those that were not finished in time.
    pub(super) async fn look(&self) {
        let unfinished = match self.on.uploads.unfinished_uploads().await {
            Ok(unfinished) => unfinished,
            Err(error) => {
                tracing::error!(%error, "unfinished uploads cannot be listed");
                return;
            }
        };
        for id in unfinished {
            if let Err(error) = self.look_at(&id).await {
                tracing::error!(upload = %id, %error, "an unfinished upload cannot be looked at");
            }
        }
    }

    async fn look_at(&self, id: &UploadId) -> Result<(), UploadError> {
        let now = self.clock.now();
        let due = |upload: &Upload| {
            let joined = matches!(upload.kind, UploadKind::Joined(_));
            joined || upload.is_whole() || self.expired(upload, now)
        };
        if !due(&self.on.uploads.upload(id).await?) {
            return Ok(());
        }
        let turn = self.turns.take(id, Release::Forget).await?;
        let outcome = self.finish_or_forget(id, now).await;
        turn.leave().await;
        outcome
    }

    async fn finish_or_forget(&self, id: &UploadId, now: UnixSeconds) -> Result<(), UploadError> {
        let mut upload = self.on.uploads.upload(id).await?;
        self.finish(&mut upload).await?;
        if self.expired(&upload, now) {
            self.forget(id).await?;
            self.on.metrics.expired.inc();
        }
        Ok(())
    }

    /// Removes an unfinished upload: its row first, so that nobody can go on with missing parts.
    pub(super) async fn forget(&self, id: &UploadId) -> Result<(), UploadError> {
        match self.on.uploads.delete_upload(id).await {
            // Somebody else was faster: the objects may still be there.
            Ok(()) | Err(CatalogError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.remove_all_but(id, &HashSet::new()).await;
        Ok(())
    }

    /// Removes what tries that failed left beside the parts of a complete upload.
    pub(super) async fn remove_strays(&self, upload: &Upload) {
        let parts = upload.part_keys().map(str::to_owned).collect();
        self.remove_all_but(&upload.id, &parts).await;
    }

    async fn remove_all_but(&self, id: &UploadId, keep: &HashSet<String>) {
        match self.list(&names::upload_prefix(id)).await {
            Ok(keys) => self.remove_keys(&keys, keep).await,
            Err(error) => tracing::warn!(upload = %id, %error, "parts stay until the next sweep"),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectKey>, UploadError> {
        Ok(self.on.objects.list(&ObjectKey::parse(prefix)?).await?)
    }

    async fn remove_keys(&self, keys: &[ObjectKey], keep: &HashSet<String>) {
        for key in keys.iter().filter(|key| !keep.contains(key.as_str())) {
            remove(&*self.on.objects, key).await;
        }
    }

    /// Removes parts of uploads that are gone, and strays of those that are complete. Unfinished
    /// uploads are left alone: a part of theirs may be stored whose row is about to come.
    pub(super) async fn sweep(&self) {
        let keys = match self.list("uploads").await {
            Ok(keys) => keys,
            Err(error) => {
                tracing::error!(%error, "parts of uploads cannot be listed");
                return;
            }
        };
        for (id, keys) in by_upload(keys) {
            match self.on.uploads.upload(&id).await {
                Err(CatalogError::NotFound { .. }) => {
                    self.remove_keys(&keys, &HashSet::new()).await;
                }
                Ok(upload) if upload.content.is_some() => {
                    let parts = upload.part_keys().map(str::to_owned).collect();
                    self.remove_keys(&keys, &parts).await;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(upload = %id, %error, "an upload was not swept"),
            }
        }
    }
}

fn by_upload(keys: Vec<ObjectKey>) -> BTreeMap<UploadId, Vec<ObjectKey>> {
    let mut uploads: BTreeMap<UploadId, Vec<ObjectKey>> = BTreeMap::new();
    for key in keys {
        let id = key.as_str().split('/').nth(1).map(str::parse);
        if let Some(Ok(id)) = id {
            uploads.entry(id).or_default().push(key);
        }
    }
    uploads
}
