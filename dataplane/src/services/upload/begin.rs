//! The beginning of an upload: who may, how large, under which rule, out of which pieces.

use std::collections::HashSet;
use std::sync::Arc;

use streamgate_contract::UploadId;

use super::error::UploadError;
use super::metadata::Metadata;
use super::receive::{Body, MAX_UPLOAD_BYTES};
use super::{Status, UploadService, internal};
use crate::ports::catalog::uploads::{Upload, UploadKind};
use crate::ports::identity::Principal;

/// Most pieces of a joined upload.
pub const MAX_PIECES: usize = 64;

/// An upload that is asked for.
pub struct Creation {
    /// What it is for.
    pub kind: UploadKind,
    /// Its bytes; `None` when the client tells later.
    pub length: Option<u64>,
    /// What it says about itself.
    pub metadata: Metadata,
}

impl Creation {
    /// A file of `length` bytes.
    pub fn whole(length: u64, metadata: Metadata) -> Self {
        Self {
            kind: UploadKind::Whole,
            length: Some(length),
            metadata,
        }
    }
}

impl UploadService {
    /// Most bytes of one upload.
    pub fn max_bytes(&self) -> u64 {
        self.settings.max_upload_bytes.min(MAX_UPLOAD_BYTES)
    }

    /// Begins an upload. One that is joined of whole pieces is complete at once.
    ///
    /// # Errors
    /// When the caller may not upload, has too much here, or length, metadata or pieces are not
    /// accepted.
    pub async fn create(&self, who: Principal, asked: Creation) -> Result<Status, UploadError> {
        if !(who.creator || who.admin) {
            return Err(UploadError::CreatorRequired);
        }
        if let Some(length) = asked.length {
            self.check_length(length)?;
        }
        self.check_rule(asked.metadata.rule.as_deref())?;
        let length = match &asked.kind {
            UploadKind::Joined(pieces) => self.check_pieces(who, pieces).await?,
            UploadKind::Whole | UploadKind::Piece => asked.length,
        };
        let mut upload = Upload {
            id: new_id()?,
            owner: who.wallet.to_string(),
            kind: asked.kind,
            length,
            metadata: serde_json::to_string(&asked.metadata).map_err(UploadError::Unreadable)?,
            created_at: self.clock.now(),
            parts: Vec::new(),
            content: None,
        };
        self.add_within_quota(&upload).await?;
        self.on.metrics.created.inc();
        self.finish(&mut upload).await?;
        self.status(upload)
    }

    /// Appends the body that came with the creation. What stops it later than its first byte is
    /// told by the offset: the client has its upload and goes on.
    ///
    /// # Errors
    /// When the body is longer than the upload, no video, or not what its checksum says.
    pub async fn begin(
        self: &Arc<Self>,
        who: Principal,
        created: Status,
        body: Body,
    ) -> Result<Status, UploadError> {
        use UploadError::{Checksum, NotMedia, TooLong};
        let id = created.upload.id;
        match self.append(who, id.clone(), body).await {
            Err(NotMedia) => Err(NotMedia),
            Err(refused @ (TooLong { .. } | Checksum(_))) => {
                self.terminate(who, &id).await?;
                Err(refused)
            }
            Err(error) => {
                tracing::warn!(upload = %id, %error, "the body of a creation was not taken whole");
                self.describe(who, &id).await
            }
            done => done,
        }
    }

    /// Takes a file whose body is all there will be: what cannot be taken whole is forgotten.
    ///
    /// # Errors
    /// When it is not accepted, or something fails on the way.
    pub async fn take_whole(
        self: &Arc<Self>,
        who: Principal,
        asked: Creation,
        body: Body,
    ) -> Result<Status, UploadError> {
        let service = self.clone();
        let work = async move {
            let id = service.create(who, asked).await?.upload.id;
            let outcome = service.append_here(who, &id, body).await;
            // A body that ends early without saying so is cut, too.
            let outcome = outcome.and_then(|status| match status.upload.content {
                Some(_) => Ok(status),
                None => Err(UploadError::Cut),
            });
            if outcome.is_err() && service.load(who, &id).await.is_ok() {
                service.forget(&id).await?;
            }
            outcome
        };
        // The caller may be gone before the rest is tidied up.
        let task = self.tasks.spawn(work);
        task.await.map_err(UploadError::Died)?
    }

    pub(super) fn check_length(&self, length: u64) -> Result<(), UploadError> {
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

    /// Bytes of all pieces, as far as they are known.
    async fn check_pieces(
        &self,
        who: Principal,
        pieces: &[UploadId],
    ) -> Result<Option<u64>, UploadError> {
        let distinct: HashSet<_> = pieces.iter().collect();
        if pieces.is_empty() || pieces.len() > MAX_PIECES || distinct.len() < pieces.len() {
            return Err(UploadError::Pieces);
        }
        let mut length = Some(0_u64);
        for id in pieces {
            let piece = self.load(who, id).await?;
            if piece.kind != UploadKind::Piece || piece.content.is_some() {
                return Err(UploadError::NotAPiece { id: id.clone() });
            }
            let together = length.zip(piece.length);
            length = together.map(|(sum, bytes)| sum.saturating_add(bytes));
        }
        length.map_or(Ok(()), |length| self.check_length(length))?;
        Ok(length)
    }
}

fn new_id() -> Result<UploadId, UploadError> {
    let id = format!("{:032x}", rand::random::<u128>());
    id.parse().map_err(internal)
}
