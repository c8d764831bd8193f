//! Small JSON bodies, seen and passed on as they are. Other bodies are not read.

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde_json::Value;

/// Bytes of the largest body that is recorded.
const LARGEST: u64 = 8 << 10;

/// The request as it was, and its JSON.
pub async fn of_request(request: Request) -> (Request, Option<Value>) {
    let (parts, body) = request.into_parts();
    let (body, seen) = seen(&parts.headers, body).await;
    (Request::from_parts(parts, body), seen)
}

/// The response as it was, and its JSON.
pub async fn of_response(response: Response) -> (Response, Option<Value>) {
    let (parts, body) = response.into_parts();
    let (body, seen) = seen(&parts.headers, body).await;
    (Response::from_parts(parts, body), seen)
}

async fn seen(headers: &HeaderMap, body: Body) -> (Body, Option<Value>) {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let json = kind.is_some_and(|kind| kind.contains("json"));
    // A body of known length is read to its end without waiting for more than that.
    let small = body
        .size_hint()
        .exact()
        .is_some_and(|bytes| bytes <= LARGEST);
    if !json || !small {
        return (body, None);
    }
    match to_bytes(body, LARGEST as usize).await {
        Ok(bytes) => {
            let value = serde_json::from_slice(&bytes).ok();
            (Body::from(bytes), value)
        }
        // It was cut off: the handler sees an empty body and refuses it.
        Err(_) => (Body::empty(), None),
    }
}
