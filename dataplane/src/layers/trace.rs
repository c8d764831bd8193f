//! A span and one line per request. Both carry the route template, never the path: playback
//! handles ride in it.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::request_id::RequestId;
use crate::error::Reason;

/// Template of a request that no route took.
pub const UNMATCHED: &str = "unmatched";

/// Template of the route that took a request.
pub fn route(request: &Request) -> MatchedRoute {
    MatchedRoute(request.extensions().get::<MatchedPath>().cloned())
}

/// A route template.
pub struct MatchedRoute(Option<MatchedPath>);

impl MatchedRoute {
    /// As text, bounded by the routes there are.
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or(UNMATCHED, MatchedPath::as_str)
    }
}

/// The layer: `axum::middleware::from_fn(trace)`.
pub async fn trace(request: Request, next: Next) -> Response {
    let route = route(&request);
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.0.to_str().ok()).unwrap_or_default();
    let method = request.method().clone();
    let span = tracing::info_span!("request", %method, route = route.as_str(), id);
    async {
        let begin = std::time::Instant::now();
        let response = next.run(request).await;
        let reason = response.extensions().get::<Reason>().map(|r| r.0);
        let milliseconds = begin.elapsed().as_millis();
        let status = response.status().as_u16();
        tracing::info!(status, reason, milliseconds, "answered");
        response
    }
    .instrument(span)
    .await
}
