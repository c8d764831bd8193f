//! Uploads as sources: finished ones, and those that a job reads while they run.

use std::time::{Duration, Instant};

use streamgate_contract::job_api::ARRIVAL_SECONDS;

use super::Worker;
use super::admit::Task;
use super::error::WorkerError;
use crate::ports::catalog::{CatalogError, Upload};

/// Pause between two looks at an upload that runs.
const LOOK: Duration = Duration::from_millis(200);

impl Worker {
    /// Waits for more of an upload that still runs.
    pub(super) async fn await_more(&self, task: &Task, beyond: u64) -> Result<(), WorkerError> {
        if task.job.spec.source.upload.is_none() {
            return Ok(());
        }
        let until = Instant::now() + Duration::from_secs(ARRIVAL_SECONDS);
        loop {
            let upload = self.upload(task).await?;
            let settled = upload.content.is_some() || upload.offset() > beyond;
            if settled || Instant::now() >= until {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Bytes that the job's source will have, when it is an upload that still runs.
    pub(super) async fn arriving(&self, task: &Task) -> Result<Option<u64>, WorkerError> {
        if task.job.spec.source.upload.is_none() {
            return Ok(None);
        }
        let upload = self.upload(task).await?;
        match (&upload.content, upload.length) {
            (Some(_), _) => Ok(None),
            (None, Some(length)) => Ok(Some(length)),
            (None, None) => Err(unfinished(&upload)),
        }
    }

    /// The upload that is the job's source, whole and turned into a content.
    pub(super) async fn finished_upload(&self, task: &Task) -> Result<Upload, WorkerError> {
        let upload = self.upload(task).await?;
        match upload.content {
            Some(_) => Ok(upload),
            None => Err(unfinished(&upload)),
        }
    }

    /// The upload that is the job's source: finished, unless the job begins while it runs. Uploads
    /// belong to the StreamGate: only jobs of its own namespace may read them.
    pub(super) async fn upload(&self, task: &Task) -> Result<Upload, WorkerError> {
        let missing = || WorkerError::no_source("the job names no upload; set spec.source.upload");
        let wanted = task.job.spec.source.upload.as_ref().ok_or_else(missing)?;
        let id = &wanted.id;
        let absent = || {
            WorkerError::no_source(format!(
                "upload {id} does not exist in this namespace's StreamGate; check spec.source.upload.id"
            ))
        };
        if task.job.namespace != self.gate.namespace {
            return Err(absent());
        }
        let upload = match self.catalog.upload(id).await {
            Err(CatalogError::NotFound { .. }) if wanted.while_uploading => {
                return Err(WorkerError::abandoned(id));
            }
            Err(CatalogError::NotFound { .. }) => return Err(absent()),
            found => found?,
        };
        if upload.content.is_none() && !wanted.while_uploading {
            return Err(unfinished(&upload));
        }
        Ok(upload)
    }
}

fn unfinished(upload: &Upload) -> WorkerError {
    WorkerError::no_source(format!(
        "upload {} is not finished; finish it and run the job again",
        upload.id
    ))
}
