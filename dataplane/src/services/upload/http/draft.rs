//! Resumable uploads of the IETF: a request that says `Upload-Complete` may be gone on with at an
//! upload resource. Source: draft-ietf-httpbis-resumable-upload-12, interop version 8.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::files::{PATH, described, digest};
use super::headers::{parse_id, plain, text};
use super::{Service, render};
use crate::error::{Kind, Problem};
use crate::extract::Named;
use crate::layers::authenticate::Caller;
use crate::ports::catalog::uploads::UploadKind;
use crate::ports::identity::Principal;
use crate::server::interim::{Interim, Sender};
use crate::services::upload::checksum::Checksum;
use crate::services::upload::error::UploadError;
use crate::services::upload::{Body, Creation, Status, UploadService};

/// Version of the draft that is spoken.
const INTEROP: &str = "8";
/// Media type of what is appended.
const PARTIAL: &str = "application/partial-upload";
const PHRASE: &str = "Upload Resumption Supported";

/// Names of the draft's headers.
pub mod names {
    /// Does the upload end with this request, or has it ended?
    pub const COMPLETE: &str = "upload-complete";
    /// Bytes there are.
    pub const OFFSET: &str = "upload-offset";
    /// Bytes there will be.
    pub const LENGTH: &str = "upload-length";
    /// What uploads are held to.
    pub const LIMIT: &str = "upload-limit";
    /// Version of the draft.
    pub const INTEROP: &str = "upload-draft-interop-version";
}

/// A Boolean of a structured field; others are passed over, as the draft has it.
pub fn complete(headers: &HeaderMap) -> Option<bool> {
    match text(headers, names::COMPLETE).trim() {
        "?1" => Some(true),
        "?0" => Some(false),
        _ => None,
    }
}

