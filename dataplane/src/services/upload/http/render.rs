//! Answers of the upload routes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;
use streamgate_contract::{ContentId, UploadId};

use crate::error::{Kind, Problem};
use crate::ports::catalog::uploads::UploadKind;
use crate::ports::clock::UnixSeconds;
use crate::services::upload::checksum::ALGORITHMS;
use crate::services::upload::{Line, Listing, Status};

/// Where uploads are.
pub const PATH: &str = "/api/v1/uploads";
/// Version of tus.
pub const VERSION: &str = "1.0.0";
/// Extensions of tus.
const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,\
    checksum,checksum-trailer,concatenation,concatenation-unfinished,expiration,termination";

/// Names of tus' headers.
pub mod names {
    /// Version of a request and its answer.
    pub const RESUMABLE: &str = "tus-resumable";
    /// Bytes there are.
    pub const OFFSET: &str = "upload-offset";
    /// Bytes there will be.
    pub const LENGTH: &str = "upload-length";
    /// The length is told later.
    pub const DEFER_LENGTH: &str = "upload-defer-length";
    /// What the upload says about itself.
    pub const METADATA: &str = "upload-metadata";
    /// Until when it must be finished.
    pub const EXPIRES: &str = "upload-expires";
    /// Pieces, and uploads that are joined of them.
    pub const CONCAT: &str = "upload-concat";
    /// Checksum of a body.
    pub const CHECKSUM: &str = "upload-checksum";
    /// Algorithms of checksums.
    pub const ALGORITHMS: &str = "tus-checksum-algorithm";
    /// Versions the server speaks.
    pub const VERSIONS: &str = "tus-version";
    /// Extensions it has.
    pub const EXTENSIONS: &str = "tus-extension";
    /// Most bytes of an upload.
    pub const MAX_SIZE: &str = "tus-max-size";
}

const NO_STORE: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// The request speaks another version.
pub fn wrong_version() -> Response {
    let detail = format!("send Tus-Resumable: {VERSION}");
    let problem = Problem::new(Kind::PreconditionFailed, "UnsupportedTusVersion", detail);
    (AppendHeaders([(names::VERSIONS, VERSION)]), problem).into_response()
}

/// A POST to an upload that overrides no method (RFC 9110 15.5.6).
pub fn no_post() -> Response {
    let detail = "POST here needs X-HTTP-Method-Override: PATCH, DELETE or HEAD";
    let problem = Problem::new(Kind::MethodNotAllowed, "MethodNotAllowed", detail);
    let allowed = AppendHeaders([(header::ALLOW, "GET,HEAD,PATCH,DELETE,OPTIONS")]);
    (allowed, problem).into_response()
}

/// What this server can do.
pub fn abilities(max_bytes: u64) -> Response {
    let headers = [
        (names::VERSIONS, VERSION.to_owned()),
        (names::EXTENSIONS, EXTENSIONS.to_owned()),
        (names::MAX_SIZE, max_bytes.to_string()),
        (names::ALGORITHMS, ALGORITHMS.to_owned()),
    ];
    (StatusCode::NO_CONTENT, AppendHeaders(headers)).into_response()
}

/// A new upload.
pub fn created(status: &Status) -> Response {
    let location = format!("{PATH}/{}", status.upload.id);
    let location = AppendHeaders([(header::LOCATION, location)]);
    (StatusCode::CREATED, location, progress(status)).into_response()
}

/// Bytes were appended.
pub fn appended(status: &Status) -> Response {
    (StatusCode::NO_CONTENT, progress(status)).into_response()
}

/// Where an upload stands.
pub fn offset(status: &Status) -> Response {
    let upload = &status.upload;
    let joined = matches!(upload.kind, UploadKind::Joined(_));
    let length = upload.length.map(|length| length.to_string());
    let later = length.is_none() && !joined;
    let headers = [
        (names::LENGTH, length),
        (names::DEFER_LENGTH, later.then(|| "1".to_owned())),
        (names::CONCAT, status.metadata.concat.clone()),
        (names::METADATA, Some(status.metadata.raw.clone())),
    ];
    let told = headers
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let told: Vec<_> = told.filter(|(_, value)| !value.is_empty()).collect();
    let fresh = AppendHeaders([NO_STORE]);
    (fresh, AppendHeaders(told), progress(status)).into_response()
}

fn progress(status: &Status) -> AppendHeaders<Vec<(&'static str, String)>> {
    let upload = &status.upload;
    let joined = matches!(upload.kind, UploadKind::Joined(_));
    // What is joined stands nowhere until it is.
    let stands = !joined || upload.content.is_some();
    let offset = stands.then(|| (names::OFFSET, upload.offset().to_string()));
    let mut headers = Vec::from_iter(offset);
    let expires = expiry(status).and_then(|expires| {
        let printer = DateTimePrinter::new();
        printer.timestamp_to_rfc9110_string(&expires).ok()
    });
    headers.extend(expires.map(|expires| (names::EXPIRES, expires)));
    AppendHeaders(headers)
}

fn expiry(status: &Status) -> Option<Timestamp> {
    unless(status.upload.content.as_ref(), status.expires)
}

/// An upload that is finished does not expire.
fn unless(finished: Option<&ContentId>, expires: UnixSeconds) -> Option<Timestamp> {
    match finished {
        Some(_) => None,
        None => Timestamp::from_second(expires).ok(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ForPeople<'a> {
    id: &'a UploadId,
    title: &'a str,
    length: Option<u64>,
    offset: u64,
    complete: bool,
    content: Option<&'a ContentId>,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct ListForPeople<'a> {
    uploads: Vec<ForPeople<'a>>,
    next: Option<&'a str>,
}

fn line(line: &Line) -> ForPeople<'_> {
    let upload = &line.upload;
    ForPeople {
        id: &upload.id,
        title: line.metadata.title(),
        length: upload.length,
        offset: upload.offset,
        complete: upload.content.is_some(),
        content: upload.content.as_ref(),
        created_at: Timestamp::from_second(upload.created_at).ok(),
        expires_at: unless(upload.content.as_ref(), line.expires),
    }
}

/// A page of uploads in JSON.
pub fn listing(listing: &Listing) -> Response {
    let told = ListForPeople {
        uploads: listing.uploads.iter().map(line).collect(),
        next: listing.next.as_deref(),
    };
    (AppendHeaders([NO_STORE]), Json(told)).into_response()
}

/// A file that came whole: a content.
pub fn whole(status: &Status) -> Response {
    let content = status.upload.content.as_ref();
    let location = content.map(|id| (header::LOCATION, format!("/api/v1/contents/{id}")));
    let location = AppendHeaders(location);
    (StatusCode::CREATED, location, for_people(status)).into_response()
}

/// An upload in JSON.
pub fn for_people(status: &Status) -> Response {
    (AppendHeaders([NO_STORE]), Json(shown(status))).into_response()
}

/// An upload as people see it.
pub fn shown(status: &Status) -> impl Serialize {
    let upload = &status.upload;
    ForPeople {
        id: &upload.id,
        title: status.metadata.title(),
        length: upload.length,
        offset: upload.offset(),
        complete: upload.content.is_some(),
        content: upload.content.as_ref(),
        created_at: Timestamp::from_second(upload.created_at).ok(),
        expires_at: expiry(status),
    }
}
