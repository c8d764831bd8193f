//! Headers of upload requests, as values.

use std::sync::Arc;

use axum::body::Body as HttpBody;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use http_body_util::BodyStream;
use streamgate_contract::UploadId;

use super::render::{PATH, names};
use crate::error::{Kind, Problem};
use crate::ports::Source;
use crate::ports::catalog::uploads::UploadKind;
use crate::services::upload::Body;
use crate::services::upload::checksum::{Checksum, Expected, InvalidChecksum, Trailer};
use crate::services::upload::error::UploadError;
use crate::services::upload::metadata::Metadata;

/// Media type of a body of bytes (tus).
pub const OFFSET_STREAM: &str = "application/offset+octet-stream";
/// Most bytes of a list of pieces.
const MAX_CONCAT_BYTES: usize = 16 << 10;

/// A header as text; empty when it is absent or no text.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// A header that may be absent and must be a whole number otherwise.
pub fn number_if_told(headers: &HeaderMap, name: &'static str) -> Result<Option<u64>, Problem> {
    match headers.contains_key(name) {
        true => number(headers, name).map(Some),
        false => Ok(None),
    }
}

/// A header that must be a whole number.
pub fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, Problem> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = value.filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|value| value.parse().ok()).ok_or_else(|| {
        let detail = format!("{name} must be present and a whole number of bytes");
        Problem::new(Kind::Invalid, "InvalidHeader", detail)
    })
}

/// The length of a new upload: told now, or told to come later.
pub fn length(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let told = number_if_told(headers, names::LENGTH)?;
    let later = headers.get(names::DEFER_LENGTH);
    match (told, later.map(|value| value.as_bytes())) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some(b"1")) => Ok(None),
        (None, None) => {
            let detail = "send Upload-Length, or Upload-Defer-Length: 1 and the length later";
            Err(Problem::new(Kind::Invalid, "LengthRequired", detail))
        }
        _ => {
            let detail = "Upload-Defer-Length must be 1 and goes without Upload-Length";
            Err(Problem::new(Kind::Invalid, "InvalidHeader", detail))
        }
    }
}

/// What a new upload is for.
pub fn kind(headers: &HeaderMap) -> Result<UploadKind, Problem> {
    let Some(value) = headers.get(names::CONCAT) else {
        return Ok(UploadKind::Whole);
    };
    let value = value.to_str().unwrap_or_default();
    let list = value.strip_prefix("final;");
    match (value, list.filter(|list| list.len() <= MAX_CONCAT_BYTES)) {
        ("partial", _) => Ok(UploadKind::Piece),
        (_, Some(list)) => {
            let pieces: Option<Vec<_>> = list.split_whitespace().map(piece).collect();
            let pieces = pieces.ok_or(UploadError::Pieces)?;
            Ok(UploadKind::Joined(pieces))
        }
        _ => {
            let detail = "Upload-Concat must be partial or final; and a list of uploads";
            Err(Problem::new(Kind::Invalid, "InvalidHeader", detail))
        }
    }
}

/// The upload of a URL, absolute or not: only its path counts.
fn piece(url: &str) -> Option<UploadId> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map(|at| &rest[at..])?,
        None => url,
    };
    path.strip_prefix(PATH)?.strip_prefix('/')?.parse().ok()
}

/// What an upload says about itself.
pub fn metadata(headers: &HeaderMap) -> Result<Metadata, UploadError> {
    let text = headers.get(names::METADATA).map(|value| value.to_str());
    // A header that is no text is no list either: let the parser say what it should be.
    let text = text.map_or("", |text| text.unwrap_or("="));
    Ok(Metadata {
        concat: headers
            .get(names::CONCAT)
            .and_then(|value| Some(value.to_str().ok()?.to_owned())),
        ..Metadata::parse(text)?
    })
}

