//! Operations of the upload role.
#![allow(dead_code, reason = "shapes of what its handlers take and give")]

use utoipa::{OpenApi, ToSchema};

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(
    paths(
        create, list, abilities, offset, describe, append, remove, news, send, put, limits,
        standing, shown, go_on, cancel
    ),
    components(schemas(Upload, Form, News))
)]
pub struct Docs;

/// Begins an upload (tus 1.0: creation, creation-with-upload, creation-defer-length, concatenation).
#[utoipa::path(post, path = "/api/v1/uploads", tag = "upload",
    params(
        ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$"),
        ("Upload-Length" = Option<u64>, Header, minimum = 1, description = "Bytes of the file"),
        ("Upload-Defer-Length" = Option<String>, Header, pattern = "^1$",
            description = "The length is told by a later request"),
        ("Upload-Concat" = Option<String>, Header,
            description = "partial for a piece; final; and the URLs of pieces for what is joined of them"),
        ("Upload-Metadata" = Option<String>, Header, description = "title, filename, rule in base64"),
    ),
    responses((status = 201)))]
fn create() {}

#[derive(ToSchema)]
struct Uploads {
    /// Newest first.
    uploads: Vec<Upload>,
    /// Cursor of the page behind this one, when there is one.
    next: Option<String>,
}

/// One's own uploads, newest first: those in work, and those that have become contents.
#[utoipa::path(get, path = "/api/v1/uploads", tag = "upload",
    params(
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100,
            description = "Most uploads of the answer; 50 without it"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, body = Uploads)))]
fn list() {}

/// What the server can do (tus 1.0).
#[utoipa::path(options, path = "/api/v1/uploads", tag = "upload", responses((status = 204)))]
fn abilities() {}

/// Where an upload stands (tus 1.0).
#[utoipa::path(head, path = "/api/v1/uploads/{id}", tag = "upload",
    params(("id" = String, Path), ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$")),
    responses((status = 200)))]
fn offset() {}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct Upload {
    id: String,
    /// Title of the content it becomes.
    title: String,
    /// Bytes of the file, when they are known.
    length: Option<u64>,
    /// Bytes that have arrived.
    offset: u64,
    /// Has it become a content?
    complete: bool,
    /// The content.
    content: Option<String>,
    /// When it was begun.
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// Until when it must be finished.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// An upload for people.
#[utoipa::path(get, path = "/api/v1/uploads/{id}", tag = "upload",
    params(("id" = String, Path)), responses((status = 200, body = Upload)))]
fn describe() {}

/// Sends bytes (tus 1.0: core, checksum, checksum-trailer).
#[utoipa::path(patch, path = "/api/v1/uploads/{id}", tag = "upload",
    params(("id" = String, Path),
        ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$"),
        ("Upload-Offset" = u64, Header, description = "Where the bytes belong"),
        ("Upload-Length" = Option<u64>, Header, description = "A length that was not told before"),
        ("Upload-Checksum" = Option<String>, Header,
            description = "sha1, sha256 or crc32c, a space, the checksum in base64")),
    request_body(content = String, content_type = "application/offset+octet-stream"),
    responses((status = 204)))]
fn append() {}

/// Ends an unfinished upload (tus 1.0, termination).
#[utoipa::path(delete, path = "/api/v1/uploads/{id}", tag = "upload",
    params(("id" = String, Path), ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$")),
    responses((status = 204)))]
fn remove() {}

/// One server-sent event.
#[derive(ToSchema)]
struct News {
    #[schema(pattern = "^(progress|complete|gone)$")]
    event: String,
    /// The upload in JSON, as `GET /api/v1/uploads/{id}` tells it; of one that is gone, `null`.
    data: String,
}

/// News of an upload as server-sent events: progress, then complete or gone.
#[utoipa::path(get, path = "/api/v1/uploads/{id}/events", tag = "upload",
    params(("id" = String, Path)),
    responses((status = 200, body = News, content_type = "text/event-stream")))]
fn news() {}

#[derive(ToSchema)]
struct Form {
    /// Title of the content.
    title: Option<String>,
    /// Its gate rule.
    rule: Option<String>,
    /// The video; behind the other fields.
    #[schema(format = Binary)]
    file: String,
}

/// Sends a whole file: the body itself, or a form. With Upload-Complete it can be gone on with (IETF
/// resumable uploads, interop version 8).
#[utoipa::path(post, path = "/api/v1/files", tag = "upload",
    params(
        ("title" = Option<String>, Query, description = "Title of the content"),
        ("rule" = Option<String>, Query, description = "Its gate rule"),
        ("Upload-Complete" = Option<String>, Header, pattern = "^\\?[01]$",
            description = "?1 when the upload ends with this body, ?0 when more comes"),
        ("Content-Digest" = Option<String>, Header, description = "sha-256 of the body (RFC 9530)"),
        ("Repr-Digest" = Option<String>, Header, description = "sha-256 of the whole (RFC 9530)"),
    ),
    request_body(content(
        (String = "application/octet-stream"), (Form = "multipart/form-data"))),
    responses((status = 201, body = Upload)))]
fn send() {}

/// The same, for clients that put.
#[utoipa::path(put, path = "/api/v1/files", tag = "upload",
    params(
        ("title" = Option<String>, Query, description = "Title of the content"),
        ("rule" = Option<String>, Query, description = "Its gate rule"),
    ),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 201, body = Upload)))]
fn put() {}

/// What uploads are held to (IETF resumable uploads).
#[utoipa::path(options, path = "/api/v1/files", tag = "upload", responses((status = 204)))]
fn limits() {}

/// Where an upload stands (IETF resumable uploads).
#[utoipa::path(head, path = "/api/v1/files/{id}", tag = "upload",
    params(("id" = String, Path)), responses((status = 204)))]
fn standing() {}

/// The same, for clients that get.
#[utoipa::path(get, path = "/api/v1/files/{id}", tag = "upload",
    params(("id" = String, Path)), responses((status = 204)))]
fn shown() {}

/// Goes on with an upload (IETF resumable uploads).
#[utoipa::path(patch, path = "/api/v1/files/{id}", tag = "upload",
    params(("id" = String, Path),
        ("Upload-Offset" = u64, Header, description = "Where the bytes belong"),
        ("Upload-Complete" = String, Header, pattern = "^\\?[01]$"),
        ("Upload-Length" = Option<u64>, Header)),
    request_body(content = String, content_type = "application/partial-upload"),
    responses((status = 201, body = Upload)))]
fn go_on() {}

/// Ends an unfinished upload (IETF resumable uploads).
#[utoipa::path(delete, path = "/api/v1/files/{id}", tag = "upload",
    params(("id" = String, Path)), responses((status = 204)))]
fn cancel() {}
