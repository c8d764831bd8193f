//! Answers of the upload routes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;
use streamgate_contract::{ContentId, UploadId};

use crate::error::{Kind, Problem};
use crate::services::upload::Status;

/// Where uploads are.
pub const PATH: &str = "/api/v1/uploads";
/// Version of tus.
pub const VERSION: &str = "1.0.0";
/// Extensions of tus.
const EXTENSIONS: &str = "creation,creation-with-upload,expiration,termination";

/// Names of tus' headers.
pub mod names {
    /// Version of a request and its answer.
    pub const RESUMABLE: &str = "tus-resumable";
    /// Bytes there are.
    pub const OFFSET: &str = "upload-offset";
    /// Bytes there will be.
    pub const LENGTH: &str = "upload-length";
    /// A length that is told later: not supported.
    pub const DEFER_LENGTH: &str = "upload-defer-length";
    /// What the upload says about itself.
    pub const METADATA: &str = "upload-metadata";
    /// Until when it must be finished.
    pub const EXPIRES: &str = "upload-expires";
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

/// What this server can do.
pub fn abilities(max_bytes: u64) -> Response {
    let headers = [
        (names::VERSIONS, VERSION.to_owned()),
        (names::EXTENSIONS, EXTENSIONS.to_owned()),
        (names::MAX_SIZE, max_bytes.to_string()),
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
    let length = (names::LENGTH, status.upload.length.to_string());
    let metadata = (names::METADATA, status.metadata.raw.clone());
    let headers = [length, metadata];
    let given = headers.into_iter().filter(|(_, value)| !value.is_empty());
    let given: Vec<_> = given.collect();
    let fresh = AppendHeaders([NO_STORE]);
    (fresh, AppendHeaders(given), progress(status)).into_response()
}

fn progress(status: &Status) -> AppendHeaders<Vec<(&'static str, String)>> {
    let mut headers = vec![(names::OFFSET, status.upload.offset().to_string())];
    let expires = expiry(status).and_then(|expires| {
        let printer = DateTimePrinter::new();
        printer.timestamp_to_rfc9110_string(&expires).ok()
    });
    headers.extend(expires.map(|expires| (names::EXPIRES, expires)));
    AppendHeaders(headers)
}

/// An upload that is finished does not expire.
fn expiry(status: &Status) -> Option<Timestamp> {
    match status.upload.content {
        Some(_) => None,
        None => Timestamp::from_second(status.expires).ok(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ForPeople<'a> {
    id: &'a UploadId,
    title: &'a str,
    length: u64,
    offset: u64,
    complete: bool,
    content: Option<&'a ContentId>,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

/// An upload in JSON.
pub fn for_people(status: &Status) -> Response {
    let upload = &status.upload;
    let body = ForPeople {
        id: &upload.id,
        title: status.metadata.title(),
        length: upload.length,
        offset: upload.offset(),
        complete: upload.content.is_some(),
        content: upload.content.as_ref(),
        created_at: Timestamp::from_second(upload.created_at).ok(),
        expires_at: expiry(status),
    };
    (AppendHeaders([NO_STORE]), Json(body)).into_response()
}