/// A body of tus at `offset`, with the checksum its headers or trailers tell.
pub fn incoming(offset: u64, headers: &HeaderMap, body: HttpBody) -> Result<Body, UploadError> {
    let known = headers.get(names::CHECKSUM);
    let known = known.map(|value| parsed(value.to_str().ok())).transpose();
    let known = known.map_err(|invalid| UploadError::Checksum(invalid.into()))?;
    let announced = text(headers, "trailer").split(',');
    let behind = announced
        .map(str::trim)
        .any(|name| name.eq_ignore_ascii_case(names::CHECKSUM));
    let trailer = (known.is_none() && behind).then(Trailer::default);
    let bytes = match &trailer {
        Some(trailer) => with_trailer(body, trailer.clone()),
        None => plain(body),
    };
    Ok(Body {
        announced: text(headers, header::CONTENT_LENGTH.as_str()).parse().ok(),
        checksum: match (known, trailer) {
            (Some(known), _) => Expected::Known(known),
            (None, Some(trailer)) => Expected::Behind(trailer),
            (None, None) => Expected::Nothing,
        },
        ..Body::new(offset, bytes)
    })
}

fn parsed(value: Option<&str>) -> Result<Checksum, InvalidChecksum> {
    Checksum::parse(value.ok_or(InvalidChecksum::Malformed)?)
}

/// The bytes of a body.
pub fn plain(body: HttpBody) -> BoxStream<'static, Result<Bytes, Source>> {
    body.into_data_stream().map_err(Into::into).boxed()
}

fn with_trailer(body: HttpBody, trailer: Trailer) -> BoxStream<'static, Result<Bytes, Source>> {
    let bytes = BodyStream::new(body).filter_map(move |frame| {
        let bytes = match frame.map(http_body_util_frame(&trailer)) {
            Ok(bytes) => bytes.map(Ok),
            Err(error) => Some(Err(error.into())),
        };
        std::future::ready(bytes)
    });
    bytes.boxed()
}

/// Bytes of a frame, or nothing when it holds trailers: those are noted.
fn http_body_util_frame(
    trailer: &Trailer,
) -> impl FnOnce(hyper::body::Frame<Bytes>) -> Option<Bytes> {
    let trailer = Arc::clone(trailer);
    move |frame| match frame.into_data() {
        Ok(bytes) => Some(bytes),
        Err(frame) => {
            let fields = frame.into_trailers().unwrap_or_default();
            let value = fields.get(names::CHECKSUM);
            // Trailers come once; more of them would change nothing.
            let _ = trailer.set(parsed(value.and_then(|value| value.to_str().ok())));
            None
        }
    }
}

/// Is the body a stream of bytes of tus?
pub fn is_offset_stream(headers: &HeaderMap) -> bool {
    let media_type = text(headers, header::CONTENT_TYPE.as_str());
    media_type.eq_ignore_ascii_case(OFFSET_STREAM)
}

/// An id of another form is nobody's upload.
pub fn parse_id(text: &str) -> Result<UploadId, UploadError> {
    text.parse().map_err(|_| UploadError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                header::HeaderName::from_static(name),
                value.parse().unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn lengths_are_told_once_or_later() {
        assert_eq!(length(&headers(&[("upload-length", "7")])), Ok(Some(7)));
        assert_eq!(length(&headers(&[("upload-defer-length", "1")])), Ok(None));
        for wrong in [
            &[][..],
            &[("upload-length", "-1")],
            &[("upload-defer-length", "2")],
            &[("upload-length", "7"), ("upload-defer-length", "1")],
        ] {
            assert!(length(&headers(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn pieces_are_found_by_their_paths() {
        let kind = |value: &str| kind(&headers(&[("upload-concat", value)]));
        let id = |text: &str| text.parse().unwrap();
        assert_eq!(kind("partial"), Ok(UploadKind::Piece));
        let list = "final;/api/v1/uploads/a https://gate.example/api/v1/uploads/b";
        let wanted = UploadKind::Joined(vec![id("a"), id("b")]);
        assert_eq!(kind(list), Ok(wanted));
        for wrong in [
            "final",
            "whole",
            "final;/elsewhere/a",
            "final;https://gate.example",
        ] {
            assert!(kind(wrong).is_err(), "{wrong}");
        }
    }
}
