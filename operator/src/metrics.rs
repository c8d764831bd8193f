//! Metrics of the operator in Prometheus' text format.

use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Handles to every metric; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    passes: IntCounterVec,
    durations: HistogramVec,
    waiting: IntGaugeVec,
    watch_errors: IntCounterVec,
    leader: IntGauge,
}

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When two metrics have one name, which a test excludes.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let passes = IntCounterVec::new(
            Opts::new(
                "streamgate_operator_reconciles_total",
                "Passes by kind and result: success, or a word for the error.",
            ),
            &["kind", "result"],
        )?;
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "streamgate_operator_reconcile_duration_seconds",
                "Duration of a pass.",
            )
            .buckets(vec![0.000_1, 0.001, 0.01, 0.1, 1.0, 10.0]),
            &["kind"],
        )?;
        let waiting = IntGaugeVec::new(
            Opts::new(
                "streamgate_operator_queue_depth",
                "Objects that were touched and wait for their pass.",
            ),
            &["kind"],
        )?;
        let watch_errors = IntCounterVec::new(
            Opts::new(
                "streamgate_operator_watch_errors_total",
                "Watches that broke and were started anew, or objects that could not be read.",
            ),
            &["kind"],
        )?;
        let leader = IntGauge::new(
            "streamgate_operator_leader",
            "1 while this process holds the lease.",
        )?;
        let build = IntGaugeVec::new(
            Opts::new(
                "streamgate_operator_build_info",
                "Always 1; the version is the label.",
            ),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(passes.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(waiting.clone()))?;
        registry.register(Box::new(watch_errors.clone()))?;
        registry.register(Box::new(leader.clone()))?;
        registry.register(Box::new(build))?;
        Ok(Self {
            registry,
            passes,
            durations,
            waiting,
            watch_errors,
            leader,
        })
    }

    /// A pass ended.
    pub fn pass(&self, kind: &str, result: &str, took: Duration) {
        self.passes.with_label_values(&[kind, result]).inc();
        self.durations
            .with_label_values(&[kind])
            .observe(took.as_secs_f64());
    }

    /// So many objects of a kind wait for their pass.
    pub fn waiting(&self, kind: &str, objects: usize) {
        let objects = i64::try_from(objects).unwrap_or(i64::MAX);
        self.waiting.with_label_values(&[kind]).set(objects);
    }

    /// A watch broke, or gave an object that could not be read.
    pub fn watch_error(&self, kind: &str) {
        self.watch_errors.with_label_values(&[kind]).inc();
    }

    /// Whether this process holds the lease.
    pub fn leader(&self, is: bool) {
        self.leader.set(i64::from(is));
    }

    /// Everything as text.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        let families = self.registry.gather();
        if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
            tracing::warn!(%error, "metrics could not be written");
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_says_what_it_is() {
        let metrics = Metrics::new().unwrap();
        metrics.pass("TranscodeJob", "success", Duration::from_millis(2));
        metrics.waiting("TranscodeJob", 3);
        metrics.watch_error("Job");
        metrics.leader(true);
        let text = metrics.text();
        for line in [
            "streamgate_operator_reconciles_total{kind=\"TranscodeJob\",result=\"success\"} 1",
            "streamgate_operator_queue_depth{kind=\"TranscodeJob\"} 3",
            "streamgate_operator_leader 1",
            "streamgate_operator_build_info{version=",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
