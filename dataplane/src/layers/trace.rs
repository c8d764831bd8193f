//! A span per request, and a line: for refusals and failures at `info`, for all at `debug`. Both
//! carry the route template, never the path: playback handles ride in it. Playback has its span at
//! `debug`, because making one costs more than all other layers; its line says what the span would.

use std::time::Instant;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::response::Response;
use tracing::Span;
use tracing::span::Entered;

use super::around::Around;
use super::request_id::RequestId;
use super::routes::{Class, known};
use crate::error::Reason;

/// The layer.
#[derive(Clone, Copy)]
pub struct Trace;

/// What a line needs.
pub struct Traced {
    span: Span,
    begin: Instant,
    route: &'static str,
    id: Option<HeaderValue>,
}

impl Around for Trace {
    type Kept = Traced;

    fn before(&self, request: &mut Request) -> Result<Traced, Response> {
        let known = known(request);
        let route = known.template;
        let id = request.extensions().get::<RequestId>();
        let id = id.map(|id| id.0.clone());
        let method = request.method().as_str();
        let text = text(id.as_ref());
        let span = match known.class {
            Class::Playback => tracing::debug_span!("request", method, route, id = text),
            _ => tracing::info_span!("request", method, route, id = text),
        };
        let begin = Instant::now();
        Ok(Traced {
            span,
            begin,
            route,
            id,
        })
    }

    fn after(&self, traced: Traced, response: &mut Response) {
        let _entered = traced.span.enter();
        let reason = response.extensions().get::<Reason>().map(|r| r.0);
        let milliseconds = traced.begin.elapsed().as_millis();
        let status = response.status().as_u16();
        let (route, id) = (traced.route, text(traced.id.as_ref()));
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

fn text(id: Option<&HeaderValue>) -> &str {
    id.and_then(|id| id.to_str().ok()).unwrap_or_default()
}
