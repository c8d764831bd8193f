//! Cross-origin answers. By the handle in the path every page may play what its viewer has a handle for.
//! A cookie is sent by the browser whatever page asks, so with it only listed pages may, and their
//! answers are marked for credentials. Source: the Fetch standard, 3.3.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;

const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// Headers of answers that scripts may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("accept-ranges,content-length,content-range,date,etag,retry-after");
/// Headers that scripts may send.
const TAKEN: HeaderValue =
    HeaderValue::from_static("authorization,content-type,range,if-match,if-none-match,if-range");
/// Methods.
pub const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,OPTIONS");
/// Seconds for which a browser need not ask again.
const DAY: HeaderValue = HeaderValue::from_static("86400");

/// The pages that may play with the cookie, and the one that asks.
#[derive(Clone, Copy, Debug)]
pub struct Origins<'a> {
    allowed: &'a [String],
    own: &'a str,
    asking: Option<&'a HeaderValue>,
}

impl<'a> Origins<'a> {
    /// Of a request to a gate at this public URL.
    pub fn of(headers: &'a HeaderMap, allowed: &'a [String], public_url: &'a str) -> Self {
        let after_scheme = public_url.find("://").map_or(0, |at| at + 3);
        let path = public_url[after_scheme..].find('/');
        let own = path.map_or(public_url, |at| &public_url[..after_scheme + at]);
        Self {
            allowed,
            own,
            asking: headers.get(header::ORIGIN),
        }
    }

    fn listed(&self) -> Option<&'a HeaderValue> {
        self.asking
            .filter(|asking| self.allowed.iter().any(|a| *asking == a.as_str()))
    }

    /// Whether the page that asks, if one does, may play with the cookie.
    pub fn may_use_cookie(&self) -> bool {
        self.asking.is_none_or(|asking| *asking == self.own) || self.listed().is_some()
    }

    /// Lets the page read an answer.
    pub fn share(&self, headers: &mut HeaderMap) {
        match self.listed() {
            None => headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
            Some(origin) => {
                headers.append(header::VARY, HeaderValue::from_static("origin"));
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())
            }
        };
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Answers a browser that asks before it asks; no handle is needed to learn this.
pub fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    if *method != Method::OPTIONS {
        return None;
    }
    let mut response = Response::default();
    let told = response.headers_mut();
    told.insert(header::ALLOW, METHODS);
    if headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        told.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN);
        told.insert(header::ACCESS_CONTROL_MAX_AGE, DAY);
    }
    Some(response)
}
