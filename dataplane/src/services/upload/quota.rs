//! What one wallet may have here: uploads in work, and bytes.

use super::UploadService;
use super::error::UploadError;
use crate::ports::catalog::uploads::{Owned, Upload};

impl UploadService {
    /// Adds an upload, unless its owner has too much with it. Looked at when it is there: of two that
    /// come at once and are too much together, none is overlooked.
    pub(super) async fn add_within_quota(&self, upload: &Upload) -> Result<(), UploadError> {
        self.on.uploads.create_upload(upload).await?;
        let outcome = match self.owned(upload).await {
            Ok(owned) => self.check_quota(owned),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            self.on.uploads.delete_upload(&upload.id).await?;
        }
        outcome
    }

    /// Most bytes an upload in work may have, when its own length says no more than `most`. What was
    /// announced is counted already.
    pub(super) async fn within_quota(
        &self,
        upload: &Upload,
        most: u64,
    ) -> Result<u64, UploadError> {
        let Some(limit) = self.settings.limits.bytes_per_wallet else {
            return Ok(most);
        };
        if upload.length.is_some() {
            return Ok(most);
        }
        let owned = self.owned(upload).await?;
        let left = limit.saturating_sub(owned.bytes);
        Ok(most.min(upload.offset().saturating_add(left)))
    }

    fn check_quota(&self, owned: Owned) -> Result<(), UploadError> {
        let limits = &self.settings.limits;
        let open = u64::from(limits.open_per_wallet);
        if owned.unfinished > open {
            return Err(UploadError::TooManyOpen { limit: open });
        }
        match limits.bytes_per_wallet {
            Some(limit) if owned.bytes > limit => Err(UploadError::Quota { limit }),
            _ => Ok(()),
        }
    }

    async fn owned(&self, upload: &Upload) -> Result<Owned, UploadError> {
        Ok(self.on.uploads.owned_uploads(&upload.owner).await?)
    }
}
