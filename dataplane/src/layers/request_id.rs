//! A name for each request: the caller's `x-request-id` when it is harmless, else a new one.
//! It is in the response, in every log line and in no metric.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;

use super::around::Around;

/// The header.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest name taken from a caller.
const MAX_LENGTH: usize = 64;

/// Name of this request.
#[derive(Clone, Debug)]
pub struct RequestId(pub HeaderValue);

/// The layer.
#[derive(Clone, Copy)]
pub struct RequestIds;

impl Around for RequestIds {
    type Kept = HeaderValue;

    fn before(&self, request: &mut Request) -> Result<HeaderValue, Response> {
        let given = request.headers().get(&REQUEST_ID).filter(|id| harmless(id));
        let id = given.cloned().unwrap_or_else(new_id);
        request.extensions_mut().insert(RequestId(id.clone()));
        Ok(id)
    }

    fn after(&self, id: HeaderValue, response: &mut Response) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}

/// Only what cannot break a log line or a header.
fn harmless(id: &HeaderValue) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= MAX_LENGTH && id.as_bytes().iter().all(plain)
}

fn new_id() -> HeaderValue {
    let mut text = [0; 32];
    // Cannot fail: the text is twice as long as the bytes.
    let _ = hex::encode_to_slice(rand::random::<[u8; 16]>(), &mut text);
    let text = Bytes::copy_from_slice(&text);
    HeaderValue::from_maybe_shared(text).unwrap_or_else(|_| HeaderValue::from_static("0"))
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
        assert!(!harmless(&HeaderValue::from_str(&"a".repeat(65)).unwrap()));
        assert_eq!(new_id().len(), 32);
        assert_ne!(new_id(), new_id());
    }
}
