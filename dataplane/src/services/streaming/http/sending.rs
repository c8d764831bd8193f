//! Bytes on their way: while their viewer may still watch, and no faster than a session may take them.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;

use crate::services::streaming::{Pass, Streaming, StreamingError};

/// Bytes that go without another look at who receives them. What the kernel and the HTTP stack hold
/// already comes on top.
const STEP: usize = 256 << 10;
/// The same where a session has a pace.
const PACED_STEP: usize = 64 << 10;

/// Who is sent bytes.
#[derive(Clone)]
pub struct Receiver {
    /// The role, which knows whether they may still watch.
    pub streaming: Arc<Streaming>,
    /// What admitted them.
    pub pass: Arc<Pass>,
}

impl Receiver {
    /// An answer of these bytes. It ends early, so that the client sees a truncated one, when the
    /// receiver's admission ends before they are sent.
    pub fn send(&self, bytes: Bytes) -> Response {
        if bytes.len() <= self.step() && self.pass.pace.is_none() {
            return Response::new(Body::from(bytes));
        }
        let length = bytes.len();
        let parts = stream::unfold((self.clone(), bytes), |(mut receiver, mut left)| async {
            if left.is_empty() {
                return None;
            }
            let part = left.split_to(left.len().min(receiver.step()));
            match receiver.turn(part.len()).await {
                Ok(()) => Some((Ok(part), (receiver, left))),
                Err(refused) => Some((Err(refused), (receiver, Bytes::new()))),
            }
        });
        let mut response = Response::new(Body::from_stream(parts));
        let told = response.headers_mut();
        told.insert(header::CONTENT_LENGTH, length.into());
        response
    }

    fn step(&self) -> usize {
        self.pass.pace.as_ref().map_or(STEP, |_| PACED_STEP)
    }

    /// Waits until so many bytes may go to this receiver.
    async fn turn(&mut self, bytes: usize) -> Result<(), StreamingError> {
        if let Some(pace) = &self.pass.pace {
            pace.wait(bytes).await;
        }
        self.pass = self.streaming.admit_again(&self.pass).await?;
        Ok(())
    }
}
