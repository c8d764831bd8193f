//! A process that is told to end says so on every connection it still answers on, so that whoever
//! keeps connections does not send a request into one that is being closed. Source: RFC 9112, 9.6.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::response::Response;

use super::around::Around;

/// The layer; said to all its copies at once.
#[derive(Clone, Default)]
pub struct Farewell(Arc<AtomicBool>);

impl Farewell {
    /// From now on connections end with their next answer.
    pub fn say(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Around for Farewell {
    /// HTTP/2 has its own way to end a connection.
    type Kept = bool;

    fn before(&self, request: &mut Request) -> Result<bool, Response> {
        Ok(request.version() <= Version::HTTP_11)
    }

    fn after(&self, one_at_a_time: bool, response: &mut Response) {
        if one_at_a_time && self.0.load(Ordering::Relaxed) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn it_is_said_once_it_is_known_and_not_over_http_2() {
        let farewell = Farewell::default();
        let closes = |version| {
            let mut request = Request::new(Body::empty());
            *request.version_mut() = version;
            let mut response = Response::new(Body::empty());
            let kept = farewell.clone().before(&mut request).unwrap();
            farewell.after(kept, &mut response);
            response.headers().contains_key(header::CONNECTION)
        };
        assert!(!closes(Version::HTTP_11));
        farewell.say();
        assert!(closes(Version::HTTP_11) && !closes(Version::HTTP_2));
    }
}
