//! A span per request, and a line: for refusals and failures at `info`, for all at `debug`. Both
//! carry the route template, never the path: playback handles ride in it. Playback has its span at
//! `debug`, because making one costs more than all other layers; its line says what the span would.

use axum::extract::Request;
use axum::response::Response;
use tracing::span::Entered;
use tracing::{Level, Span};

use super::around::Around;
use super::arrival::Arrival;
use super::routes::Class;
use crate::error::Reason;

/// The layer.
#[derive(Clone, Copy)]
pub struct Trace;

/// What a line needs.
pub struct Traced {
    span: Span,
    arrival: Arrival,
}

impl Around for Trace {
    type Kept = Traced;

    fn before(&self, request: &mut Request) -> Result<Traced, Response> {
        let arrival = Arrival::known(request);
        let route = arrival.route.template;
        let id = arrival.id.as_str();
        let method = request.method().as_str();
        let span = match arrival.route.class {
            Class::Playback => tracing::debug_span!("request", method, route, id),
            _ => tracing::info_span!("request", method, route, id),
        };
        Ok(Traced { span, arrival })
    }

    fn after(&self, traced: Traced, response: &mut Response) {
        let status = response.status().as_u16();
        // No clock is read for a line that nobody writes.
        if status < 400 && !tracing::enabled!(Level::DEBUG) {
            return;
        }
        let _entered = traced.span.enter();
        let reason = response.extensions().get::<Reason>().map(|r| r.0);
        let milliseconds = traced.arrival.begin.elapsed().as_millis();
        let (route, id) = (traced.arrival.route.template, traced.arrival.id.as_str());
        match (status >= 400, traced.span.is_disabled()) {
            (true, true) => tracing::info!(status, reason, milliseconds, route, id, "answered"),
            (true, false) => tracing::info!(status, reason, milliseconds, "answered"),
            (false, _) => tracing::debug!(status, milliseconds, "answered"),
        }
    }

    fn entered(traced: &Traced) -> Option<Entered<'_>> {
        Some(traced.span.enter())
    }
}
