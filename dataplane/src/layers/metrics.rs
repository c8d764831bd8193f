//! Counts and times every request, refusals of inner layers included. Labels are route
//! templates, known methods and status codes: bounded whatever callers send.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, exponential_buckets,
};

use super::trace::route;
use crate::error::Reason;

/// Families of a listener.
pub struct Families {
    requests: IntCounterVec,
    seconds: HistogramVec,
    refusals: IntCounterVec,
    in_flight: IntGauge,
}

impl Families {
    /// Makes and registers the families.
    ///
    /// # Errors
    /// When a family of that name is registered already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = Opts::new("streamgate_http_requests_total", "Requests answered.");
        let seconds = HistogramOpts::new(
            "streamgate_http_request_duration_seconds",
            "Time until the answer's head.",
        )
        .buckets(exponential_buckets(0.000_5, 2.0, 16)?);
        let refusals = Opts::new(
            "streamgate_http_refusals_total",
            "Requests refused, by reason.",
        );
        let families = Self {
            requests: IntCounterVec::new(requests, &["route", "method", "status"])?,
            seconds: HistogramVec::new(seconds, &["route"])?,
            refusals: IntCounterVec::new(refusals, &["reason"])?,
            in_flight: IntGauge::new("streamgate_http_requests_in_flight", "Requests in work.")?,
        };
        registry.register(Box::new(families.requests.clone()))?;
        registry.register(Box::new(families.seconds.clone()))?;
        registry.register(Box::new(families.refusals.clone()))?;
        registry.register(Box::new(families.in_flight.clone()))?;
        Ok(families)
    }
}

/// Counts down also when the caller goes away.
struct InFlight<'a>(&'a IntGauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The layer: `axum::middleware::from_fn_with_state(families, metrics)`.
pub async fn metrics(
    State(families): State<Arc<Families>>,
    request: Request,
    next: Next,
) -> Response {
    let begin = Instant::now();
    families.in_flight.inc();
    let _in_flight = InFlight(&families.in_flight);
    let route = route(&request);
    let method = known(request.method());
    let response = next.run(request).await;
    let seconds = families.seconds.with_label_values(&[route.as_str()]);
    seconds.observe(begin.elapsed().as_secs_f64());
    let status = response.status();
    let labels = [route.as_str(), method, status.as_str()];
    families.requests.with_label_values(&labels).inc();
    if let Some(Reason(reason)) = response.extensions().get::<Reason>() {
        families.refusals.with_label_values(&[reason]).inc();
    }
    response
}

/// Callers may invent methods; labels may not grow by that.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
