//! Ends a request that gets no answer in time. Routes that carry large bodies are exempt: those
//! have deadlines of their own.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower::{Layer, Service};

use super::routes::known;
use crate::error::{Kind, Problem};

/// The layer.
#[derive(Clone, Copy)]
pub struct Deadline {
    after: Duration,
    exempt: &'static [&'static str],
}

impl Deadline {
    /// Ends requests after `after`, but not those of the `exempt` route templates.
    pub fn new(after: Duration, exempt: &'static [&'static str]) -> Self {
        Self { after, exempt }
    }
}

impl<S> Layer<S> for Deadline {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        let deadline = *self;
        Timed { deadline, inner }
    }
}

/// The inner service with a deadline.
#[derive(Clone)]
pub struct Timed<S> {
    deadline: Deadline,
    inner: S,
}

impl<S> Service<Request> for Timed<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = InTime<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let exempt = self.deadline.exempt.contains(&known(&request).template);
        InTime {
            inner: self.inner.call(request),
            after: (!exempt).then_some(self.deadline.after),
            end: None,
        }
    }
}

pin_project! {
    /// The answer, or 504.
    pub struct InTime<F> {
        #[pin] inner: F,
        after: Option<Duration>,
        #[pin] end: Option<Sleep>,
    }
}

impl<F, E> Future for InTime<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(answer) = this.inner.poll(context) {
            return Poll::Ready(answer);
        }
        // No clock is started for an answer that is there at once.
        if let Some(after) = this.after.take() {
            this.end.set(Some(tokio::time::sleep(after)));
        }
        match this.end.as_pin_mut() {
            Some(end) => end.poll(context).map(|()| Ok(too_late())),
            None => Poll::Pending,
        }
    }
}

fn too_late() -> Response {
    let detail = "the request took too long; try again";
    Problem::new(Kind::Timeout, "Timeout", detail).into_response()
}
