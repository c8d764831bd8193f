//! Turns finished uploads into TranscodeJobs. The name of a job follows from its upload, so a
//! crash between making the job and emptying the outbox repeats harmlessly.

use std::time::Duration;

use streamgate_contract::UploadId;
use streamgate_crds::StreamGateRef;
use streamgate_crds::TranscodeJobSpec;
use streamgate_crds::transcode_job::{Source, UploadSource};
use tokio_util::sync::CancellationToken;

use super::Worker;
use super::error::WorkerError;
use crate::ports::catalog::{CatalogError, OutboxEntry};
use crate::ports::causes;
use crate::ports::jobs::{Made, Marks};

/// Entries taken at once.
const BATCH: u32 = 100;
/// Pause between two looks into the outbox: what a finished upload waits at most.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause while it fails.
const MAX_PAUSE: Duration = Duration::from_secs(60);

impl Worker {
    /// Empties the outbox and begins what can be begun early until `stop`.
    pub(super) async fn drain_for_ever(&self, stop: &CancellationToken) {
        let mut pause = PAUSE;
        while stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_some()
        {
            pause = match self.drain().await.and(self.begin_early().await) {
                Ok(()) => PAUSE,
                Err(error) => {
                    let pause = (pause * 2).min(MAX_PAUSE);
                    let (error, seconds) = (causes(&error), pause.as_secs());
                    tracing::warn!(
                        error,
                        seconds,
                        "cannot turn every upload into a job; trying again"
                    );
                    pause
                }
            };
        }
    }

    /// Makes a TranscodeJob for every entry; one that fails holds up no other.
    ///
    /// # Errors
    /// The first failure, after every entry was tried.
    pub async fn drain(&self) -> Result<(), WorkerError> {
        let entries = self.catalog.outbox(BATCH).await?;
        let mut outcome = Ok(());
        let mut left = entries.len();
        for entry in &entries {
            match self.make_job(entry).await {
                Ok(()) => left -= 1,
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        self.metrics
            .outbox
            .set(i64::try_from(left).unwrap_or(i64::MAX));
        outcome
    }

    async fn make_job(&self, entry: &OutboxEntry) -> Result<(), WorkerError> {
        if self.is_at_work(&entry.upload).await? {
            return Ok(self.catalog.outbox_done(&entry.upload).await?);
        }
        let name = format!("upload-{}", entry.upload);
        let spec = spec(&self.gate.name, &entry.upload);
        let marks = Marks {
            owner: self.owner_of(entry).await?,
            content: Some(entry.content.clone()),
            request: None,
        };
        let namespace = &self.gate.namespace;
        let (made, _) = self.jobs.create(namespace, &name, &spec, &marks).await?;
        if made == Made::Created {
            tracing::info!(job = name, content = %entry.content, "made a TranscodeJob");
        }
        Ok(self.catalog.outbox_done(&entry.upload).await?)
    }
}

impl Worker {
    /// Whose the content is; nobody's when it was removed meanwhile.
    async fn owner_of(&self, entry: &OutboxEntry) -> Result<Option<String>, WorkerError> {
        match self.catalog.content(&entry.content).await {
            Ok(content) => Ok(Some(content.owner)),
            Err(CatalogError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// An upload brings its own content; everything else is the StreamGate's default.
pub(super) fn spec(gate: &str, upload: &UploadId) -> TranscodeJobSpec {
    TranscodeJobSpec {
        stream_gate_ref: StreamGateRef {
            name: gate.to_owned(),
            namespace: None,
        },
        source: Source {
            upload: Some(UploadSource {
                id: upload.clone(),
                while_uploading: false,
            }),
            persistent_volume_claim: None,
        },
        content: None,
        profile: None,
        renditions: None,
        ladder: None,
        audio: None,
        subtitles: None,
        grid: None,
        encryption: None,
        parallelism: None,
        priority_class_name: None,
        backoff_limit_per_index: RETRIES,
        active_deadline_seconds: None,
        ttl_seconds_after_finished: None,
        suspend: false,
    }
}

/// How often a span is tried again; the default of the kind.
const RETRIES: i32 = 3;
