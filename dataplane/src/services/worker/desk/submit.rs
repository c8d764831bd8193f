//! Jobs that people submit: a finished upload, or a content again, with settings of their own. Volumes
//! and addresses are no sources here: whoever may name those applies a TranscodeJob.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use streamgate_contract::encryption::EncryptionSettings;
use streamgate_contract::renditions::{AudioSettings, GridSettings, Ladder, Rendition};
use streamgate_contract::{ContentId, UploadId};
use streamgate_crds::TranscodeJobSpec;

use super::{Desk, DeskError};
use crate::ports::catalog::{CatalogError, Content};
use crate::ports::identity::Principal;
use crate::ports::jobs::{Job, JobsError, Made, Marks};
use crate::services::worker::assignment::plan_request;
use crate::services::worker::error::WorkerError;
use crate::services::worker::outbox;

/// A job that somebody asks for. What is absent, the profile says, and then the StreamGate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewJob {
    /// Finished upload to encode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 63)]
    pub upload: Option<UploadId>,
    /// Content to encode again from what was uploaded for it, in place of `upload`. What plays now
    /// plays until the new output is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 63)]
    pub content: Option<ContentId>,
    /// Name of a profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 63)]
    pub profile: Option<String>,
    /// Ladder, tallest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>, min_items = 1, max_items = 12)]
    pub renditions: Option<Vec<Rendition>>,
    /// `Fixed` makes every rung, `Auto` those that are worth their bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(Fixed|Auto)$")]
    pub ladder: Option<Ladder>,
    /// Audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub audio: Option<AudioSettings>,
    /// Lengths of groups of pictures, segments and spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub grid: Option<GridSettings>,
    /// Encryption of the whole output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub encryption: Option<EncryptionSettings>,
}

/// What a job encodes, and for whom.
pub(super) struct Source {
    pub(super) upload: UploadId,
    pub(super) content: Content,
}

impl Desk {
    /// Submits a job. With a key the same request makes it once, however often and wherever it is
    /// repeated; was it made now?
    ///
    /// # Errors
    /// When the caller may not, there is nothing to encode, or the gate or the cluster refuses.
    pub async fn submit(
        &self,
        who: &Principal,
        key: Option<&str>,
        new: NewJob,
    ) -> Result<(bool, Job), DeskError> {
        if !(who.creator || who.admin) {
            return Err(DeskError::CreatorRequired);
        }
        let source = self.source(who, &new).await?;
        let spec = self.spec(&new, &source.upload)?;
        let request = fingerprint(&new);
        let marks = marks(&source.content, Some(request.clone()));
        let name = name(&who.wallet.to_string(), key);
        let namespace = &self.gate.namespace;
        let made = self.on.jobs.create(namespace, &name, &spec, &marks).await;
        match made {
            Err(JobsError::Taken { .. }) => Err(DeskError::KeyReused),
            Err(error) => Err(error.into()),
            Ok((Made::Created, job)) => Ok((true, job)),
            Ok((Made::Existed, job)) if job.marks.request == Some(request) => Ok((false, job)),
            Ok((Made::Existed, _)) => Err(DeskError::KeyReused),
        }
    }

    /// What is to be encoded, when the caller may have that done.
    pub(super) async fn source(&self, who: &Principal, new: &NewJob) -> Result<Source, DeskError> {
        match (&new.upload, &new.content) {
            (Some(upload), None) => self.of_upload(who, upload).await,
            (None, Some(content)) => self.of_content(who, content).await,
            _ => Err(DeskError::OneSource),
        }
    }

    async fn of_upload(&self, who: &Principal, id: &UploadId) -> Result<Source, DeskError> {
        let absent = || {
            let detail = format!("there is no upload {id} of yours; name one of your own");
            DeskError::NoSource(detail)
        };
        let upload = found(self.on.catalog.upload(id).await)?.ok_or_else(absent)?;
        if !owns(who, &upload.owner) {
            return Err(absent());
        }
        let Some(content) = &upload.content else {
            let detail = format!("upload {id} is not finished; finish it and submit again");
            return Err(DeskError::NoSource(detail));
        };
        let removed = || {
            let detail = format!("the content of upload {id} was removed; upload it again");
            DeskError::NoSource(detail)
        };
        let content = found(self.on.catalog.content(content).await)?;
        let upload = id.clone();
        content
            .map(|content| Source { upload, content })
            .ok_or_else(removed)
    }

    async fn of_content(&self, who: &Principal, id: &ContentId) -> Result<Source, DeskError> {
        let absent = || {
            let detail = format!("there is no content {id} of yours; name one of your own");
            DeskError::NoSource(detail)
        };
        let content = found(self.on.catalog.content(id).await)?;
        let content = content
            .filter(|content| owns(who, &content.owner))
            .ok_or_else(absent)?;
        let none = || {
            let detail = format!(
                "content {id} was not uploaded, so its source is not known here; apply a TranscodeJob"
            );
            DeskError::NoSource(detail)
        };
        let upload = self.on.catalog.upload_of(id).await?.ok_or_else(none)?;
        Ok(Source { upload, content })
    }

    /// The TranscodeJob that is asked for, as far as the gate takes it.
    pub(super) fn spec(
        &self,
        new: &NewJob,
        upload: &UploadId,
    ) -> Result<TranscodeJobSpec, DeskError> {
        let spec = TranscodeJobSpec {
            profile: new.profile.clone(),
            renditions: new.renditions.clone(),
            ladder: new.ladder,
            audio: new.audio.clone(),
            grid: new.grid.clone(),
            encryption: new.encryption.clone(),
            ..outbox::spec(&self.gate.name, upload)
        };
        match plan_request(&self.transcode, &spec) {
            Ok(_) => Ok(spec),
            Err(WorkerError::Refused { detail, .. }) => Err(DeskError::Settings(detail)),
            Err(error) => Err(DeskError::Settings(error.to_string())),
        }
    }
}

/// What the catalog has, or nothing.
pub(super) fn found<T>(answer: Result<T, CatalogError>) -> Result<Option<T>, CatalogError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(CatalogError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn owns(who: &Principal, owner: &str) -> bool {
    who.admin || owner.eq_ignore_ascii_case(&who.wallet.to_string())
}

/// A job is the content's owner's, whoever submits it.
pub(super) fn marks(content: &Content, request: Option<String>) -> Marks {
    Marks {
        owner: Some(content.owner.clone()),
        content: Some(content.id.clone()),
        request,
    }
}

/// Names what was asked: the same for the same request.
fn fingerprint(new: &NewJob) -> String {
    let text = serde_json::to_vec(new).unwrap_or_default();
    hex::encode(&Sha256::digest(text)[..16])
}

/// A name that follows from caller and key, or one that no job had before.
fn name(wallet: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => {
            let hash = Sha256::digest(format!("job {wallet} {key}"));
            format!("job-{}", hex::encode(&hash[..12]))
        }
        None => format!("job-{:024x}", rand::random::<u128>() >> 32),
    }
}
