//! The desk: what people ask of the worker. Jobs they see are the TranscodeJobs themselves; what is
//! asked of one is written into its status, and the operator does it.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus::Registry;
use streamgate_contract::config::{GateIdentity, RoleConfig, Transcode};
use streamgate_crds::transcode_job::{Ask, Asked};

use crate::ports::catalog::{Catalog, CatalogError};
use crate::ports::clock::Clock;
use crate::ports::identity::Principal;
use crate::ports::jobs::{Job, Jobs, JobsError, Written};
use crate::ports::objects::{Objects, ObjectsError};
use crate::services::metadata::cursor::{CursorKey, InvalidCursor};

mod clean;
mod clockwork;
mod id;
mod list;
mod metrics;
pub mod profiles;
pub mod queue;
pub mod schedules;
mod steer;
mod submit;
#[cfg(test)]
mod tests;
mod timetable;

pub use clockwork::tick_name;
pub use id::JobId;
pub use list::{JobsOf, Listing};
use metrics::Metrics;
use steer::Turn;
pub use submit::NewJob;
use timetable::InvalidTimetable;

use super::admit::names_gate;

/// Most jobs of one answer.
pub const MAX_LIMIT: u64 = 200;
/// How often a job that changes under our hands is looked at again, and the pause between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// Why the desk does not do it.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is none, or it is not for the caller to see.
    #[error("job {0} does not exist; look it up in the list of jobs")]
    NotFound(JobId),
    /// Somebody who may not submit jobs.
    #[error("only creators may submit jobs; ask an administrator of this gate to add your wallet")]
    CreatorRequired,
    /// Neither an upload nor a content, or both.
    #[error("a job needs one source; name either upload or content")]
    OneSource,
    /// There is nothing to encode, as far as the caller may know.
    #[error("{0}")]
    NoSource(String),
    /// The gate does not take these settings.
    #[error("{0}")]
    Settings(String),
    /// The key was used for something else.
    #[error("this Idempotency-Key was used for another request; use a new one")]
    KeyReused,
    /// Somebody who is no admin.
    #[error("only admins may have this done")]
    AdminRequired,
    /// It would do nothing.
    #[error("say what to remove: set at least one age")]
    Nothing,
    /// It never comes, or nobody knows when.
    #[error(transparent)]
    Timetable(#[from] InvalidTimetable),
    /// Somebody has too many.
    #[error("a wallet has {} schedules at most; remove one", schedules::MOST)]
    TooManySchedules,
    /// It is not as the caller believes.
    #[error("the schedule was changed by somebody else; read it again and repeat the change")]
    Stale,
    /// There is nothing to cancel.
    #[error("the job has ended already; what it made stays")]
    Ended,
    /// Its output may be the content's already.
    #[error("the job's output is being closed; it ends in a moment")]
    Publishing,
    /// There is nothing to retry.
    #[error("only a failed job can be retried; this one has not failed")]
    NotFailed,
    /// It is written all the time.
    #[error("the job changes too often to be told something now; try again")]
    Busy,
    /// The cursor is none of this list.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The cluster.
    #[error(transparent)]
    Jobs(#[from] JobsError),
}

/// What the desk works on.
pub struct Parts {
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// The store: what is cleaned up goes.
    pub objects: Arc<dyn Objects>,
    /// TranscodeJobs.
    pub jobs: Arc<dyn Jobs>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Signs cursors.
    pub cursor_key: CursorKey,
}

/// The desk.
pub struct Desk {
    on: Parts,
    gate: GateIdentity,
    transcode: Transcode,
    metrics: Metrics,
    /// Who this replica is among those that do ticks.
    holder: String,
    /// When ticks were forgotten last.
    forgot: AtomicI64,
}

impl Desk {
    /// Makes it.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn new(
        on: Parts,
        config: &RoleConfig,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            on,
            gate: config.gate.clone(),
            transcode: config.transcode.clone(),
            metrics: Metrics::register(registry)?,
            holder: format!("{:016x}", rand::random::<u64>()),
            forgot: AtomicI64::new(0),
        })
    }

    /// How people name a job.
    pub fn id(&self, job: &Job) -> JobId {
        JobId::of(&self.gate.namespace, &job.namespace, &job.name)
    }

    /// One job; what somebody may not see does not exist for them.
    ///
    /// # Errors
    /// When there is no such job for them, or the cluster does not say.
    pub async fn job(&self, who: &Principal, id: &JobId) -> Result<Job, DeskError> {
        let namespace = self.namespace_of(id)?;
        let found = self.on.jobs.named(namespace, id.name()).await?;
        self.seen(who, id, found)
    }

    /// Ends a job's attempt; harmless when repeated.
    ///
    /// # Errors
    /// When there is no such job for them, it has ended, or it is being published.
    pub async fn cancel(&self, who: &Principal, id: &JobId) -> Result<Job, DeskError> {
        self.steer(who, id, Ask::Cancel).await
    }

    /// Begins another attempt of a failed job; harmless when repeated.
    ///
    /// # Errors
    /// When there is no such job for them, or it has not failed.
    pub async fn retry(&self, who: &Principal, id: &JobId) -> Result<Job, DeskError> {
        self.steer(who, id, Ask::Retry).await
    }

    async fn steer(&self, who: &Principal, id: &JobId, action: Ask) -> Result<Job, DeskError> {
        let namespace = self.namespace_of(id)?;
        for _ in 0..TRIES {
            // What was seen may be older than what the caller was told.
            let found = self.on.jobs.read(namespace, id.name()).await?;
            let job = self.seen(who, id, found)?;
            let asked = match steer::decide(&job, action)? {
                Turn::Stands => return Ok(job),
                Turn::Write(asked) => asked,
            };
            if self.on.jobs.ask(&job, asked).await? == Written::Done {
                tracing::info!(job = job.name, ?asked, "asked of a TranscodeJob");
                return Ok(told(job, asked));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(DeskError::Busy)
    }

    /// The namespace a job may be in: no other is asked.
    fn namespace_of<'a>(&'a self, id: &'a JobId) -> Result<&'a str, DeskError> {
        let namespace = id.namespace().unwrap_or(&self.gate.namespace);
        let allowed = &self.gate.allowed_namespaces;
        let known = namespace == self.gate.namespace || allowed.iter().any(|n| n == namespace);
        let absent = || DeskError::NotFound(id.clone());
        known.then_some(namespace).ok_or_else(absent)
    }

    fn seen(&self, who: &Principal, id: &JobId, found: Option<Job>) -> Result<Job, DeskError> {
        let visible = |job: &Job| names_gate(&self.gate, job) && is_theirs(who, job);
        let absent = || DeskError::NotFound(id.clone());
        found.filter(visible).ok_or_else(absent)
    }
}

/// A job is its owner's and the admins' to see and to steer.
fn is_theirs(who: &Principal, job: &Job) -> bool {
    let owns = |owner: &str| owner.eq_ignore_ascii_case(&who.wallet.to_string());
    who.admin || job.owner().is_some_and(owns)
}

/// The job as it is now that this was written.
fn told(mut job: Job, asked: Asked) -> Job {
    Arc::make_mut(&mut job.status).asked = Some(asked);
    job
}
