//! Refuses requests early when too many are in work: uploads first, then searches, then the rest of
//! the API, playback last. A cheap 503 keeps the time of those admitted short.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::around::Around;
use super::limit::headers::REDUCED_CAPACITY;
use super::routes::{Class, known};
use crate::error::{Kind, Problem};

/// Classes, and the share of all places, in percent, up to which each is admitted.
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
            "Requests refused because too many were in work, by class.",
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
        })))
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
        self.take(known(request).class).ok_or_else(|| {
            let detail = "too many requests are in work here; try again";
            let problem = Problem::new(Kind::Unavailable, "Overloaded", detail);
            let problem = problem.of_type(REDUCED_CAPACITY).retry_after(1);
            problem.into_response()
        })
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
}
