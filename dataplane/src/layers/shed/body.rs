//! An answer's body, whose bytes are steps of its request.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};

use super::active::Step;

/// Bodies no longer than this are on their way when they are begun.
const SHORT: u64 = 64 << 10;

/// A body, and the request it belongs to until its end.
pub struct Stepping {
    inner: Body,
    step: Step,
}

/// Lets the body take the steps of its request.
pub fn stepping(inner: Body, step: Step) -> Body {
    let known = inner.size_hint().upper();
    match inner.is_end_stream() || known.is_some_and(|bytes| bytes <= SHORT) {
        true => inner,
        false => Body::new(Stepping { inner, step }),
    }
}

impl hyper::body::Body for Stepping {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.step.take();
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
