//! Operations of the upload role.
#![allow(dead_code, reason = "shapes of what its handlers take and give")]

use utoipa::{OpenApi, ToSchema};

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(create, abilities, offset, describe, append, remove))]
pub struct Docs;

/// Begins an upload (tus 1.0, creation).
#[utoipa::path(post, path = "/api/v1/uploads", tag = "upload",
    params(
        ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$"),
        ("Upload-Length" = u64, Header, minimum = 1, description = "Bytes of the file"),
        ("Upload-Metadata" = Option<String>, Header, description = "title, filename, rule in base64"),
    ),
    responses((status = 201)))]
fn create() {}

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
    /// Bytes of the file.
    length: u64,
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

/// Sends bytes (tus 1.0).
#[utoipa::path(patch, path = "/api/v1/uploads/{id}", tag = "upload",
    params(("id" = String, Path),
        ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$"),
        ("Upload-Offset" = u64, Header, description = "Where the bytes belong")),
    request_body(content = String, content_type = "application/offset+octet-stream"),
    responses((status = 204)))]
fn append() {}

/// Ends an unfinished upload (tus 1.0, termination).
#[utoipa::path(delete, path = "/api/v1/uploads/{id}", tag = "upload",
    params(("id" = String, Path), ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$")),
    responses((status = 204)))]
fn remove() {}
