//! Operations of the streaming role.
#![allow(dead_code, reason = "shapes of what its handlers take and give")]

use utoipa::OpenApi;

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(manifest, segment))]
pub struct Docs;

/// A manifest of a viewing: `master.m3u8` (HLS) or `manifest.mpd` (DASH); `info.json` says what there
/// is, for programs that read neither.
#[utoipa::path(get, path = "/v/{handle}/{file}", tag = "streaming",
    params(("handle" = String, Path, description = "From POST /api/v1/playback"),
        ("file" = String, Path)),
    responses((status = 200, content(
        (String = "application/vnd.apple.mpegurl"), (String = "application/dash+xml"),
        (String = "application/json")))))]
fn manifest() {}

/// A playlist or a segment of a track.
#[utoipa::path(get, path = "/v/{handle}/{track}/{file}", tag = "streaming",
    params(("handle" = String, Path), ("track" = String, Path), ("file" = String, Path),
        ("Range" = Option<String>, Header)),
    responses(
        (status = 200, content(
            (String = "application/vnd.apple.mpegurl"), (String = "video/mp4"), (String = "audio/mp4"))),
        (status = 206, content((String = "video/mp4"), (String = "audio/mp4")))))]
fn segment() {}
