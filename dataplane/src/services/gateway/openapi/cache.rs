//! Operations of the cache role.
#![allow(dead_code, reason = "shapes of what its handlers take and give")]

use utoipa::{OpenApi, ToSchema};

use crate::services::cache::Statistics;

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(namespaces, statistics, clear, read, write, remove))]
pub struct Docs;

#[derive(ToSchema)]
struct Namespaces {
    /// Their names.
    namespaces: Vec<String>,
}

/// The namespaces there are. For admins, as everything of the cache.
#[utoipa::path(get, path = "/api/v1/cache", tag = "cache",
    responses((status = 200, body = Namespaces)))]
fn namespaces() {}

/// What a namespace holds and did.
#[utoipa::path(get, path = "/api/v1/cache/{namespace}", tag = "cache",
    params(("namespace" = String, Path)), responses((status = 200, body = Statistics)))]
fn statistics() {}

/// Removes a namespace.
#[utoipa::path(delete, path = "/api/v1/cache/{namespace}", tag = "cache",
    params(("namespace" = String, Path)), responses((status = 204)))]
fn clear() {}

/// The value of a key.
#[utoipa::path(get, path = "/api/v1/cache/{namespace}/{key}", tag = "cache",
    params(("namespace" = String, Path), ("key" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream")))]
fn read() {}

/// Keeps a value for some seconds.
#[utoipa::path(put, path = "/api/v1/cache/{namespace}/{key}", tag = "cache",
    params(
        ("namespace" = String, Path, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length = 63),
        ("key" = String, Path, min_length = 1, max_length = 256),
        ("ttl" = Option<u64>, Query, minimum = 1, maximum = 86400, description = "Seconds it lives"),
    ),
    request_body(content = Option<String>, content_type = "application/octet-stream", description = "An empty value without it"),
    responses((status = 204)))]
fn write() {}

/// Removes a value.
#[utoipa::path(delete, path = "/api/v1/cache/{namespace}/{key}", tag = "cache",
    params(("namespace" = String, Path), ("key" = String, Path)), responses((status = 204)))]
fn remove() {}
