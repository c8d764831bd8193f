//! What most layers are: a look at the request before, a look at the response after, nothing to
//! wait for. One future on the stack serves all of them, so a layer adds no allocation.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::span::Entered;

/// Answers every request: what a listener serves, and what layers go around.
pub trait Serves:
    Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Serves for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// One concern around the inner service.
pub trait Around: Clone {
    /// What is kept from the request until the response; dropped also when the caller goes away.
    type Kept;

    /// Looks at the request; a response here is the answer, and the inner service is not asked.
    #[allow(clippy::result_large_err)]
    fn before(&self, request: &mut Request) -> Result<Self::Kept, Response>;

    /// Looks at the response of the inner service.
    fn after(&self, kept: Self::Kept, response: &mut Response);

    /// A span to be in while the inner service works.
    fn entered(_: &Self::Kept) -> Option<Entered<'_>> {
        None
    }
}

/// The layer of a concern.
#[derive(Clone)]
pub struct Layered<A>(pub A);

impl<A: Around, S> Layer<S> for Layered<A> {
    type Service = Surrounded<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        let around = self.0.clone();
        Surrounded { around, inner }
    }
}

/// The inner service with a concern around it.
#[derive(Clone)]
pub struct Surrounded<A, S> {
    around: A,
    inner: S,
}

impl<A, S> Service<Request> for Surrounded<A, S>
where
    A: Around,
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answer<A, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let around = self.around.clone();
        match around.before(&mut request) {
            Err(refusal) => Answer::Refused {
                refusal: Some(refusal),
            },
            Ok(kept) => {
                let inner = {
                    let _entered = A::entered(&kept);
                    self.inner.call(request)
                };
                let kept = Some(kept);
                Answer::Inner {
                    inner,
                    around,
                    kept,
                }
            }
        }
    }
}

pin_project! {
    /// The answer in the making.
    // Fields of variants cannot carry documentation here.
    #[allow(missing_docs)]
    #[project = AnswerProjection]
    pub enum Answer<A: Around, F> {
        /// Given by the layer itself.
        Refused {
            refusal: Option<Response>,
        },
        /// Given by the inner service.
        Inner {
            #[pin] inner: F,
            around: A,
            kept: Option<A::Kept>,
        },
    }
}

impl<A, F, E> Future for Answer<A, F>
where
    A: Around,
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnswerProjection::Refused { refusal } => match refusal.take() {
                Some(refusal) => Poll::Ready(Ok(refusal)),
                None => Poll::Pending,
            },
            AnswerProjection::Inner {
                inner,
                around,
                kept,
            } => {
                let answered = {
                    let _entered = kept.as_ref().and_then(A::entered);
                    ready!(inner.poll(context))
                };
                let mut response = answered?;
                if let Some(kept) = kept.take() {
                    around.after(kept, &mut response);
                }
                Poll::Ready(Ok(response))
            }
        }
    }
}
