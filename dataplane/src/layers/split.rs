//! One of two services for each request, without a box around either.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use tower::Service;

/// `left` for requests of which `goes_left` says so, else `right`. Both must be ready at any time.
#[derive(Clone)]
pub struct Split<L, R> {
    goes_left: fn(&Request) -> bool,
    left: L,
    right: R,
}

impl<L, R> Split<L, R> {
    /// Two services and what tells their requests apart.
    pub fn new(goes_left: fn(&Request) -> bool, left: L, right: R) -> Self {
        Self {
            goes_left,
            left,
            right,
        }
    }
}

impl<L, R> Service<Request> for Split<L, R>
where
    L: Service<Request, Response = Response>,
    R: Service<Request, Response = Response, Error = L::Error>,
{
    type Response = Response;
    type Error = L::Error;
    type Future = Either<L::Future, R::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), L::Error>> {
        match self.left.poll_ready(context) {
            Poll::Ready(Ok(())) => self.right.poll_ready(context),
            other => other,
        }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match (self.goes_left)(&request) {
            true => Either::Left {
                answer: self.left.call(request),
            },
            false => Either::Right {
                answer: self.right.call(request),
            },
        }
    }
}

pin_project! {
    /// The answer in the making.
    // Fields of variants cannot carry documentation here.
    #[allow(missing_docs)]
    #[project = EitherProjection]
    pub enum Either<L, R> {
        /// Of the left service.
        Left { #[pin] answer: L },
        /// Of the right service.
        Right { #[pin] answer: R },
    }
}

impl<L, R> Future for Either<L, R>
where
    L: Future,
    R: Future<Output = L::Output>,
{
    type Output = L::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<L::Output> {
        match self.project() {
            EitherProjection::Left { answer } => answer.poll(context),
            EitherProjection::Right { answer } => answer.poll(context),
        }
    }
}
