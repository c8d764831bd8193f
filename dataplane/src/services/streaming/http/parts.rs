//! Bytes of a segment as an answer: all, one range, or several. Source: RFC 9110, sections 14 and 15.3.7.

use std::ops::Range;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};

use super::sending::Receiver;
use crate::error::{Kind, Problem};
use crate::services::streaming::range::Wanted;

/// Between the parts of an answer with several; the bytes are video, which has no such line.
const BOUNDARY: &str = "streamgate-part-f1c0a7d46b9e4b52";

/// What of `bytes` is wanted; `kind` is their media type.
pub fn answer(bytes: Bytes, wanted: &Wanted, kind: &'static str, to: &Receiver) -> Response {
    let length = bytes.len() as u64;
    let mut response = match wanted {
        Wanted::Whole => return to.send(bytes),
        Wanted::Part(part) => {
            let mut response = to.send(cut(&bytes, part));
            tell_range(&mut response, &content_range(part, length));
            response
        }
        Wanted::Parts(parts) => return several(&bytes, parts, kind, to),
        Wanted::Nothing => {
            let detail = "the range begins behind the end of the segment";
            let problem = Problem::new(Kind::RangeNotSatisfiable, "RangeNotSatisfiable", detail);
            let mut response = problem.into_response();
            tell_range(&mut response, &format!("bytes */{length}"));
            return response;
        }
    };
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    response
}

/// Cut to the object's length by `wanted`, so it fits.
fn cut(bytes: &Bytes, part: &Range<u64>) -> Bytes {
    let end = usize::try_from(part.end)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    let start = usize::try_from(part.start).unwrap_or(usize::MAX).min(end);
    bytes.slice(start..end)
}

fn content_range(part: &Range<u64>, length: u64) -> String {
    format!(
        "bytes {}-{}/{length}",
        part.start,
        part.end.saturating_sub(1)
    )
}

fn tell_range(response: &mut Response, range: &str) {
    if let Ok(range) = HeaderValue::try_from(range) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
}

fn several(bytes: &Bytes, parts: &[Range<u64>], kind: &str, to: &Receiver) -> Response {
    let length = bytes.len() as u64;
    let mut body = BytesMut::new();
    for part in parts {
        let range = content_range(part, length);
        let head =
            format!("\r\n--{BOUNDARY}\r\ncontent-type: {kind}\r\ncontent-range: {range}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&cut(bytes, part));
    }
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let mut response = to.send(body.freeze());
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let kind = format!("multipart/byteranges; boundary={BOUNDARY}");
    if let Ok(kind) = HeaderValue::try_from(kind) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}
