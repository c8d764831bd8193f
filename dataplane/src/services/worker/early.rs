//! TranscodeJobs for uploads that still run. An upload whose head tells everything else is given one
//! that encodes what arrives; when that one comes to nothing, the finished upload gets a job as any
//! other.

mod layout;

use std::time::Duration;

use moka::future::Cache;
use streamgate_contract::UploadId;
use streamgate_contract::config::Transcode;
use streamgate_contract::renditions::Ladder;

use self::layout::{Layout, layout};
use super::Worker;
use super::error::WorkerError;
use super::outbox;
use crate::ports::catalog::Upload;
use crate::ports::catalog::uploads::UploadKind;
use crate::ports::jobs::{Made, Marks};
use crate::ports::objects::ObjectKey;

/// Uploads that were begun longer ago are left to their end.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// Uploads looked at in one pass.
const BATCH: u32 = 200;

/// Uploads about which nothing is left to be decided.
pub(super) struct Judged(Cache<UploadId, ()>);

impl Judged {
    pub(super) fn new() -> Self {
        Self(Cache::builder().time_to_live(FRESH * 2).build())
    }
}

impl Worker {
    /// Makes a TranscodeJob for every upload that can be encoded while it runs; one that fails holds up
    /// no other.
    ///
    /// # Errors
    /// The first failure, after every upload was tried.
    pub async fn begin_early(&self) -> Result<(), WorkerError> {
        let Some(longest) = longest(&self.transcode) else {
            return Ok(());
        };
        let fresh = i64::try_from(FRESH.as_secs()).unwrap_or(i64::MAX);
        let since = self.clock.now().saturating_sub(fresh);
        let mut outcome = Ok(());
        for id in self.catalog.begun_uploads(since, BATCH).await? {
            if self.judged.0.contains_key(&id) {
                continue;
            }
            match self.consider(&id, longest).await {
                Ok(true) => self.judged.0.insert(id, ()).await,
                Ok(false) => {}
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// Whether the early job of a finished upload does all there is to do.
    pub(super) async fn is_at_work(&self, upload: &UploadId) -> Result<bool, WorkerError> {
        let namespace = &self.gate.namespace;
        let job = self.jobs.named(namespace, &name(upload)).await?;
        // One that has succeeded by now has done it.
        Ok(job.is_some_and(|job| !job.deleted && !job.failed()))
    }

    /// Looks at one upload; true when there is nothing left to decide.
    async fn consider(&self, id: &UploadId, longest: Duration) -> Result<bool, WorkerError> {
        let upload = self.catalog.upload(id).await?;
        if upload.content.is_some() || upload.kind != UploadKind::Whole || upload.length.is_none() {
            return Ok(true);
        }
        match layout(&self.head(&upload).await?) {
            Layout::Unclear => return Ok(false),
            Layout::Late => {}
            Layout::Early { length } if length > longest => {}
            Layout::Early { .. } => self.make_early(&upload).await?,
        }
        Ok(true)
    }

    /// The first bytes of an upload.
    async fn head(&self, upload: &Upload) -> Result<Vec<u8>, WorkerError> {
        let mut head = Vec::new();
        for part in &upload.parts {
            let left = (layout::MOST - head.len()) as u64;
            if left == 0 {
                break;
            }
            let key = ObjectKey::parse(&part.key)?;
            let wanted = 0..part.bytes.min(left);
            head.extend_from_slice(&self.objects.get_range(&key, wanted).await?);
        }
        Ok(head)
    }

    async fn make_early(&self, upload: &Upload) -> Result<(), WorkerError> {
        let (namespace, name) = (&self.gate.namespace, name(&upload.id));
        let mut spec = outbox::spec(&self.gate.name, &upload.id);
        if let Some(source) = &mut spec.source.upload {
            source.while_uploading = true;
        }
        let marks = Marks {
            owner: Some(upload.owner.clone()),
            ..Marks::default()
        };
        let (made, _) = self.jobs.create(namespace, &name, &spec, &marks).await?;
        if made == Made::Created {
            tracing::info!(
                job = name,
                "made a TranscodeJob for an upload that still runs"
            );
        }
        Ok(())
    }
}

/// Follows from the upload, so that making the job repeats harmlessly.
fn name(upload: &UploadId) -> String {
    format!("early-{upload}")
}

/// Longest video that is begun early: what one pod does. `None` when nothing is.
fn longest(transcode: &Transcode) -> Option<Duration> {
    let whole_file = transcode.ladder == Ladder::Auto || transcode.audio.loudness.is_some();
    if !transcode.while_uploading || whole_file {
        return None;
    }
    let grid = &transcode.grid;
    let segments = grid.segments_per_chunk.checked_mul(grid.chunks_per_span)?;
    let gops = segments.checked_mul(grid.gops_per_segment)?;
    let milliseconds = u64::from(gops).checked_mul(grid.gop_milliseconds.into())?;
    Some(Duration::from_millis(milliseconds))
}
