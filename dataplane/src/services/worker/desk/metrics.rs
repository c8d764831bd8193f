//! What the desk counts. Every label set exists from the start.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::Desk;
use super::queue::{Queue, REASONS};
use crate::ports::catalog::schedules::RunState;

/// Bound handles.
pub(super) struct Metrics {
    states: [IntGauge; 3],
    finished: Vec<IntGauge>,
    oldest_wait: IntGauge,
    ticks_pending: IntGauge,
    done: IntCounter,
    failed: IntCounter,
    pub(super) missed: IntCounter,
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
) -> Result<IntGaugeVec, prometheus::Error> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), &[label])?;
    registry.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let states = gauges(
            registry,
            "streamgate_worker_queue_jobs",
            "TranscodeJobs that have not ended; every replica shows all of them.",
            "state",
        )?;
        let finished = gauges(
            registry,
            "streamgate_worker_queue_finished_jobs",
            "TranscodeJobs that have ended and are still there, by reason.",
            "reason",
        )?;
        let ticks = Opts::new(
            "streamgate_worker_ticks_total",
            "Ticks of schedules that this replica did, could not do, or found too late.",
        );
        let ticks = IntCounterVec::new(ticks, &["outcome"])?;
        registry.register(Box::new(ticks.clone()))?;
        let [done, failed, missed] =
            ["done", "failed", "missed"].map(|outcome| ticks.with_label_values(&[outcome]));
        Ok(Self {
            states: ["queued", "running", "suspended"].map(|s| states.with_label_values(&[s])),
            finished: REASONS
                .iter()
                .map(|reason| finished.with_label_values(&[reason]))
                .collect(),
            oldest_wait: gauge(
                registry,
                "streamgate_worker_queue_oldest_wait_seconds",
                "For how long the TranscodeJob waits that waits longest; 0 when none does.",
            )?,
            ticks_pending: gauge(
                registry,
                "streamgate_worker_ticks_pending",
                "Ticks of schedules that have come and are to be done.",
            )?,
            done,
            failed,
            missed,
        })
    }

    pub(super) fn ended(&self, state: RunState) {
        match state {
            RunState::Done => self.done.inc(),
            RunState::Failed => self.failed.inc(),
            RunState::Missed => self.missed.inc(),
            RunState::Pending => {}
        }
    }

    pub(super) fn pending(&self, ticks: u64) {
        self.ticks_pending.set(whole(ticks));
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Desk {
    pub(super) fn on_metrics(&self, queue: &Queue) {
        let metrics = &self.metrics;
        let states = [queue.queued, queue.running, queue.suspended];
        for (gauge, count) in metrics.states.iter().zip(states) {
            gauge.set(whole(count));
        }
        for (gauge, reason) in metrics.finished.iter().zip(REASONS) {
            gauge.set(whole(queue.finished.get(reason).copied().unwrap_or(0)));
        }
        metrics.oldest_wait.set(queue.oldest_wait.unwrap_or(0));
    }
}
