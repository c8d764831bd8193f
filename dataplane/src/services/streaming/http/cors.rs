//! Cross-origin answers. The handle in the path is the only credential, and no cookie takes part, so
//! every page may play what its viewer has a handle for. Source: the Fetch standard, 3.3.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;

const ANY: HeaderValue = HeaderValue::from_static("*");
/// Headers of answers that scripts may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("accept-ranges,content-length,content-range,date,etag,retry-after");
/// Headers that scripts may send.
const TAKEN: HeaderValue = HeaderValue::from_static("range,if-none-match,if-range,content-type");
/// Methods.
pub const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,OPTIONS");
/// Seconds for which a browser need not ask again.
const DAY: HeaderValue = HeaderValue::from_static("86400");

/// Lets every page read an answer.
pub fn share(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// Answers a browser that asks before it asks; no handle is needed to learn this.
pub fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    const ASKED: HeaderName = header::ACCESS_CONTROL_REQUEST_METHOD;
    if *method != Method::OPTIONS {
        return None;
    }
    let mut response = Response::default();
    let told = response.headers_mut();
    told.insert(header::ALLOW, METHODS);
    if headers.contains_key(ASKED) {
        told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        told.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN);
        told.insert(header::ACCESS_CONTROL_MAX_AGE, DAY);
    }
    Some(response)
}
