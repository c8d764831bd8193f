//! Counts and times every request, refusals of inner layers included. Every label set there can be
//! exists from the start and is bound once: whatever callers send, no series is added and nothing
//! is allocated.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use super::around::Around;
use super::arrival::Arrival;
use super::routes::{ROUTES, Route};
use super::shed::OVERLOADED;
use crate::error::{REASONS, Reason};

/// Bounds of durations in seconds; 2 and 5 are those of the shipped alerts.
const BOUNDS: [f64; 7] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 5.0];
/// Methods with a label of their own.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other",
];
/// Classes of status codes.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// Status codes with a label of their own.
const STATUSES: [&str; 30] = [
    "200", "201", "202", "204", "206", "301", "302", "304", "400", "401", "403", "404", "405",
    "409", "410", "412", "413", "415", "416", "422", "428", "429", "431", "460", "500", "502",
    "503", "504", "507", "other",
];

/// Handles of one route.
struct Bound {
    seconds: Histogram,
    classes: [IntCounter; 4],
}

/// Families of the HTTP listeners, bound to their labels.
pub struct Families {
    routes: Vec<Bound>,
    methods: Vec<IntCounter>,
    statuses: Vec<IntCounter>,
    refusals: Vec<IntCounter>,
    /// What a refusal for load counts in, besides its route and method.
    overloaded: [IntCounter; 2],
    cancelled: IntCounter,
    in_flight: IntGauge,
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let family = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

impl Families {
    /// Makes and registers the families.
    ///
    /// # Errors
    /// When a family of that name is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let (name, help) = (
            "streamgate_http_requests_total",
            "Requests answered, by route and class of status.",
        );
        let requests = counters(registry, name, help, &["route", "class"])?;
        let (name, help) = (
            "streamgate_http_methods_total",
            "Requests answered, by method.",
        );
        let methods = counters(registry, name, help, &["method"])?;
        let (name, help) = (
            "streamgate_http_responses_total",
            "Requests answered, by status.",
        );
        let statuses = counters(registry, name, help, &["status"])?;
        let (name, help) = (
            "streamgate_http_refusals_total",
            "Requests refused, by reason.",
        );
        let refusals = counters(registry, name, help, &["reason"])?;
        let (name, help) = (
            "streamgate_http_request_duration_seconds",
            "Time until the answer's head, by route.",
        );
        let seconds = HistogramOpts::new(name, help).buckets(BOUNDS.to_vec());
        let seconds = HistogramVec::new(seconds, &["route"])?;
        registry.register(Box::new(seconds.clone()))?;
        let (name, help) = (
            "streamgate_http_cancelled_total",
            "Requests whose caller went away before the answer.",
        );
        let cancelled = IntCounter::new(name, help)?;
        registry.register(Box::new(cancelled.clone()))?;
        let in_flight = IntGauge::new("streamgate_http_requests_in_flight", "Requests in work.")?;
        registry.register(Box::new(in_flight.clone()))?;
        let one = |family: &IntCounterVec, label: &&str| family.with_label_values(&[*label]);
        let bound = |template: &str| Bound {
            seconds: seconds.with_label_values(&[template]),
            classes: CLASSES.map(|class| requests.with_label_values(&[template, class])),
        };
        Ok(Self {
            routes: ROUTES.iter().map(|route| bound(route.label())).collect(),
            methods: METHODS.iter().map(|m| one(&methods, m)).collect(),
            statuses: STATUSES.iter().map(|s| one(&statuses, s)).collect(),
            refusals: REASONS.iter().map(|r| one(&refusals, r)).collect(),
            overloaded: [one(&statuses, &"503"), one(&refusals, &OVERLOADED)],
            cancelled,
            in_flight,
        })
    }

    /// Counts a request that is refused for load, before anything else looks at it. It is not timed.
    pub fn overloaded(&self, route: &Route, method: &Method) {
        self.routes[route.number].classes[class(StatusCode::SERVICE_UNAVAILABLE)].inc();
        self.methods[self::method(method)].inc();
        self.overloaded.iter().for_each(IntCounter::inc);
    }

    fn answered(&self, asked: &Asked, response: &Response) {
        let bound = &self.routes[asked.route];
        bound.seconds.observe(asked.begin.elapsed().as_secs_f64());
        let status = response.status();
        bound.classes[class(status)].inc();
        self.methods[asked.method].inc();
        self.statuses[place(&STATUSES, status.as_str())].inc();
        if let Some(Reason(reason)) = response.extensions().get::<Reason>() {
            self.refusals[place(&REASONS, reason)].inc();
        }
    }
}

/// Informational answers do not end a request; everything odd is a failure.
fn class(status: StatusCode) -> usize {
    match status.as_u16() {
        0..300 => 0,
        300..400 => 1,
        400..500 => 2,
        _ => 3,
    }
}

/// Place of a label, the last of the list for labels that are not in it.
fn place(list: &[&str], label: &str) -> usize {
    let found = list.iter().position(|known| *known == label);
    found.unwrap_or(list.len() - 1)
}

/// The layer.
#[derive(Clone)]
pub struct Metrics(pub Arc<Families>);

/// A request in work.
pub struct Asked {
    families: Arc<Families>,
    route: usize,
    method: usize,
    begin: Instant,
    answered: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.families.in_flight.dec();
        if !self.answered {
            self.families.cancelled.inc();
        }
    }
}

impl Around for Metrics {
    type Kept = Asked;

    fn before(&self, request: &mut Request) -> Result<Asked, Response> {
        self.0.in_flight.inc();
        let arrival = Arrival::known(request);
        Ok(Asked {
            families: self.0.clone(),
            route: arrival.route.number,
            method: method(request.method()),
            begin: arrival.begin,
            answered: false,
        })
    }

    fn after(&self, mut asked: Asked, response: &mut Response) {
        asked.answered = true;
        self.0.answered(&asked, response);
    }
}

/// Callers may invent methods; labels may not grow by that.
fn method(method: &Method) -> usize {
    place(&METHODS, method.as_str())
}
