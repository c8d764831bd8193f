//! Which content gets the output, and may this job write to it?
//!
//! A content made by a TranscodeJob belongs to that job's namespace, one that was uploaded to its
//! uploader. A job may give outputs to contents of its own namespace; in the StreamGate's own
//! namespace also to an uploaded content whose owner it names. An upload brings its own content.

use streamgate_contract::ContentId;
use streamgate_crds::transcode_job::Content as Wanted;

use super::Worker;
use super::admit::Task;
use super::error::WorkerError;
use crate::ports::catalog::{CatalogError, Content, ContentState};

/// The content of a job.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// It is there.
    Exists(ContentId),
    /// It is to be made.
    New(Content),
}

impl Worker {
    /// The content of a job, if the job may write to it.
    pub(super) async fn content_for(&self, task: &Task) -> Result<Target, WorkerError> {
        let spec = &task.job.spec;
        if spec.source.upload.is_some() {
            let upload = self.finished_upload(task).await?;
            let missing = || WorkerError::internal("the upload has no content");
            let own = upload.content.ok_or_else(missing)?;
            return of_upload(spec.content.as_ref(), own);
        }
        let missing = || WorkerError::settings("the job names no content; set spec.content.id");
        let wanted = spec.content.as_ref().ok_or_else(missing)?;
        let found = match self.catalog.content(&wanted.id).await {
            Err(CatalogError::NotFound { .. }) => {
                return Ok(Target::New(self.new_content(wanted)?));
            }
            found => found?,
        };
        let made_in = self.catalog.namespace_of(&wanted.id).await?;
        let claim = Claim {
            namespace: &task.job.namespace,
            gate_namespace: &self.gate.namespace,
            owner: wanted.owner.as_deref(),
        };
        match may_write(&claim, &found.owner, made_in.as_deref()) {
            true => Ok(Target::Exists(found.id)),
            false => Err(WorkerError::settings(format!(
                "content {} was made by another namespace or creator; choose another spec.content.id",
                wanted.id
            ))),
        }
    }

    fn new_content(&self, wanted: &Wanted) -> Result<Content, WorkerError> {
        if let Some(rule) = wanted
            .rule
            .as_ref()
            .filter(|rule| !self.rules.contains(*rule))
        {
            return Err(WorkerError::settings(format!(
                "the StreamGate has no rule {rule:?}; name one of its spec.rules in spec.content.rule"
            )));
        }
        let title = wanted.title.clone();
        Ok(Content {
            id: wanted.id.clone(),
            title: title.unwrap_or_else(|| wanted.id.to_string()),
            // Without an owner nobody but the rule's holders may watch.
            owner: wanted.owner.as_deref().unwrap_or_default().to_lowercase(),
            rule: wanted.rule.clone(),
            state: ContentState::Processing,
            current_output: None,
        })
    }

    /// Makes the content if it is not there, and says which it is.
    pub(super) async fn ensure_content(&self, task: &Task) -> Result<ContentId, WorkerError> {
        let content = match self.content_for(task).await? {
            Target::Exists(id) => return Ok(id),
            Target::New(content) => content,
        };
        let namespace = &task.job.namespace;
        if self.catalog.create_content_of(&content, namespace).await? {
            return Ok(content.id);
        }
        // Somebody made it meanwhile: that one must be ours, too.
        match self.content_for(task).await? {
            Target::Exists(id) => Ok(id),
            Target::New(content) => Err(CatalogError::NotFound {
                kind: "content",
                id: content.id.to_string(),
            }
            .into()),
        }
    }
}

fn of_upload(wanted: Option<&Wanted>, own: ContentId) -> Result<Target, WorkerError> {
    match wanted.filter(|wanted| wanted.id != own) {
        None => Ok(Target::Exists(own)),
        Some(other) => Err(WorkerError::settings(format!(
            "an upload brings its own content {own}, not {}; leave out spec.content",
            other.id
        ))),
    }
}

/// Who wants to write to a content.
struct Claim<'a> {
    namespace: &'a str,
    gate_namespace: &'a str,
    owner: Option<&'a str>,
}

/// `made_in`: the namespace whose job made the content; `None` when it was uploaded.
fn may_write(claim: &Claim<'_>, owner: &str, made_in: Option<&str>) -> bool {
    let same_owner = claim.owner.map(|named| named.eq_ignore_ascii_case(owner));
    match made_in {
        Some(namespace) => namespace == claim.namespace && same_owner.unwrap_or(true),
        None => claim.namespace == claim.gate_namespace && same_owner.unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_namespace_and_creator_may_write_to_a_content() {
        let write = |namespace, named, made_in| {
            let claim = Claim {
                namespace,
                gate_namespace: "gate",
                owner: named,
            };
            may_write(&claim, "0xab", made_in)
        };
        for (namespace, named, made_in, may) in [
            ("media", None, Some("media"), true),
            ("media", Some("0xAB"), Some("media"), true),
            ("media", Some("0xcd"), Some("media"), false),
            ("other", None, Some("media"), false),
            ("gate", None, Some("media"), false),
            ("gate", Some("0xab"), None, true),
            ("gate", None, None, false),
            ("gate", Some("0xcd"), None, false),
            ("media", Some("0xab"), None, false),
        ] {
            assert_eq!(
                write(namespace, named, made_in),
                may,
                "{namespace} {named:?} {made_in:?}"
            );
        }
    }
}
