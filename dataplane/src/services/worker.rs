//! Role `worker`: the one door to jobs. It tells job pods what to do, gives out URLs of objects,
//! commits what they deliver, closes outputs, writes how far each job is into the resource, and
//! turns finished uploads into TranscodeJobs.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use prometheus::Registry;
use streamgate_contract::config::{GateIdentity, RoleConfig, Transcode};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::ports::catalog::Catalog;
use crate::ports::causes;
use crate::ports::clock::Clock;
use crate::ports::jobs::{Jobs, Pod, PodTokens, Written};
use crate::ports::objects::Objects;

mod admit;
mod arriving;
mod assignment;
mod body;
mod content;
mod deliver;
pub mod desk;
mod early;
pub mod error;
pub mod http;
mod metrics;
mod objects;
mod outbox;
mod plan;
mod planned;
pub mod progress;
mod range;
pub mod signature;
mod take_over;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use admit::Task;
use early::Judged;
use error::WorkerError;
use metrics::Metrics;
use planned::Planned;
use progress::{Board, Entry};
use signature::UrlKey;

/// Pause between two looks at the board.
const TICK: Duration = Duration::from_secs(1);
/// How often the last progress of a job is tried, and the pause between.
const LAST_TRIES: u32 = 20;
const LAST_PAUSE: Duration = Duration::from_millis(100);
/// Plans kept at hand.
const PLANS: u64 = 256;

/// What the role is made of.
pub struct Parts {
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// The store.
    pub objects: Arc<dyn Objects>,
    /// TranscodeJobs.
    pub jobs: Arc<dyn Jobs>,
    /// Proof of who a pod is.
    pub tokens: Arc<dyn PodTokens>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Signs URLs of stores that cannot.
    pub url_key: UrlKey,
}

/// The role.
pub struct Worker {
    catalog: Arc<dyn Catalog>,
    objects: Arc<dyn Objects>,
    jobs: Arc<dyn Jobs>,
    tokens: Arc<dyn PodTokens>,
    clock: Arc<dyn Clock>,
    url_key: UrlKey,
    gate: GateIdentity,
    transcode: Transcode,
    rules: Vec<String>,
    planned: Cache<String, Arc<Planned>>,
    judged: Judged,
    board: Board,
    counting: Mutex<()>,
    metrics: Metrics,
}

impl Worker {
    /// Makes the role.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn new(
        parts: Parts,
        config: &RoleConfig,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            catalog: parts.catalog,
            objects: parts.objects,
            jobs: parts.jobs,
            tokens: parts.tokens,
            clock: parts.clock,
            url_key: parts.url_key,
            gate: config.gate.clone(),
            transcode: config.transcode.clone(),
            rules: config.rules.iter().map(|rule| rule.name.clone()).collect(),
            planned: Cache::new(PLANS),
            judged: Judged::new(),
            board: Board::new(),
            counting: Mutex::new(()),
            metrics: Metrics::register(registry)?,
        })
    }

    /// Which pod a token was issued to.
    ///
    /// # Errors
    /// When it proves nothing, or cannot be checked.
    pub async fn identify(&self, token: &str) -> Result<Pod, WorkerError> {
        Ok(self.tokens.verify(token).await?)
    }

    /// Works until `stop`: empties the outbox, writes progress.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::join!(self.drain_for_ever(&stop), self.write_for_ever(&stop));
    }

    /// What a pod works for, if it may ask.
    async fn task(&self, pod: &Pod) -> Result<Task, WorkerError> {
        let parts = admit::job_pod(&self.gate, pod)?;
        let uid = &parts.transcode_job_uid;
        let job = self.jobs.job(&pod.namespace, uid).await?;
        admit::admit(&self.gate, parts, job)
    }

    async fn write_for_ever(&self, stop: &CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(TICK))
            .await
            .is_some()
        {
            self.write_due().await;
        }
    }

    /// Writes the progress of every job that has news, and forgets jobs that ended.
    pub async fn write_due(&self) {
        let entries = self.board.all();
        for (key, entry) in &entries {
            if self.has_ended(entry).await {
                self.board.remove(key);
            } else if entry.is_due(self.board.now()) {
                self.write(entry).await;
            }
        }
        let active = i64::try_from(self.board.all().len());
        self.metrics.jobs_active.set(active.unwrap_or(i64::MAX));
    }

    async fn has_ended(&self, entry: &Entry) -> bool {
        let job = self.jobs.job(&entry.namespace, &entry.uid).await;
        // Not knowing is no reason to forget.
        job.is_ok_and(|job| job.is_none_or(|job| job.ended() || job.attempt > entry.attempt))
    }

    /// Writes what is true now; true when there is nothing more to try.
    async fn write(&self, entry: &Entry) -> bool {
        let Ok(Some(job)) = self.jobs.job(&entry.namespace, &entry.uid).await else {
            return true;
        };
        if job.ended() {
            return true;
        }
        // Reckoned after the job was seen: a write that lands is newer than the one it replaces.
        let now = self.board.now();
        let (progress, changes) = entry.progress(now, self.clock.now());
        match self.jobs.write_progress(&job, &progress).await {
            Ok(Written::Done) => {
                entry.written(changes, now);
                self.metrics.writes_done.inc();
                true
            }
            Ok(Written::Stale) => {
                self.metrics.writes_stale.inc();
                false
            }
            Err(error) => {
                self.metrics.writes_failed.inc();
                let error = causes(&error);
                tracing::warn!(error, job = job.name, "cannot write progress; trying again");
                false
            }
        }
    }

    /// Writes the last progress of an attempt. Progress is for people: an API server that does
    /// not take it holds up nothing for longer than a few seconds.
    async fn finish(&self, entry: &Entry) {
        let write = async {
            for _ in 0..LAST_TRIES {
                if self.write(entry).await {
                    return;
                }
                tokio::time::sleep(LAST_PAUSE).await;
            }
        };
        // Whoever publishes again writes again.
        let _ = tokio::time::timeout(LAST_PAUSE * LAST_TRIES * 2, write).await;
    }
}
