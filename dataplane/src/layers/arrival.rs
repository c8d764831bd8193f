//! What is known of a request as it arrives: its route, the time, and a name for it: the caller's
//! `x-request-id` when it is harmless, else a new one. The name is in the response, in every log line
//! and in no metric.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;

use super::around::Around;
use super::routes::{self, Route};

/// The header.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest name taken from a caller.
const MAX_LENGTH: usize = 64;

/// Name of a request, held in place.
#[derive(Clone, Copy, Debug)]
pub struct RequestId {
    text: [u8; MAX_LENGTH],
    length: usize,
}

impl RequestId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        // Letters, digits and three signs, as `harmless` and `hex` write them.
        std::str::from_utf8(&self.text[..self.length]).unwrap_or_default()
    }

    fn new(name: &[u8]) -> Self {
        let mut text = [0; MAX_LENGTH];
        let length = name.len().min(MAX_LENGTH);
        text[..length].copy_from_slice(&name[..length]);
        Self { text, length }
    }

    fn random() -> Self {
        let mut text = [0; MAX_LENGTH];
        let bytes = rand::random::<[u8; 16]>();
        let length = 2 * bytes.len();
        // Cannot fail: the text is twice as long as the bytes.
        let _ = hex::encode_to_slice(bytes, &mut text[..length]);
        Self { text, length }
    }
}

/// What later layers find among the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Name of the request.
    pub id: RequestId,
    /// The route its path takes.
    pub route: &'static Route,
    /// When it came.
    pub begin: Instant,
}

impl Arrival {
    /// Of a request that arrives now.
    pub fn of(request: &Request) -> Self {
        let given = request.headers().get(&REQUEST_ID).filter(|id| harmless(id));
        let given = given.map(|id| RequestId::new(id.as_bytes()));
        Self {
            id: given.unwrap_or_else(RequestId::random),
            route: routes::of(request.uri().path()),
            begin: Instant::now(),
        }
    }

    /// What is known of the request: by the layer outside, or found out now.
    pub fn known(request: &Request) -> Self {
        let known = request.extensions().get::<Self>().copied();
        known.unwrap_or_else(|| Self::of(request))
    }
}

/// The layer.
#[derive(Clone, Copy)]
pub struct Arrivals;

impl Around for Arrivals {
    type Kept = RequestId;

    fn before(&self, request: &mut Request) -> Result<RequestId, Response> {
        let arrival = Arrival::of(request);
        request.extensions_mut().insert(arrival);
        Ok(arrival.id)
    }

    fn after(&self, id: RequestId, response: &mut Response) {
        let text = Bytes::copy_from_slice(&id.text[..id.length]);
        if let Ok(id) = HeaderValue::from_maybe_shared(text) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
    }
}

/// Only what cannot break a log line or a header.
fn harmless(id: &HeaderValue) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= MAX_LENGTH && id.as_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_break_a_log_are_replaced() {
        for (id, taken) in [
            ("abc-1.2_X", true),
            ("a b", false),
            ("", false),
            ("a\"b", false),
        ] {
            assert_eq!(harmless(&HeaderValue::from_static(id)), taken, "{id}");
        }
        let long = "a".repeat(MAX_LENGTH);
        assert!(harmless(&HeaderValue::from_str(&long).unwrap()));
        assert_eq!(RequestId::new(long.as_bytes()).as_str(), long);
        assert!(!harmless(&HeaderValue::from_str(&"a".repeat(65)).unwrap()));
        assert_eq!(RequestId::random().as_str().len(), 32);
        assert_ne!(RequestId::random().as_str(), RequestId::random().as_str());
    }
}
