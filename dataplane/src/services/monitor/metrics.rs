//! Figures of the role monitor.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::ports::scrape::JobFigures;

/// Phases of a TranscodeJob; each is shown, also when no job is in it.
const PHASES: [&str; 8] = [
    "Pending",
    "WaitingForSource",
    "Planning",
    "Encoding",
    "Publishing",
    "Suspended",
    "Succeeded",
    "Failed",
];

/// The families, bound to their labels.
pub struct Metrics {
    pub evaluated: IntCounter,
    pub evaluation_failed: IntCounter,
    pub evaluation_seconds: Histogram,
    pub delivered: IntCounter,
    pub retried: IntCounter,
    pub failed: IntCounter,
    pub overflowed: IntCounter,
    pub scraped: IntCounter,
    pub scrape_failed: IntCounter,
    pub malformed: IntCounter,
    pub series: IntGauge,
    pub samples_dropped: IntCounter,
    jobs: IntGaugeVec,
    failed_spans: IntGauge,
    active_spans: IntGauge,
}

fn by_outcome(
    registry: &Registry,
    name: &str,
    help: &str,
) -> Result<IntCounterVec, prometheus::Error> {
    let family = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

impl Metrics {
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let name = "streamgate_monitor_evaluations_total";
        let evaluations = by_outcome(registry, name, "Evaluations of rules, by outcome.")?;
        let name = "streamgate_monitor_evaluation_seconds";
        let opts = HistogramOpts::new(name, "Time to evaluate the rules of one policy.");
        let evaluation_seconds =
            Histogram::with_opts(opts.buckets(vec![0.0001, 0.001, 0.01, 0.1, 1.0]))?;
        registry.register(Box::new(evaluation_seconds.clone()))?;
        let name = "streamgate_monitor_notifications_total";
        let notices = by_outcome(registry, name, "Deliveries of notices, by outcome.")?;
        let name = "streamgate_monitor_scrapes_total";
        let scrapes = by_outcome(registry, name, "Reads of pods' metrics, by outcome.")?;
        let name = "streamgate_transcode_jobs";
        let opts = Opts::new(name, "TranscodeJobs of the gate's namespace, by phase.");
        let jobs = IntGaugeVec::new(opts, &["phase"])?;
        registry.register(Box::new(jobs.clone()))?;
        for phase in PHASES {
            jobs.with_label_values(&[phase]).set(0);
        }
        let counter = |name, help| counter(registry, name, help);
        let gauge = |name, help| gauge(registry, name, help);
        Ok(Self {
            evaluated: evaluations.with_label_values(&["evaluated"]),
            evaluation_failed: evaluations.with_label_values(&["failed"]),
            evaluation_seconds,
            delivered: notices.with_label_values(&["delivered"]),
            retried: notices.with_label_values(&["retried"]),
            failed: notices.with_label_values(&["failed"]),
            overflowed: notices.with_label_values(&["overflowed"]),
            scraped: scrapes.with_label_values(&["read"]),
            scrape_failed: scrapes.with_label_values(&["failed"]),
            malformed: counter(
                "streamgate_monitor_malformed_lines_total",
                "Lines of pods' metrics that are no sample.",
            )?,
            series: gauge(
                "streamgate_monitor_series",
                "Series in the monitor's store.",
            )?,
            samples_dropped: counter(
                "streamgate_monitor_samples_dropped_total",
                "Samples dropped because the store is full.",
            )?,
            jobs,
            failed_spans: gauge(
                "streamgate_transcode_job_failed_spans",
                "Failed spans of all TranscodeJobs of the gate's namespace.",
            )?,
            active_spans: gauge(
                "streamgate_transcode_job_spans_active",
                "Spans at work of all TranscodeJobs of the gate's namespace.",
            )?,
        })
    }

    /// Shows the TranscodeJobs.
    pub fn show_jobs(&self, figures: &JobFigures) {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for phase in PHASES {
            let jobs = figures.phases.get(phase).copied().unwrap_or(0);
            self.jobs.with_label_values(&[phase]).set(number(jobs));
        }
        self.failed_spans.set(number(figures.failed_spans));
        self.active_spans.set(number(figures.active_spans));
    }
}
