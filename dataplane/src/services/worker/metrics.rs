//! What the worker counts. Every label set exists from the start.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Bound handles.
#[derive(Clone)]
pub(super) struct Metrics {
    pub(super) tickets: IntCounter,
    pub(super) commits_first: IntCounter,
    pub(super) commits_repeated: IntCounter,
    pub(super) commits_refused: IntCounter,
    pub(super) writes_done: IntCounter,
    pub(super) writes_stale: IntCounter,
    pub(super) writes_failed: IntCounter,
    pub(super) jobs_active: IntGauge,
    pub(super) outbox: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let commits = counters(
            registry,
            "streamgate_worker_commits_total",
            "Commits of objects: first writer, repeated, or refused.",
        )?;
        let writes = counters(
            registry,
            "streamgate_worker_progress_writes_total",
            "Writes of status.progress: done, stale (looked again), or failed.",
        )?;
        let tickets = IntCounter::new(
            "streamgate_worker_tickets_total",
            "Upload tickets given to job pods.",
        )?;
        let jobs_active = IntGauge::new(
            "streamgate_worker_jobs_active",
            "TranscodeJobs whose pods were heard of and that have not ended.",
        )?;
        let outbox = IntGauge::new(
            "streamgate_worker_outbox_entries",
            "Finished uploads that wait for their TranscodeJob, at most 100 are counted.",
        )?;
        registry.register(Box::new(tickets.clone()))?;
        registry.register(Box::new(jobs_active.clone()))?;
        registry.register(Box::new(outbox.clone()))?;
        let [commits_first, commits_repeated, commits_refused] =
            ["first", "repeated", "refused"].map(|outcome| commits.with_label_values(&[outcome]));
        let [writes_done, writes_stale, writes_failed] =
            ["done", "stale", "failed"].map(|outcome| writes.with_label_values(&[outcome]));
        Ok(Self {
            tickets,
            commits_first,
            commits_repeated,
            commits_refused,
            writes_done,
            writes_stale,
            writes_failed,
            jobs_active,
            outbox,
        })
    }
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}
