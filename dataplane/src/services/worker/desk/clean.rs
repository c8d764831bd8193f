//! Makes room: unfinished uploads that are old, outputs that play no more. Rows go first, so that
//! nobody goes on with what has lost an object; what a crash leaves goes the next time.

use std::collections::HashSet;

use streamgate_contract::{UploadId, names};

use super::schedules::CleanUp;
use super::{Desk, DeskError};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::retired::Spare;
use crate::ports::clock::UnixSeconds;
use crate::ports::objects::ObjectKey;

/// What becomes of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It stays as it is.
    Stay,
    /// It is noted: from now on its time runs.
    Retire,
    /// It goes.
    Go,
}

impl Desk {
    /// Removes what is asked for; a sentence about it.
    ///
    /// # Errors
    /// When catalog, store or cluster fail; what was removed until then stays removed.
    pub(super) async fn clean_up(&self, what: &CleanUp) -> Result<String, DeskError> {
        let now = self.on.clock.now();
        let age = |seconds: u64| now.saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX));
        let mut told = Vec::new();
        if let Some(older) = what.uploads_older_than_seconds {
            let removed = self.clean_uploads(age(older.get())).await?;
            told.push(format!("{removed} uploads"));
        }
        if let Some(older) = what.outputs_older_than_seconds {
            let removed = self.clean_outputs(now, age(older.get())).await?;
            told.push(format!("{removed} outputs"));
        }
        Ok(format!("removed {}", told.join(" and ")))
    }

    async fn clean_uploads(&self, before: UnixSeconds) -> Result<u64, DeskError> {
        let mut removed = 0;
        for id in self.on.catalog.unfinished_uploads().await? {
            match self.clean_upload(&id, before).await {
                Ok(gone) => removed += u64::from(gone),
                // Completed or removed by somebody else meanwhile.
                Err(DeskError::Catalog(
                    CatalogError::NotFound { .. } | CatalogError::Conflict { .. },
                )) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    /// Removes an upload unless somebody writes it.
    async fn clean_upload(&self, id: &UploadId, before: UnixSeconds) -> Result<bool, DeskError> {
        let catalog = &self.on.catalog;
        if catalog.upload(id).await?.created_at >= before {
            return Ok(false);
        }
        if catalog.take_turn(id, &self.holder, None).await?.is_none() {
            return Ok(false);
        }
        catalog.delete_upload(id).await?;
        self.remove_below(&names::upload_prefix(id)).await?;
        Ok(true)
    }

    async fn clean_outputs(&self, now: UnixSeconds, before: UnixSeconds) -> Result<u64, DeskError> {
        let jobs = self.on.jobs.all().await?;
        let working = jobs.iter().filter(|job| !job.ended());
        let working: HashSet<&str> = working.map(|job| job.uid.as_str()).collect();
        let mut removed = 0;
        for spare in self.on.catalog.spare_outputs().await? {
            match fate(&spare, &working, before) {
                Fate::Stay => {}
                Fate::Retire => self.on.catalog.retire(&spare.output, now).await?,
                Fate::Go => {
                    removed += u64::from(self.on.catalog.remove_output(&spare.output).await?);
                }
            }
        }
        self.remove_objects().await?;
        Ok(removed)
    }

    /// Objects of outputs that are gone, those a crash left, too.
    async fn remove_objects(&self) -> Result<(), DeskError> {
        loop {
            let gone = self.on.catalog.removed_outputs().await?;
            if gone.is_empty() {
                return Ok(());
            }
            for (content, output) in gone {
                self.remove_below(&format!("contents/{content}/{output}"))
                    .await?;
                self.on.catalog.forget_output(&output).await?;
            }
        }
    }

    async fn remove_below(&self, prefix: &str) -> Result<(), DeskError> {
        for key in self.on.objects.list(&ObjectKey::parse(prefix)?).await? {
            self.on.objects.delete(&key).await?;
        }
        Ok(())
    }
}

/// `working`: UIDs of jobs that have not ended.
fn fate(spare: &Spare, working: &HashSet<&str>, before: UnixSeconds) -> Fate {
    let uid = spare.job.split('/').next().unwrap_or_default();
    match spare.retired_at {
        _ if working.contains(uid) => Fate::Stay,
        None => Fate::Retire,
        Some(at) if at <= before => Fate::Go,
        Some(_) => Fate::Stay,
    }
}
