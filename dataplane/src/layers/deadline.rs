//! Ends a request that gets no answer in time, and refuses new ones when too many are in work.
//! Routes that carry large bodies are exempt from the deadline: they have their own.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::trace::route;
use crate::error::{Kind, Problem};

/// Requests in work at once.
const CONCURRENT: usize = 4_096;

/// Settings of the layer.
pub struct Deadline {
    after: Duration,
    exempt: &'static [&'static str],
    places: Semaphore,
}

impl Deadline {
    /// Ends requests after `after`, but not those of the `exempt` route templates.
    pub fn new(after: Duration, exempt: &'static [&'static str]) -> Self {
        let places = Semaphore::new(CONCURRENT);
        Self {
            after,
            exempt,
            places,
        }
    }
}

/// The layer: `axum::middleware::from_fn_with_state(deadline, deadline)`.
pub async fn deadline(
    State(settings): State<Arc<Deadline>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_place) = settings.places.try_acquire() else {
        let detail = "too many requests are in work here; try again";
        let problem = Problem::new(Kind::Unavailable, "Overloaded", detail);
        return problem.retry_after(1).into_response();
    };
    if settings.exempt.contains(&route(&request).as_str()) {
        return next.run(request).await;
    }
    match tokio::time::timeout(settings.after, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "the request took too long; try again";
            Problem::new(Kind::Timeout, "Timeout", detail).into_response()
        }
    }
}
