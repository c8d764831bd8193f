//! Role `upload`: resumable uploads. An upload is a row with a list of part objects; when all its
//! bytes are there it becomes a content and an outbox entry in one transaction.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use streamgate_contract::rules::GateRule;
use streamgate_contract::{ContentId, UploadId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ports::catalog::{CatalogError, Content, ContentState, Upload, Uploads};
use crate::ports::clock::{Clock, UnixSeconds};
use crate::ports::identity::Principal;
use crate::ports::objects::Objects;

pub mod error;
pub mod http;
pub mod metadata;
mod metrics;
mod receive;
#[cfg(test)]
mod tests;
mod tidy;
mod turns;

use error::UploadError;
use metadata::Metadata;
pub use receive::Body;
use receive::{MAX_UPLOAD_BYTES, Receiver};
use turns::{Release, Turns};

/// Life of an upload that is not finished.
const LIFE_SECONDS: i64 = 7 * 24 * 3600;
/// Longest wait for a writer that was asked to stop: it may be storing a part.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the role needs of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most bytes of one upload.
    pub max_upload_bytes: u64,
    /// Rules that contents may name.
    pub rules: Vec<GateRule>,
    /// Rule of contents that name none.
    pub default_rule: Option<String>,
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
    objects: Arc<dyn Objects>,
    uploads: Arc<dyn Uploads>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    metrics: metrics::Metrics,
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
            objects,
            uploads,
            clock,
            settings,
            metrics: metrics::Metrics::new(registry)?,
            turns: Arc::new(Turns::new(PATIENCE)),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        })
    }

    /// Most bytes of one upload.
    pub fn max_bytes(&self) -> u64 {
        self.settings.max_upload_bytes.min(MAX_UPLOAD_BYTES)
    }

    /// Begins an upload of `length` bytes.
    ///
    /// # Errors
    /// When the caller may not upload, or length or metadata are not accepted.
    pub async fn create(
        &self,
        who: Principal,
        length: u64,
        metadata: Metadata,
    ) -> Result<Status, UploadError> {
        if !(who.creator || who.admin) {
            return Err(UploadError::CreatorRequired);
        }
        self.check_length(length)?;
        self.check_rule(metadata.rule.as_deref())?;
        let upload = Upload {
            id: new_id()?,
            owner: who.wallet.to_string(),
            length,
            metadata: serde_json::to_string(&metadata).map_err(UploadError::Unreadable)?,
            created_at: self.clock.now(),
            parts: Vec::new(),
            content: None,
        };
        self.uploads.create_upload(&upload).await?;
        self.metrics.created.inc();
        status(upload)
    }

    /// Where the upload stands. A request that is still writing to it is ended first: who asks
    /// this wants to go on from there.
    ///
    /// # Errors
    /// When there is no such upload for the caller.
    pub async fn resume(&self, who: Principal, id: &UploadId) -> Result<Status, UploadError> {
        self.load(who, id).await?;
        let turn = self.turns.take(id, Release::Keep).await;
        let mut upload = self.load(who, id).await?;
        if turn.is_some() {
            self.finish(&mut upload).await?;
        }
        status(upload)
    }

    /// What is known about the upload; disturbs nobody.
    ///
    /// # Errors
    /// When there is no such upload for the caller.
    pub async fn describe(&self, who: Principal, id: &UploadId) -> Result<Status, UploadError> {
        status(self.load(who, id).await?)
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

    /// Appends the body that came with the creation. What stops it later than its first byte is
    /// told by the offset: the client has its upload and goes on.
    ///
    /// # Errors
    /// When the body is longer than the upload.
    pub async fn begin(
        self: &Arc<Self>,
        who: Principal,
        created: Status,
        body: Body,
    ) -> Result<Status, UploadError> {
        let id = created.upload.id;
        match self.append(who, id.clone(), body).await {
            Err(too_long @ UploadError::TooLong { .. }) => {
                self.terminate(who, &id).await?;
                Err(too_long)
            }
            Err(error) => {
                tracing::warn!(upload = %id, %error, "the body of a creation was not taken whole");
                self.describe(who, &id).await
            }
            done => done,
        }
    }

    async fn append_here(
        &self,
        who: Principal,
        id: &UploadId,
        body: Body,
    ) -> Result<Status, UploadError> {
        // Looked at before the turn is taken: a mistaken request stops nobody.
        fits(&self.load(who, id).await?, &body)?;
        let turn = self.turns.take(id, Release::Forget).await;
        let mut turn = turn.ok_or(UploadError::Busy)?;
        let mut upload = self.load(who, id).await?;
        fits(&upload, &body)?;
        let (objects, uploads) = (&*self.objects, &*self.uploads);
        let receiver = Receiver::open(objects, uploads, &self.metrics, &mut upload).await?;
        receiver.receive(body, &mut turn, &self.stopping).await?;
        self.finish(&mut upload).await?;
        status(upload)
    }

    /// Ends an unfinished upload and removes its parts.
    ///
    /// # Errors
    /// When there is no such upload for the caller, or it is complete.
    pub async fn terminate(&self, who: Principal, id: &UploadId) -> Result<(), UploadError> {
        unfinished(&self.load(who, id).await?)?;
        let turn = self.turns.take(id, Release::Forget).await;
        let _turn = turn.ok_or(UploadError::Busy)?;
        unfinished(&self.load(who, id).await?)?;
        self.forget(id).await?;
        self.metrics.terminated.inc();
        Ok(())
    }

    /// Turns a whole upload into a content; harmless when it is one already or not whole yet.
    async fn finish(&self, upload: &mut Upload) -> Result<(), UploadError> {
        if upload.content.is_some() || upload.offset() < upload.length {
            return Ok(());
        }
        let content = self.content(upload)?;
        self.uploads.complete_upload(&upload.id, &content).await?;
        self.metrics.completed.inc();
        upload.content = Some(content.id);
        self.remove_strays(upload).await;
        Ok(())
    }

    fn content(&self, upload: &Upload) -> Result<Content, UploadError> {
        let metadata: Metadata = read(upload)?;
        let rule = metadata.rule.clone();
        Ok(Content {
            id: content_id(&upload.id)?,
            title: metadata.title().to_owned(),
            owner: upload.owner.clone(),
            rule: rule.or_else(|| self.settings.default_rule.clone()),
            state: ContentState::Processing,
            current_output: None,
        })
    }

    /// The upload, if it is the caller's to see.
    async fn load(&self, who: Principal, id: &UploadId) -> Result<Upload, UploadError> {
        let upload = match self.uploads.upload(id).await {
            Err(CatalogError::NotFound { .. }) => return Err(UploadError::NotFound),
            other => other?,
        };
        if !who.admin && upload.owner != who.wallet.to_string() {
            return Err(UploadError::NotFound);
        }
        if expired(&upload, self.clock.now()) {
            return Err(UploadError::Expired);
        }
        Ok(upload)
    }

    fn check_length(&self, length: u64) -> Result<(), UploadError> {
        match length {
            0 => Err(UploadError::Empty),
            _ if length > self.max_bytes() => {
                let limit = self.max_bytes();
                Err(UploadError::TooLarge { limit })
            }
            _ => Ok(()),
        }
    }

    fn check_rule(&self, rule: Option<&str>) -> Result<(), UploadError> {
        let names = self.settings.rules.iter().map(|rule| rule.name.as_str());
        match rule {
            Some(rule) if !names.clone().any(|name| name == rule) => {
                Err(UploadError::UnknownRule {
                    rule: rule.to_owned(),
                    known: names.collect::<Vec<_>>().join(", "),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Does the body begin where the upload stands and end where it ends or before?
fn fits(upload: &Upload, body: &Body) -> Result<(), UploadError> {
    let (offset, length) = (upload.offset(), upload.length);
    if body.offset != offset {
        return Err(UploadError::WrongOffset { offset });
    }
    match body.announced {
        Some(bytes) if bytes > length.saturating_sub(offset) => {
            Err(UploadError::TooLong { length })
        }
        _ => Ok(()),
    }
}

fn unfinished(upload: &Upload) -> Result<(), UploadError> {
    match upload.content {
        Some(_) => Err(UploadError::Complete),
        None => Ok(()),
    }
}

/// A whole upload is not expired: it only waits to become a content.
fn expired(upload: &Upload, now: UnixSeconds) -> bool {
    let whole = upload.content.is_some() || upload.offset() == upload.length;
    !whole && now >= upload.created_at.saturating_add(LIFE_SECONDS)
}

fn status(upload: Upload) -> Result<Status, UploadError> {
    Ok(Status {
        metadata: read(&upload)?,
        expires: upload.created_at.saturating_add(LIFE_SECONDS),
        upload,
    })
}

fn read(upload: &Upload) -> Result<Metadata, UploadError> {
    serde_json::from_str(&upload.metadata).map_err(UploadError::Unreadable)
}

fn new_id() -> Result<UploadId, UploadError> {
    let id = format!("{:032x}", rand::random::<u128>());
    id.parse().map_err(internal)
}

/// The content an upload becomes: always the same, and nothing that tells the upload's id.
fn content_id(upload: &UploadId) -> Result<ContentId, UploadError> {
    let digest = Sha256::digest(format!("content of upload {upload}"));
    let id = format!("c{}", &hex::encode(digest)[..24]);
    id.parse().map_err(internal)
}

fn internal(error: streamgate_contract::ids::InvalidId) -> UploadError {
    UploadError::Catalog(CatalogError::Unavailable {
        action: "name an upload",
        source: error.into(),
    })
}
