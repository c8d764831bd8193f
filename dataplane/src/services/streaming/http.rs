//! HTTP of the streaming role. The handle in the path is the only credential; players on pages of
//! others may read the answers, since no cookie takes part.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use streamgate_contract::TrackId;
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use super::range::{Wanted, wanted};
use super::{FileName, Page, Streaming, StreamingError};
use crate::error::{Kind, Problem};

/// Media type of playlists.
const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// Media type of the manifest.
const MANIFEST: &str = "application/dash+xml";
/// Name of the master playlist of HLS.
const MASTER: &str = "master.m3u8";
/// Name of the manifest of DASH.
const MPD: &str = "manifest.mpd";
/// Playlists are asked for again: they grow, and the handle may have ended.
const PLAYLIST_CACHE: &str = "private, no-cache";
/// Segments never change; only the viewer keeps them.
const FRAGMENT_CACHE: &str = "private, max-age=31536000, immutable";

/// Routes of the public listener.
pub fn routes(streaming: Arc<Streaming>) -> Router {
    let no_referrer = HeaderValue::from_static("no-referrer");
    let inner = Router::new()
        .route("/{handle}/{file}", get(playlist))
        .route("/{handle}/{track}/{file}", get(fragment))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(streaming);
    Router::new()
        .nest("/v", inner)
        .layer(SetResponseHeaderLayer::overriding(
            header::REFERRER_POLICY,
            no_referrer,
        ))
        .layer(cors())
}

/// Any page may play what its viewer has a handle for.
fn cors() -> CorsLayer {
    const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
    let exposed: [HeaderName; 6] = [
        header::ACCEPT_RANGES,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::DATE,
        header::ETAG,
        header::RETRY_AFTER,
    ];
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
        .allow_headers([header::RANGE, header::IF_NONE_MATCH, header::IF_RANGE])
        .expose_headers(exposed)
        .max_age(DAY)
}

/// A path that names no file: whoever has no handle is told that first.
async fn nothing(State(streaming): State<Arc<Streaming>>, uri: Uri) -> Problem {
    // The path behind /v.
    let handle = uri.path().split('/').nth(1).unwrap_or_default();
    match streaming.admit(handle).await {
        Ok(_) => StreamingError::NoSuchFile.into(),
        Err(error) => error.into(),
    }
}

async fn wrong_method() -> Problem {
    let detail = "only GET, HEAD and OPTIONS are answered here";
    Problem::new(Kind::MethodNotAllowed, "MethodNotAllowed", detail)
}

async fn playlist(
    State(streaming): State<Arc<Streaming>>,
    Path((handle, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let viewing = streaming.admit(&handle).await?;
    let mut kind = PLAYLIST;
    let page = match file.as_str() {
        MASTER => streaming.master(&viewing).await?,
        MPD => {
            kind = MANIFEST;
            streaming.manifest(&viewing).await?
        }
        file => {
            let track = file.strip_suffix(".m3u8").and_then(|t| t.parse().ok());
            let track: TrackId = track.ok_or(StreamingError::NoSuchFile)?;
            streaming.media(&viewing, &track).await?
        }
    };
    Ok(page_response(page, kind, &headers))
}

/// A page in the coding the player takes; each coding is a representation with a tag of its own.
fn page_response(page: Page, kind: &'static str, headers: &HeaderMap) -> Response {
    let packed = page.gzip.filter(|_| takes_gzip(headers));
    let tag = match packed {
        Some(_) => format!("\"{}-gzip\"", page.sha256),
        None => format!("\"{}\"", page.sha256),
    };
    let coded = packed.is_some();
    let mut response = match not_modified(headers, &tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Body::from(packed.unwrap_or(page.text)).into_response(),
    };
    describe(&mut response, &tag, kind, PLAYLIST_CACHE);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if coded {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether gzip is named and not ruled out by a weight of 0. Source: RFC 9110, 12.5.3.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let codings = values
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','));
    let mut gzip = codings.filter_map(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let named = name.trim().eq_ignore_ascii_case("gzip");
        named.then(|| weight.trim().trim_start_matches("q=").parse::<f32>())
    });
    gzip.next()
        .is_some_and(|weight| weight.is_ok_and(|q| q > 0.0))
}

