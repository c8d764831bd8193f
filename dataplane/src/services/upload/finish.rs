//! The end of an upload: a look at what it is, then a content.

use bytes::BytesMut;
use sha2::{Digest, Sha256};
use streamgate_contract::{ContentId, UploadId};

use super::checksum::{Checksum, Expected, Sums};
use super::error::UploadError;
use super::media::{self, Verdict};
use super::{UploadService, internal, read};
use crate::ports::catalog::uploads::{Upload, UploadKind, UploadPart};
use crate::ports::catalog::{CatalogError, Content, ContentState};
use crate::ports::objects::ObjectKey;

impl UploadService {
    /// Turns a whole upload into a content; harmless when it is one already or not whole yet.
    ///
    /// # Errors
    /// When it is no video, which ends it, or the catalog fails.
    pub(super) async fn finish(&self, upload: &mut Upload) -> Result<(), UploadError> {
        if upload.content.is_some() {
            return Ok(());
        }
        match &upload.kind {
            UploadKind::Whole if upload.is_whole() => self.judge_short(upload).await?,
            UploadKind::Joined(pieces) => match self.pieces(pieces).await? {
                Some(parts) => self.judge(upload, &parts).await?,
                None => return Ok(()),
            },
            UploadKind::Piece if upload.is_whole() => return self.finish_joined(&upload.id).await,
            _ => return Ok(()),
        }
        self.verify(upload).await?;
        let content = self.content(upload)?;
        let completed = self.on.uploads.complete_upload(&upload.id, &content);
        completed.await?;
        self.on.metrics.completed.inc();
        *upload = self.on.uploads.upload(&upload.id).await?;
        self.remove_strays(upload).await;
        Ok(())
    }

    /// Completes what a piece was the last one of.
    async fn finish_joined(&self, piece: &UploadId) -> Result<(), UploadError> {
        for id in self.on.uploads.joined_from(piece).await? {
            let mut joined = self.on.uploads.upload(&id).await?;
            if let Err(error) = Box::pin(self.finish(&mut joined)).await {
                // The piece is good, whatever it is part of.
                tracing::warn!(upload = %id, %error, "a joined upload was not completed");
            }
        }
        Ok(())
    }

    /// The parts of pieces; `None` while one of them is not whole.
    async fn pieces(&self, pieces: &[UploadId]) -> Result<Option<Vec<UploadPart>>, UploadError> {
        let mut parts = Vec::new();
        for id in pieces {
            let piece = match self.on.uploads.upload(id).await {
                // It can still come to nothing, but not to a content: it expires.
                Err(CatalogError::NotFound { .. }) => return Ok(None),
                other => other?,
            };
            if piece.content.is_some() || !piece.is_whole() {
                return Ok(None);
            }
            parts.extend(piece.parts);
        }
        Ok(Some(parts))
    }

    /// Longer ones were looked at as they came.
    async fn judge_short(&self, upload: &Upload) -> Result<(), UploadError> {
        match upload.offset() < media::ENOUGH as u64 {
            true => self.judge(upload, &upload.parts).await,
            false => Ok(()),
        }
    }

    /// Ends an upload that is no video.
    async fn judge(&self, upload: &Upload, parts: &[UploadPart]) -> Result<(), UploadError> {
        let mut head = BytesMut::with_capacity(media::ENOUGH);
        for part in parts {
            let wanted = part.bytes.min((media::ENOUGH - head.len()) as u64);
            let key = ObjectKey::parse(&part.key)?;
            head.extend_from_slice(&self.on.objects.get_range(&key, 0..wanted).await?);
        }
        match media::judge(&head, true) {
            Verdict::Media => Ok(()),
            Verdict::Other | Verdict::Unclear => {
                self.forget(&upload.id).await?;
                Err(UploadError::NotMedia)
            }
        }
    }

    /// Ends an upload that is not what was announced as a whole.
    async fn verify(&self, upload: &Upload) -> Result<(), UploadError> {
        let digest = read(upload)?.digest.unwrap_or_default();
        // It was parsed when the upload began.
        let Ok(Some(wanted)) = Checksum::of_digest_field(&digest) else {
            return Ok(());
        };
        let Some(mut sums) = Sums::new(Expected::Known(wanted)) else {
            return Ok(());
        };
        for part in &upload.parts {
            let key = ObjectKey::parse(&part.key)?;
            sums.update(&self.on.objects.get(&key).await?);
        }
        if let Err(refused) = sums.verify() {
            self.forget(&upload.id).await?;
            return Err(refused.into());
        }
        Ok(())
    }

    fn content(&self, upload: &Upload) -> Result<Content, UploadError> {
        let metadata = read(upload)?;
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
}

/// The content an upload becomes: always the same, and nothing that tells the upload's id.
pub(super) fn content_id(upload: &UploadId) -> Result<ContentId, UploadError> {
    let digest = Sha256::digest(format!("content of upload {upload}"));
    let id = format!("c{}", &hex::encode(digest)[..24]);
    id.parse().map_err(internal)
}
