//! Keys of encrypted outputs as they go to admitted players. ClearKey hands the key to the player: it
//! keeps copied objects shut, and is no DRM. Sources: RFC 8216, 5 (key file); W3C Encrypted Media
//! Extensions, 9.1 (Clear Key).

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use streamgate_contract::encryption::{ContentKey, Hex16};

/// The sixteen bytes of the key.
pub fn raw(key: &ContentKey) -> Response {
    let bytes = key.key.bytes().to_vec();
    described(Body::from(bytes), "application/octet-stream")
}

/// A JSON Web Key Set as a license.
pub fn license(key: &ContentKey) -> Response {
    let text = |bytes: Hex16| URL_SAFE_NO_PAD.encode(bytes.bytes());
    let key = serde_json::json!({"kty": "oct", "kid": text(key.id), "k": text(key.key)});
    let set = serde_json::json!({"keys": [key], "type": "temporary"});
    described(Body::from(set.to_string()), "application/json")
}

fn described(body: Body, kind: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = header::X_CONTENT_TYPE_OPTIONS;
    headers.insert(name, HeaderValue::from_static("nosniff"));
    response
}
