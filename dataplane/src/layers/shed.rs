//! Refuses requests early when there is too much to do: uploads first, then searches, then the rest of
//! the API, playback last. Too much is more requests in work than there are places, or more of them at
//! the processor than keep it busy. A cheap 503 keeps the time of those admitted short: it is given
//! before anything is found out about the request but its class, and leaves no line in the log.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use tower::{Layer, Service};

use super::metrics::Families;
use super::routes::{self, Class};

mod active;
mod body;
pub mod idle;
mod knee;
mod refusal;
mod watch;

use active::Step;
use idle::Idle;
use refusal::Refusal;
use watch::Watch;

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
    watch: Arc<Watch>,
    refusal: Refusal,
    families: Arc<Families>,
}

/// Reason of a refusal for load.
pub const OVERLOADED: &str = "Overloaded";

/// The layer.
#[derive(Clone)]
pub struct Shed(Arc<Places>);

/// A place, given back when it is dropped.
struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        let before = self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0
            .used
            .set(i64::try_from(before).unwrap_or(i64::MAX) - 1);
    }
}

/// An admitted request: in work until the head of its answer, at the processor until its last byte.
struct Admitted {
    place: Place,
    step: Step,
}

impl Shed {
    /// `places` requests at once, and as many at the processor as `idle` finds to keep it busy; without
    /// that, any number. Refusals count in `families`.
    ///
    /// # Errors
    /// When the families are registered already.
    pub fn new(
        places: u32,
        idle: Option<Arc<Idle>>,
        families: Arc<Families>,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let opts = Opts::new(
            "streamgate_shed_requests_total",
            "Requests refused because too many were in work or at the processor, by class.",
        );
        let shed = IntCounterVec::new(opts, &["class"])?;
        registry.register(Box::new(shed.clone()))?;
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            prometheus::Result::Ok(gauge)
        };
        let used = gauge(
            "streamgate_shed_places_used",
            "Requests in work, of streamgate_shed_places.",
        )?;
        let all = gauge(
            "streamgate_shed_places",
            "Requests that may be in work at once.",
        )?;
        all.set(places.into());
        let places = usize::try_from(places).unwrap_or(usize::MAX);
        Ok(Self(Arc::new(Places {
            taken: AtomicUsize::new(0),
            most: CLASSES.map(|(_, _, share)| (places.saturating_mul(share) / 100).max(1)),
            shed: CLASSES.map(|(_, name, _)| shed.with_label_values(&[name])),
            used,
            watch: Watch::new(idle),
            refusal: Refusal::new(),
            families,
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
        None
    }

    fn admit(&self, class: Class) -> Option<Admitted> {
        let place = self.take(class)?;
        let step = self.0.watch.admit(CLASSES[class as usize].2)?;
        Some(Admitted { place, step })
    }

    fn refuse(&self, request: &Request, route: &routes::Route) -> Response {
        self.0.shed[route.class as usize].inc();
        self.0.families.overloaded(route, request.method());
        self.0.refusal.response()
    }
}

impl<S> Layer<S> for Shed {
    type Service = Shedding<S>;

    fn layer(&self, inner: S) -> Shedding<S> {
        let shed = self.clone();
        Shedding { shed, inner }
    }
}

/// The inner service, when there is not too much to do.
#[derive(Clone)]
pub struct Shedding<S> {
    shed: Shed,
    inner: S,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Shedding<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let route = routes::known(&request);
        match self.shed.admit(route.class) {
            Some(admitted) => Answer::Inner {
                inner: self.inner.call(request),
                admitted: Some(admitted),
            },
            None => Answer::Refused {
                refusal: Some(self.shed.refuse(&request, route)),
            },
        }
    }
}

pin_project! {
    /// The answer in the making.
    // Fields of variants cannot carry documentation here.
    #[allow(missing_docs, private_interfaces)]
    #[project = AnswerProjection]
    pub enum Answer<F> {
        /// Given by the layer itself.
        Refused {
            refusal: Option<Response>,
        },
        /// Given by the inner service.
        Inner {
            #[pin] inner: F,
            admitted: Option<Admitted>,
        },
    }
}

impl<F, E> Future for Answer<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnswerProjection::Refused { refusal } => match refusal.take() {
                Some(refusal) => Poll::Ready(Ok(refusal)),
                None => Poll::Pending,
            },
            AnswerProjection::Inner { inner, admitted } => {
                let response = ready!(inner.poll(context))?;
                let Some(Admitted { place, step }) = admitted.take() else {
                    return Poll::Ready(Ok(response));
                };
                drop(place);
                Poll::Ready(Ok(response.map(|body| body::stepping(body, step))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_important_go_first_and_playback_last() {
        let registry = Registry::new();
        let families = Arc::new(Families::new(&registry).unwrap());
        let shed = Shed::new(100, None, families, &registry).unwrap();
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
