//! Bytes sent no faster than a session may take them.

use axum::body::Body;
use bytes::Bytes;
use futures::stream;

use crate::services::streaming::Pace;

use std::convert::Infallible;
use std::sync::Arc;

/// Bytes that go at once.
const STEP: usize = 64 << 10;

/// A body whose parts wait for their turn.
pub fn body(bytes: Bytes, pace: Arc<Pace>) -> Body {
    Body::from_stream(stream::unfold((bytes, pace), |(mut left, pace)| async {
        if left.is_empty() {
            return None;
        }
        let part = left.split_to(left.len().min(STEP));
        pace.wait(part.len()).await;
        Some((Ok::<_, Infallible>(part), (left, pace)))
    }))
}
