//! Role `upload`: resumable uploads. An upload is a row with a list of part objects; when all its
//! bytes are there it becomes a content and an outbox entry in one transaction.

use std::sync::Arc;

use streamgate_contract::UploadId;
use streamgate_contract::rules::GateRule;
use streamgate_contract::uploads::UploadLimits;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::metadata::cursor::CursorKey;
use crate::pace::Paces;
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::uploads::{Release, Upload, UploadKind, Uploads};
use crate::ports::clock::{Clock, UnixSeconds};
use crate::ports::identity::Principal;
use crate::ports::objects::Objects;

mod begin;
mod buffers;
pub mod checksum;
pub mod error;
pub mod events;
mod finish;
pub mod http;
mod list;
mod media;
pub mod metadata;
mod metrics;
mod parts;
mod quota;
mod receive;
mod stores;
#[cfg(test)]
mod tests;
mod tidy;
mod turns;

pub use begin::Creation;
use buffers::{BUFFERS, Buffers};
use error::UploadError;
pub use list::{Line, Listing};
use metadata::Metadata;
pub use receive::Body;
use receive::{Ports, Receiver};
use turns::Turns;

/// What the role needs of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most bytes of one upload.
    pub max_upload_bytes: u64,
    /// What uploads are held to besides.
    pub limits: UploadLimits,
    /// Rules that contents may name.
    pub rules: Vec<GateRule>,
    /// Rule of contents that name none.
    pub default_rule: Option<String>,
    /// Signs where lists go on.
    pub cursor_key: CursorKey,
    /// Others read an upload while it runs: what arrives slowly is stored in shorter parts.
    pub read_early: bool,
}

/// An upload as its owner sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The upload.
    pub upload: Upload,
    /// What it says about itself.
    pub metadata: Metadata,
    /// When it goes unless it is finished.
    pub expires: UnixSeconds,
}

/// The role.
pub struct UploadService {
    on: Ports,
    clock: Arc<dyn Clock>,
    settings: Settings,
    paces: Paces,
    turns: Arc<Turns>,
    /// Bodies are received in tasks of their own: the server drops a request's future when its
    /// connection ends, and what has arrived must still be stored then.
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl UploadService {
    /// The role on these ports.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn new(
        objects: Arc<dyn Objects>,
        uploads: Arc<dyn Uploads>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        registry: &prometheus::Registry,
    ) -> prometheus::Result<Self> {
        Ok(Self {
            turns: Arc::new(Turns::new(uploads.clone())),
            on: Ports {
                objects,
                uploads,
                buffers: Buffers::new(BUFFERS),
                metrics: metrics::Metrics::new(registry)?,
            },
            clock,
            paces: Paces::new(settings.limits.bytes_per_second),
            settings,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        })
    }

    /// Where the upload stands. A request that is still writing to it is ended first: who asks
    /// this wants to go on from there.
    ///
    /// # Errors
    /// When there is no such upload for the caller.
    pub async fn resume(&self, who: Principal, id: &UploadId) -> Result<Status, UploadError> {
        self.load(who, id).await?;
        // A writer that does not stop is told of by the offset it has reached.
        let settled = match self.turns.settle(id).await {
            Err(UploadError::Busy | UploadError::Complete) => false,
            other => other.map(|()| true)?,
        };
        let mut upload = self.load(who, id).await?;
        if settled {
            self.finish(&mut upload).await?;
        }
        self.status(upload)
    }

    /// What is known about the upload; disturbs nobody.
    ///
    /// # Errors
    /// When there is no such upload for the caller.
    pub async fn describe(&self, who: Principal, id: &UploadId) -> Result<Status, UploadError> {
        self.status(self.load(who, id).await?)
    }

    /// Appends a body. Goes on when the caller is gone, until what has arrived is
    /// stored.
    ///
    /// # Errors
    /// When the upload does not stand there, the body does not fit, or the store or the catalog
    /// fails.
    pub async fn append(
        self: &Arc<Self>,
        who: Principal,
        id: UploadId,
        body: Body,
    ) -> Result<Status, UploadError> {
        let service = self.clone();
        let work = async move { service.append_here(who, &id, body).await };
        let task = self.tasks.spawn(work);
        task.await.map_err(UploadError::Died)?
    }

    async fn append_here(
        &self,
        who: Principal,
        id: &UploadId,
        body: Body,
    ) -> Result<Status, UploadError> {
        // Looked at before the turn is taken: a mistaken request stops nobody.
        self.fits(&self.load(who, id).await?, &body)?;
        let mut turn = self.turns.take(id, Release::Forget).await?;
        let outcome = self.append_in_turn(who, id, body, &mut turn).await;
        turn.leave().await;
        if let Err(UploadError::NotMedia) = outcome {
            // Nothing of it is worth keeping.
            self.forget(id).await?;
        }
        outcome
    }