async fn fragment(
    State(streaming): State<Arc<Streaming>>,
    method: Method,
    Path((handle, track, file)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let viewing = streaming.admit(&handle).await?;
    let track: TrackId = track.parse().map_err(|_| StreamingError::NoSuchFile)?;
    let name: FileName = file.parse().map_err(|_| StreamingError::NoSuchFile)?;
    let fragment = streaming.fragment(&viewing, &track, &name).await?;
    let tag = format!("\"{}\"", fragment.sha256);
    let mut response = if not_modified(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if method == Method::HEAD {
        sized(Bytes::new(), fragment.bytes)
    } else {
        let range = range_of(&headers, &tag, fragment.bytes);
        ranged(streaming.bytes(&fragment).await?, range)
    };
    let kind = if fragment.audio {
        "audio/mp4"
    } else {
        "video/mp4"
    };
    if response.status() != StatusCode::RANGE_NOT_SATISFIABLE {
        describe(&mut response, &tag, kind, FRAGMENT_CACHE);
    }
    Ok(response)
}

/// The range that applies: none when `If-Range` names other bytes.
fn range_of(headers: &HeaderMap, tag: &str, length: u64) -> Wanted {
    let text = |name| {
        headers
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
    };
    let same = text(header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    wanted(text(header::RANGE).filter(|_| same), length)
}

fn ranged(bytes: Bytes, range: Wanted) -> Response {
    let length = bytes.len() as u64;
    match range {
        Wanted::Whole => sized(bytes, length),
        Wanted::Part(part) => {
            let content_range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            // Cut to the object's length by `wanted`, so it fits.
            let part = bytes.slice(part.start as usize..part.end as usize);
            let length = part.len() as u64;
            with_range(
                StatusCode::PARTIAL_CONTENT,
                sized(part, length),
                &content_range,
            )
        }
        Wanted::Nothing => {
            let detail = "the range begins behind the end of the segment";
            let problem = Problem::new(Kind::RangeNotSatisfiable, "RangeNotSatisfiable", detail);
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            with_range(
                status,
                problem.into_response(),
                &format!("bytes */{length}"),
            )
        }
    }
}

fn sized(bytes: Bytes, length: u64) -> Response {
    let mut response = Body::from(bytes).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    response
}

fn with_range(status: StatusCode, mut response: Response, range: &str) -> Response {
    *response.status_mut() = status;
    if let Ok(range) = HeaderValue::try_from(range) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

/// Says what the bytes are, how long they may be kept and by which tag they are known.
fn describe(response: &mut Response, tag: &str, kind: &'static str, cache: &'static str) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if cache == FRAGMENT_CACHE {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
}

/// Does the viewer have these bytes already?
fn not_modified(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}

impl From<StreamingError> for Problem {
    fn from(error: StreamingError) -> Self {
        let refused = |kind, reason| Problem::new(kind, reason, error.to_string());
        match &error {
            StreamingError::InvalidHandle => refused(Kind::Unauthenticated, "InvalidHandle"),
            StreamingError::HandleExpired => refused(Kind::Unauthenticated, "HandleExpired"),
            StreamingError::Denied(denied) => (&**denied).into(),
            StreamingError::EpochStale => refused(Kind::Unavailable, "EpochStale").retry_after(1),
            StreamingError::NoSuchFile => refused(Kind::NotFound, "NoSuchFile"),
            StreamingError::OutsideHandle => refused(Kind::Forbidden, "OutsideHandle").with(
                "required",
                serde_json::json!({"handle": "of the object's own content"}),
            ),
            StreamingError::NotReady => refused(Kind::Unavailable, "NotReady").retry_after(2),
            StreamingError::Catalog(cause) => {
                let detail = "the catalog does not answer";
                crate::error::unavailable(cause, "CatalogUnavailable", detail)
            }
            StreamingError::Objects(cause) => {
                let detail = "the store does not answer";
                crate::error::unavailable(cause, "StoreUnavailable", detail)
            }
            StreamingError::Corrupt(_) => Problem::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepts, takes) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=much", false),
            ("identity", false),
            ("", false),
        ] {
            let value = HeaderValue::from_static(accepts);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            assert_eq!(takes_gzip(&headers), takes, "{accepts}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
