//! What somebody has uploaded, page by page, the newest first.

use streamgate_contract::uploads::UploadLimits;

use super::error::UploadError;
use super::metadata::Metadata;
use super::{UploadService, expiry};
use crate::ports::catalog::uploads::{ListedUpload, UploadKind};
use crate::ports::clock::UnixSeconds;
use crate::ports::identity::Principal;

/// An upload in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The upload.
    pub upload: ListedUpload,
    /// What it says about itself.
    pub metadata: Metadata,
    /// When it goes unless it is finished.
    pub expires: UnixSeconds,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Its uploads.
    pub uploads: Vec<Line>,
    /// Cursor of the page behind it, if there is one.
    pub next: Option<String>,
}

/// Is it there no more for who asks, and only waits to be collected?
fn is_over(upload: &ListedUpload, limits: &UploadLimits, now: UnixSeconds) -> bool {
    let whole = upload.kind == UploadKind::Whole && upload.length == Some(upload.offset);
    upload.content.is_none() && !whole && now >= expiry(upload.created_at, limits)
}

impl UploadService {
    /// The caller's own uploads, finished ones and pieces included; a page may be short of those that
    /// have expired.
    ///
    /// # Errors
    /// When the cursor is none of this list, or the catalog fails.
    pub async fn own(
        &self,
        who: Principal,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Listing, UploadError> {
        let (owner, key) = (who.wallet.to_string(), &self.settings.cursor_key);
        let list = format!("uploads {owner}");
        let behind = cursor.map(|cursor| key.read_named(&list, cursor));
        let behind = behind.transpose()?;
        let behind = behind.as_ref().map(|(time, id)| (*time, id.as_str()));
        // One more than is shown: is there another page?
        let more = limit.saturating_add(1);
        let mut found = self.on.uploads.uploads_of(&owner, behind, more).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| more);
        let next = last.map(|last| key.sign_named(&list, last.created_at, last.id.as_str()));
        let (limits, now) = (&self.settings.limits, self.clock.now());
        found.retain(|upload| !is_over(upload, limits, now));
        let line = |upload: ListedUpload| {
            Ok(Line {
                metadata: super::said(&upload.metadata)?,
                expires: expiry(upload.created_at, limits),
                upload,
            })
        };
        let uploads = found.into_iter().map(line);
        let uploads = uploads.collect::<Result<_, UploadError>>()?;
        Ok(Listing { uploads, next })
    }
}
