//! Refuses requests early when too many are in work or wait for the processor: uploads first, then
//! searches, then the rest of the API, playback last. A cheap 503 keeps the time of those admitted short.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::around::Around;
use super::limit::headers::REDUCED_CAPACITY;
use super::routes::{Class, known};
use crate::error::{Kind, Problem, Reason};

mod queue;

use queue::Watched;

/// Classes, and the share of all places and of the time to wait, in percent, up to which each is
/// admitted.
const CLASSES: [(Class, &str, usize); 4] = [
    (Class::Playback, "playback", 100),
    (Class::Api, "api", 90),
    (Class::Search, "search", 75),
    (Class::Upload, "upload", 60),
];

struct Places {
    taken: AtomicUsize,
    /// Most requests in work at which each class is still admitted.
    most: [usize; 4],
    shed: [IntCounter; 4],
    used: IntGauge,
    queue: Watched,
    refusal: Refusal,
}

/// The answer to what is refused, made in advance.
struct Refusal {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    reason: Reason,
}

impl Refusal {
    fn new() -> Self {
        let detail = "too much is in work here; try again";
        let problem = Problem::new(Kind::Unavailable, "Overloaded", detail);
        let problem = problem.of_type(REDUCED_CAPACITY).retry_after(1);
        // An object of texts and numbers can always be written.
        let body = serde_json::to_vec(&problem.members()).unwrap_or_default();
        let (parts, _) = problem.into_response().into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.into(),
            reason: Reason("Overloaded"),
        }
    }

    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response.extensions_mut().insert(self.reason);
        response
    }
}

/// The layer.
#[derive(Clone)]
pub struct Shed(Arc<Places>);

/// A place, given back when it is dropped.
pub struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        let before = self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0
            .used
            .set(i64::try_from(before).unwrap_or(i64::MAX) - 1);
    }
}

impl Shed {
    /// `places` requests at once.
    ///
    /// # Errors
    /// When the families are registered already.
    pub fn new(places: u32, registry: &Registry) -> prometheus::Result<Self> {
        let opts = Opts::new(
            "streamgate_shed_requests_total",
            "Requests refused because too many were in work or waited for the processor, by class.",
        );
        let shed = IntCounterVec::new(opts, &["class"])?;
        registry.register(Box::new(shed.clone()))?;
        let used = IntGauge::new(
            "streamgate_shed_places_used",
            "Requests in work, of streamgate_shed_places.",
        )?;
        registry.register(Box::new(used.clone()))?;
        let all = IntGauge::new(
            "streamgate_shed_places",
            "Requests that may be in work at once.",
        )?;
        all.set(places.into());
        registry.register(Box::new(all))?;
        let places = usize::try_from(places).unwrap_or(usize::MAX);
        Ok(Self(Arc::new(Places {
            taken: AtomicUsize::new(0),
            most: CLASSES.map(|(_, _, share)| (places.saturating_mul(share) / 100).max(1)),
            shed: CLASSES.map(|(_, name, _)| shed.with_label_values(&[name])),
            used,
            queue: Watched::new(),
            refusal: Refusal::new(),
        })))
    }

    fn admits(&self, class: Class) -> bool {
        let share = CLASSES[class as usize].2 as u64;
        let admitted = self.0.queue.admits(queue::TARGET * share / 100);
        if !admitted {
            self.0.shed[class as usize].inc();
        }
        admitted
    }

    fn take(&self, class: Class) -> Option<Place> {
        let places = &self.0;
        let before = places.taken.fetch_add(1, Ordering::Relaxed);
        let place = Place(places.clone());
        if before < places.most[class as usize] {
            places
                .used
                .set(i64::try_from(before).unwrap_or(i64::MAX) + 1);
            return Some(place);
        }
        places.shed[class as usize].inc();
        None
    }
}

impl Around for Shed {
    type Kept = Place;

    fn before(&self, request: &mut Request) -> Result<Place, Response> {
        let class = known(request).class;
        let place = self.admits(class).then(|| self.take(class)).flatten();
        place.ok_or_else(|| self.0.refusal.response())
    }

    fn after(&self, _: Place, _: &mut Response) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_important_go_first_and_playback_last() {
        let shed = Shed::new(100, &Registry::new()).unwrap();
        let mut held = Vec::new();
        for (class, up_to) in [
            (Class::Upload, 60),
            (Class::Search, 75),
            (Class::Api, 90),
            (Class::Playback, 100),
        ] {
            while let Some(place) = shed.take(class) {
                held.push(place);
            }
            assert_eq!(held.len(), up_to, "{class:?}");
        }
        for (n, (class, ..)) in CLASSES.iter().enumerate() {
            assert_eq!(*class as usize, n);
        }
        held.clear();
        assert_eq!(shed.0.taken.load(Ordering::Relaxed), 0);
        assert_eq!(shed.0.used.get(), 0);
        assert!(shed.take(Class::Upload).is_some());
    }

    #[tokio::test]
    async fn a_refusal_says_why_and_when_to_come_again() {
        let response = Refusal::new().response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let body = axum::body::to_bytes(response.into_body(), 1 << 12).await;
        let problem: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert_eq!(
            (&problem["reason"], &problem["type"]),
            (&"Overloaded".into(), &REDUCED_CAPACITY.into())
        );
    }
}
