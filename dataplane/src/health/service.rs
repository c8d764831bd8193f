//! Figures of the process as a service: version, age, readiness, connections, and the share of
//! requests of about the last minute that failed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// How far back the ratios look.
const WINDOW: Duration = Duration::from_secs(60);
/// Listeners of a process.
const LISTENERS: [&str; 3] = ["public", "internal", "admin"];

/// Connections of one listener.
#[derive(Clone)]
pub struct Connections {
    active: IntGauge,
    accepted: IntCounter,
}

/// A connection; counted as active until it is dropped.
pub struct Connection(IntGauge);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Connections {
    /// Counts a connection.
    pub fn accepted(&self) -> Connection {
        self.accepted.inc();
        self.active.inc();
        Connection(self.active.clone())
    }
}

/// The families.
pub struct Service {
    registry: Registry,
    begun: Instant,
    uptime: Gauge,
    ready: IntGauge,
    draining: IntGauge,
    success: Gauge,
    errors: Gauge,
    connections: IntGaugeVec,
    accepted: IntCounterVec,
    seen: Mutex<VecDeque<Seen>>,
}

/// Requests answered up to some time.
#[derive(Clone, Copy)]
struct Seen {
    when: Instant,
    all: f64,
    failed: f64,
}

impl Service {
    /// Registers the families.
    ///
    /// # Errors
    /// When one is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let build = Opts::new(
            "streamgate_build_info",
            "Version of this program; always 1.",
        );
        let build = IntGaugeVec::new(build, &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let active = Opts::new(
            "streamgate_connections_active",
            "Open connections, by listener.",
        );
        let accepted = Opts::new(
            "streamgate_connections_accepted_total",
            "Connections accepted, by listener.",
        );
        let service = Self {
            registry: registry.clone(),
            begun: Instant::now(),
            uptime: Gauge::new("streamgate_service_uptime_seconds", "Age of the process.")?,
            ready: IntGauge::new("streamgate_service_ready", "1 when the process can serve.")?,
            draining: IntGauge::new("streamgate_service_draining", "1 while the process ends.")?,
            success: Gauge::new(
                "streamgate_service_success_ratio",
                "Share of the requests of about the last minute that did not fail (below 500); 1 without requests.",
            )?,
            errors: Gauge::new(
                "streamgate_service_error_ratio",
                "Share of the requests of about the last minute that failed (500 and above).",
            )?,
            connections: IntGaugeVec::new(active, &["listener"])?,
            accepted: IntCounterVec::new(accepted, &["listener"])?,
            seen: Mutex::default(),
        };
        for listener in LISTENERS {
            service.connections(listener);
        }
        registry.register(Box::new(build))?;
        registry.register(Box::new(service.uptime.clone()))?;
        registry.register(Box::new(service.ready.clone()))?;
        registry.register(Box::new(service.draining.clone()))?;
        registry.register(Box::new(service.success.clone()))?;
        registry.register(Box::new(service.errors.clone()))?;
        registry.register(Box::new(service.connections.clone()))?;
        registry.register(Box::new(service.accepted.clone()))?;
        Ok(service)
    }

    /// Figures of a listener.
    pub fn connections(&self, listener: &str) -> Connections {
        Connections {
            active: self.connections.with_label_values(&[listener]),
            accepted: self.accepted.with_label_values(&[listener]),
        }
    }

    /// Brings everything up to date.
    pub fn refresh(&self, ready: bool, draining: bool) {
        self.uptime.set(self.begun.elapsed().as_secs_f64());
        self.ready.set(ready.into());
        self.draining.set(draining.into());
        let ratio = self.error_ratio(Instant::now());
        self.errors.set(ratio);
        self.success.set(1.0 - ratio);
    }

    fn error_ratio(&self, now: Instant) -> f64 {
        let (all, failed) = self.answered();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push_back(Seen {
            when: now,
            all,
            failed,
        });
        // The oldest that is left is the youngest of those older than the window.
        while seen.get(1).is_some_and(|next| now - next.when >= WINDOW) {
            seen.pop_front();
        }
        let begin = match seen.front() {
            Some(first) if seen.len() > 1 => *first,
            _ => Seen {
                when: now,
                all: 0.0,
                failed: 0.0,
            },
        };
        let (all, failed) = (all - begin.all, failed - begin.failed);
        if all > 0.0 { failed / all } else { 0.0 }
    }

    /// All requests answered so far, and those that failed.
    fn answered(&self) -> (f64, f64) {
        let (mut all, mut failed) = (0.0, 0.0);
        for family in self.registry.gather() {
            if family.name() != "streamgate_http_requests_total" {
                continue;
            }
            for metric in family.get_metric() {
                let count = metric.get_counter().get_value();
                all += count;
                if metric
                    .get_label()
                    .iter()
                    .any(|label| label.value() == "5xx")
                {
                    failed += count;
                }
            }
        }
        (all, failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_speak_of_the_last_minute() {
        let registry = Registry::new();
        let service = Service::new(&registry).unwrap();
        let opts = Opts::new("streamgate_http_requests_total", "help");
        let requests = IntCounterVec::new(opts, &["class"]).unwrap();
        registry.register(Box::new(requests.clone())).unwrap();
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(service.error_ratio(begin), 0.0);
        requests.with_label_values(&["5xx"]).inc_by(1);
        requests.with_label_values(&["2xx"]).inc_by(3);
        assert_eq!(service.error_ratio(after(15)), 0.25);
        requests.with_label_values(&["2xx"]).inc_by(4);
        assert_eq!(service.error_ratio(after(30)), 0.125);
        assert_eq!(service.error_ratio(after(80)), 0.0);
    }
}