/// A whole number of a structured field; others are passed over.
fn integer(headers: &HeaderMap, name: &str) -> Option<u64> {
    let digits = text(headers, name).trim();
    let plain = digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// What a body says of the length of its upload.
fn length(headers: &HeaderMap, offset: u64, completes: bool) -> Result<Option<u64>, Problem> {
    let told = integer(headers, names::LENGTH);
    let content = integer(headers, header::CONTENT_LENGTH.as_str()).filter(|_| completes);
    let summed = content.map(|bytes| offset.saturating_add(bytes));
    match (told, summed) {
        (Some(told), Some(summed)) if told != summed => {
            let detail = "Upload-Length is not where this request would end the upload";
            Err(inconsistent(detail.to_owned()))
        }
        _ => Ok(told.or(summed)),
    }
}

fn inconsistent(detail: String) -> Problem {
    let uri = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";
    Problem::new(Kind::Invalid, "LengthChanged", detail).of_type(uri)
}

/// Where interim responses go, if the client understands ours.
pub fn interim(headers: &HeaderMap, connection: Option<Extension<Interim>>) -> Option<Interim> {
    let spoken = text(headers, names::INTEROP).trim() == INTEROP;
    connection
        .filter(|_| spoken)
        .map(|Extension(interim)| interim)
}

fn say(sender: &Sender, headers: impl IntoIterator<Item = (&'static str, String)>) {
    let version = [(names::INTEROP, INTEROP.to_owned())];
    let headers = headers.into_iter().chain(version);
    let headers = headers.filter_map(|(name, value)| {
        let name = header::HeaderName::from_static(name);
        Some((name, HeaderValue::try_from(value).ok()?))
    });
    // Registered by the draft only, so the number is named here.
    if let Ok(status) = StatusCode::from_u16(104) {
        sender.send(status, PHRASE, &headers.collect());
    }
}

/// A new upload whose first body this is.
pub async fn create(
    service: &Arc<UploadService>,
    who: Principal,
    query: Option<&str>,
    headers: &HeaderMap,
    body: HttpBody,
    interim: Option<Interim>,
) -> Result<Response, Problem> {
    let completes = complete(headers).unwrap_or_default();
    let mut metadata = described(query, headers)?;
    metadata.digest = repr_digest(headers)?;
    let asked = Creation {
        kind: UploadKind::Whole,
        length: length(headers, 0, completes)?,
        metadata,
    };
    let mut body = received(0, completes, headers, body)?;
    let open = interim.as_ref().map(Interim::open);
    let status = service.create(who, asked).await?;
    let id = status.upload.id.clone();
    if let Some(sender) = open.as_ref().map(|open| open.sender()) {
        let limit = limit(service, Some(&status));
        say(
            &sender,
            [("location", place(&status)), (names::LIMIT, limit)],
        );
        body.progress = Some(Box::new(move |offset| {
            say(&sender, [(names::OFFSET, offset.to_string())]);
        }));
    }
    match service.append(who, id.clone(), body).await {
        Ok(status) => Ok(taken(service, &status)),
        Err(error) => Err(ended(service, who, &id, error).await),
    }
}

/// What the whole must have, if it is something we know.
fn repr_digest(headers: &HeaderMap) -> Result<Option<String>, UploadError> {
    let field = text(headers, "repr-digest");
    let digest = Checksum::of_digest_field(field);
    let digest = digest.map_err(|invalid| UploadError::Checksum(invalid.into()))?;
    Ok(digest.map(|_| field.to_owned()))
}

/// What uploads are held to.
pub async fn options(State(service): Service) -> Response {
    let limit = [(names::LIMIT, limit(&service, None))];
    (StatusCode::NO_CONTENT, AppendHeaders(limit)).into_response()
}

/// Where an upload stands.
pub async fn offset(
    State(service): Service,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let status = service.resume(who, &parse_id(&id)?).await?;
    let length = status
        .upload
        .length
        .map(|length| (names::LENGTH, length.to_string()));
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    let length = AppendHeaders(length);
    let standing = standing(&service, &status);
    Ok((
        StatusCode::NO_CONTENT,
        AppendHeaders(no_store),
        length,
        standing,
    )
        .into_response())
}

/// More of an upload.
pub async fn append(
    State(service): Service,
    caller: Caller,
    Named(id): Named<String>,
    connection: Option<Extension<Interim>>,
    headers: HeaderMap,
    body: HttpBody,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let id = parse_id(&id)?;
    if !text(&headers, header::CONTENT_TYPE.as_str()).eq_ignore_ascii_case(PARTIAL) {
        let detail = format!("send the bytes as {PARTIAL}");
        let kind = Kind::UnsupportedMediaType;
        return Err(Problem::new(kind, "UnsupportedMediaType", detail));
    }
    let told = integer(&headers, names::OFFSET).zip(complete(&headers));
    let (at, completes) = told.ok_or_else(|| {
        let detail = "send Upload-Offset, a number of bytes, and Upload-Complete, ?0 or ?1";
        Problem::new(Kind::Invalid, "InvalidHeader", detail)
    })?;
    let mut body = received(at, completes, &headers, body)?;
    body.length = length(&headers, at, completes)?;
    let open = interim(&headers, connection).map(|interim| interim.open());
    if let Some(sender) = open.as_ref().map(|open| open.sender()) {
        body.progress = Some(Box::new(move |offset| {
            say(&sender, [(names::OFFSET, offset.to_string())]);
        }));
    }
    match service.append(who, id.clone(), body).await {
        Ok(status) => Ok(taken(&service, &status)),
        // The answer to the request that ended it was lost: it is given again.
        Err(UploadError::Complete) if completes => {
            Ok(taken(&service, &service.describe(who, &id).await?))
        }
        Err(UploadError::WrongOffset { offset }) => Ok(moved(offset, at)),
        Err(error) => Err(ended(&service, who, &id, error).await),
    }
}

fn received(
    offset: u64,
    completes: bool,
    headers: &HeaderMap,
    body: HttpBody,
) -> Result<Body, UploadError> {
    Ok(Body {
        announced: integer(headers, header::CONTENT_LENGTH.as_str()),
        completes,
        checksum: digest(headers)?,
        ..Body::new(offset, plain(body))
    })
}

/// An upload that has gone past its length cannot be gone on with.
async fn ended(
    service: &Arc<UploadService>,
    who: Principal,
    id: &streamgate_contract::UploadId,
    error: UploadError,
) -> Problem {
    match error {
        UploadError::TooLong { .. } => match service.terminate(who, id).await {
            Ok(()) | Err(UploadError::NotFound) => error.into(),
            Err(other) => other.into(),
        },
        UploadError::OtherLength { .. } => inconsistent(error.to_string()),
        other => other.into(),
    }
}

fn place(status: &Status) -> String {
    format!("{PATH}/{}", status.upload.id)
}

fn limit(service: &UploadService, status: Option<&Status>) -> String {
    let size = format!("max-size={}", service.max_bytes());
    match status.and_then(|status| service.seconds_left(status)) {
        Some(seconds) => format!("{size}, max-age={seconds}"),
        None => size,
    }
}

type Told = AppendHeaders<[(&'static str, String); 3]>;

fn standing(service: &UploadService, status: &Status) -> Told {
    let complete = status.upload.content.is_some();
    AppendHeaders([
        (
            names::COMPLETE,
            if complete { "?1" } else { "?0" }.to_owned(),
        ),
        (names::OFFSET, status.upload.offset().to_string()),
        (names::LIMIT, limit(service, Some(status))),
    ])
}

/// Bytes were taken: a content when they were the last, else where to go on.
fn taken(service: &UploadService, status: &Status) -> Response {
    let standing = standing(service, status);
    if status.upload.content.is_some() {
        return (standing, render::whole(status)).into_response();
    }
    let location = AppendHeaders([(header::LOCATION, place(status))]);
    let told = render::for_people(status);
    (StatusCode::CREATED, location, standing, told).into_response()
}

/// The upload stands elsewhere.
fn moved(offset: u64, provided: u64) -> Response {
    let uri = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset";
    let detail = format!("the upload stands at byte {offset}; go on from there");
    let problem = Problem::new(Kind::Conflict, "WrongOffset", detail)
        .of_type(uri)
        .with("expected-offset", offset)
        .with("provided-offset", provided);
    let headers = [
        (names::OFFSET, offset.to_string()),
        (names::COMPLETE, "?0".to_owned()),
    ];
    (AppendHeaders(headers), problem).into_response()
}
