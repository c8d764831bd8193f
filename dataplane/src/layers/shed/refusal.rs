//! The answer to what is refused for load, made in advance.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::OVERLOADED;
use crate::error::{Kind, Problem};
use crate::layers::limit::headers::REDUCED_CAPACITY;

/// The answer.
pub struct Refusal {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Refusal {
    /// A problem that says when to come again, with the headers of every answer.
    pub fn new() -> Self {
        let detail = "there is too much to do here; try again";
        let problem = Problem::new(Kind::Unavailable, OVERLOADED, detail);
        let problem = problem.of_type(REDUCED_CAPACITY).retry_after(1);
        // An object of texts and numbers can always be written.
        let body = serde_json::to_vec(&problem.members()).unwrap_or_default();
        let (mut parts, _) = problem.into_response().into_parts();
        parts.headers.extend(crate::edge::GUARDS);
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.into(),
        }
    }

    /// Another copy.
    pub fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_says_why_and_when_to_come_again() {
        let response = Refusal::new().response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let headers = response.headers();
        assert_eq!(headers["retry-after"], "1");
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let body = axum::body::to_bytes(response.into_body(), 1 << 12).await;
        let problem: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert_eq!(problem["reason"], OVERLOADED);
        assert_eq!(problem["type"], REDUCED_CAPACITY);
    }
}