    async fn append_in_turn(
        &self,
        who: Principal,
        id: &UploadId,
        body: Body,
        turn: &mut turns::Turn,
    ) -> Result<Status, UploadError> {
        let mut upload = self.load(who, id).await?;
        let allowed = self.fits(&upload, &body)?;
        let most = self.within_quota(&upload, allowed).await?;
        if body.length.is_some_and(|length| length > most) {
            return Err(UploadError::Quota { limit: most });
        }
        if let Some(length) = body.length.filter(|_| upload.length.is_none()) {
            self.on.uploads.set_upload_length(id, length).await?;
            upload.length = Some(length);
        }
        let completes = body.completes && upload.length.is_none();
        let pace = self.paces.of(&upload.owner).await;
        let receiver = Receiver::open(&self.on, turn, &mut upload, most, pace);
        let receiver = receiver.soon(self.settings.read_early);
        let received = receiver.receive(body, &self.stopping).await;
        received.map_err(|error| match error {
            UploadError::TooLong { length } if length < allowed => {
                UploadError::Quota { limit: length }
            }
            other => other,
        })?;
        if completes {
            let length = upload.offset();
            self.check_length(length)?;
            self.on.uploads.set_upload_length(id, length).await?;
            upload.length = Some(length);
        }
        self.finish(&mut upload).await?;
        self.status(upload)
    }

    /// Ends an unfinished upload and removes its parts.
    ///
    /// # Errors
    /// When there is no such upload for the caller, or it is complete.
    pub async fn terminate(&self, who: Principal, id: &UploadId) -> Result<(), UploadError> {
        unfinished(&self.load(who, id).await?)?;
        let _turn = self.turns.take(id, Release::Forget).await?;
        unfinished(&self.load(who, id).await?)?;
        self.forget(id).await?;
        self.on.metrics.terminated.inc();
        Ok(())
    }

    /// The upload, if it is the caller's to see.
    async fn load(&self, who: Principal, id: &UploadId) -> Result<Upload, UploadError> {
        let upload = match self.on.uploads.upload(id).await {
            Err(CatalogError::NotFound { .. }) => return Err(UploadError::NotFound),
            other => other?,
        };
        if !who.admin && upload.owner != who.wallet.to_string() {
            return Err(UploadError::NotFound);
        }
        if self.expired(&upload, self.clock.now()) {
            return Err(UploadError::Expired);
        }
        Ok(upload)
    }

    /// Most bytes the upload may have, if the body begins where it stands and ends there or before.
    fn fits(&self, upload: &Upload, body: &Body) -> Result<u64, UploadError> {
        if let UploadKind::Joined(_) = upload.kind {
            return Err(UploadError::Joined);
        }
        let offset = upload.offset();
        if body.offset != offset {
            return Err(UploadError::WrongOffset { offset });
        }
        let most = match (upload.length, body.length) {
            (Some(known), Some(told)) if known != told => {
                return Err(UploadError::OtherLength { length: known });
            }
            (Some(known), _) => known,
            (None, Some(told)) => {
                self.check_length(told)?;
                told
            }
            (None, None) => self.max_bytes(),
        };
        match body.announced {
            Some(bytes) if bytes > most.saturating_sub(offset) => {
                Err(UploadError::TooLong { length: most })
            }
            _ if offset > most => Err(UploadError::TooLong { length: most }),
            _ => Ok(most),
        }
    }

    /// A whole upload is not expired: it only waits to become a content. A piece may wait in vain.
    fn expired(&self, upload: &Upload, now: UnixSeconds) -> bool {
        let waits = upload.kind == UploadKind::Whole && upload.is_whole();
        upload.content.is_none() && !waits && now >= self.expiry(upload)
    }

    fn expiry(&self, upload: &Upload) -> UnixSeconds {
        expiry(upload.created_at, &self.settings.limits)
    }

    /// Seconds an upload has left; `None` for one that is finished.
    pub fn seconds_left(&self, status: &Status) -> Option<u64> {
        let left = status.expires.saturating_sub(self.clock.now());
        let unfinished = status.upload.content.is_none();
        unfinished.then(|| u64::try_from(left).unwrap_or_default())
    }

    fn status(&self, upload: Upload) -> Result<Status, UploadError> {
        Ok(Status {
            metadata: read(&upload)?,
            expires: self.expiry(&upload),
            upload,
        })
    }
}

fn unfinished(upload: &Upload) -> Result<(), UploadError> {
    match upload.content {
        Some(_) => Err(UploadError::Complete),
        None => Ok(()),
    }
}

fn read(upload: &Upload) -> Result<Metadata, UploadError> {
    said(&upload.metadata)
}

fn said(metadata: &str) -> Result<Metadata, UploadError> {
    serde_json::from_str(metadata).map_err(UploadError::Unreadable)
}

/// When an upload that was begun then goes unless it is finished.
fn expiry(begun: UnixSeconds, limits: &UploadLimits) -> UnixSeconds {
    begun.saturating_add(i64::from(limits.life_hours) * 3_600)
}

fn internal(error: streamgate_contract::ids::InvalidId) -> UploadError {
    UploadError::Catalog(CatalogError::Unavailable {
        action: "name an upload",
        source: error.into(),
    })
}
