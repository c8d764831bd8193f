//! What tokio says of its runtime.

use prometheus::{Counter, IntGauge, Registry};
use tokio::runtime::{Handle, RuntimeMetrics};

use crate::ports::figures::{Figures, set_total};

/// The families.
pub struct TokioFigures {
    runtime: RuntimeMetrics,
    tasks: IntGauge,
    queue: IntGauge,
    busy: Counter,
    parks: Counter,
}

impl TokioFigures {
    /// Registers the families for the runtime of the caller.
    ///
    /// # Errors
    /// When one is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let runtime = Handle::current().metrics();
        let workers = IntGauge::new("streamgate_runtime_workers", "Threads that run tasks.")?;
        workers.set(i64::try_from(runtime.num_workers()).unwrap_or(i64::MAX));
        registry.register(Box::new(workers))?;
        let figures = Self {
            runtime,
            tasks: IntGauge::new("streamgate_runtime_tasks", "Tasks alive.")?,
            queue: IntGauge::new(
                "streamgate_runtime_queue_depth",
                "Tasks that wait in the shared queue.",
            )?,
            busy: Counter::new(
                "streamgate_runtime_busy_seconds_total",
                "Time the workers spent running tasks.",
            )?,
            parks: Counter::new(
                "streamgate_runtime_parks_total",
                "Times a worker had nothing to do.",
            )?,
        };
        registry.register(Box::new(figures.tasks.clone()))?;
        registry.register(Box::new(figures.queue.clone()))?;
        registry.register(Box::new(figures.busy.clone()))?;
        registry.register(Box::new(figures.parks.clone()))?;
        Ok(figures)
    }
}

impl Figures for TokioFigures {
    fn refresh(&self) {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.tasks.set(number(self.runtime.num_alive_tasks()));
        self.queue.set(number(self.runtime.global_queue_depth()));
        let workers = || 0..self.runtime.num_workers();
        let busy = workers().map(|n| self.runtime.worker_total_busy_duration(n).as_secs_f64());
        set_total(&self.busy, busy.sum());
        let parks = workers().map(|n| self.runtime.worker_park_count(n) as f64);
        set_total(&self.parks, parks.sum());
    }
}
