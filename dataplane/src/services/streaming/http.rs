//! HTTP of the streaming role, without a router: the path says all there is to say.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use streamgate_contract::stills::Still;
use tower::service_fn;

use super::keys;
use super::path::{Place, place};
use super::range::wanted;
use super::{FileName, Fragment, Page, PageName, Pass, Streaming, StreamingError};
use crate::error::{Kind, Problem};
use crate::layers::around::Serves;
use crate::layers::circumstances::Bindings;

use cors::Origins;
use credential::Credential;
use sending::Receiver;

mod conditions;
mod cors;
pub(crate) mod credential;
mod parts;
mod problem;
mod sending;

/// Media type of stills.
const IMAGE: &str = "image/jpeg";
/// Name of the key, as HLS asks for it.
const KEY: &str = "key";
/// Name of the key, as Encrypted Media Extensions ask for it.
const LICENSE: &str = "keys";
/// Playlists are asked for again: they grow, and the handle may have ended.
const PLAYLIST_CACHE: &str = "private, no-cache";
/// Segments never change; only the viewer keeps them.
const FRAGMENT_CACHE: &str = "private, max-age=31536000, immutable";
/// Headers of an answer, with those the layers add.
const HEADERS: usize = 12;

/// Everything below `/v/` on the public listener.
pub fn service(streaming: Arc<Streaming>) -> impl Serves {
    service_fn(move |request: Request| {
        let streaming = streaming.clone();
        async move { Ok::<_, Infallible>(answer(&streaming, &request.into_parts().0).await) }
    })
}

async fn answer(streaming: &Arc<Streaming>, request: &request::Parts) -> Response {
    let mut response = match cors::preflight(&request.method, &request.headers) {
        Some(response) => response,
        None => {
            let found = found(streaming, request).await;
            found.unwrap_or_else(refusal)
        }
    };
    if request.method == Method::HEAD {
        response = without_body(response);
    }
    origins(streaming, request).share(response.headers_mut());
    response
}

fn origins<'a>(streaming: &'a Streaming, request: &'a request::Parts) -> Origins<'a> {
    let allowed = &streaming.settings.allowed_origins;
    Origins::of(&request.headers, allowed, &streaming.public_url)
}

/// Whoever has no handle is told that first.
async fn found(streaming: &Arc<Streaming>, request: &request::Parts) -> Result<Response, Problem> {
    let (first, place) = place(request.uri.path());
    let reads = request.method == Method::GET || request.method == Method::HEAD;
    // Players post for licenses.
    let asks = request.method == Method::POST && place == Place::Page(LICENSE);
    if !reads && !asks {
        return Err(wrong_method());
    }
    let credential = Credential::of(first, request);
    if matches!(credential, Credential::Cookie { .. }) {
        // A cookie comes by itself: it must not do more than read.
        if !reads {
            return Err(wrong_method());
        }
        if !origins(streaming, request).may_use_cookie() {
            return Err(StreamingError::OriginNotAllowed.into());
        }
    }
    let (handle, content) = credential.parts();
    let pass = streaming.admit(handle).await?;
    let viewing = &pass.viewing;
    if content.is_some_and(|content| content != viewing.content.as_str()) {
        return Err(StreamingError::OtherContent.into());
    }
    if let Some(bound) = &viewing.bound {
        let here = Bindings::new(&streaming.settings).here(&request.headers, &request.extensions);
        let differs = bound.differs(&here).map(StreamingError::Bound);
        differs.map_or(Ok(()), Err)?;
    }
    if let Credential::Query(handle) = credential {
        return Ok(to_path(first, handle, request));
    }
    match place {
        Place::Page(name) => page(streaming, &pass, name, request).await,
        Place::Fragment { track, file } => fragment(streaming, &pass, track, file, request).await,
        Place::Nothing => Err(StreamingError::NoSuchFile.into()),
    }
}

/// Leads from the query to the path, below which relative URLs stay.
fn to_path(first: &str, handle: &str, request: &request::Parts) -> Response {
    let below = request.uri.path().strip_prefix("/v/").unwrap_or_default();
    let file = below.strip_prefix(first).unwrap_or_default();
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    let told = response.headers_mut();
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Relative to the directory of the handle's own form, so that any prefix of the gate stays.
    let up = "../".repeat(file.matches('/').count());
    if let Ok(location) = HeaderValue::try_from(format!("{up}{handle}{file}")) {
        told.insert(header::LOCATION, location);
    }
    response
}

/// A refusal; one of the method names those that are answered (RFC 9110 15.5.6).
fn refusal(problem: Problem) -> Response {
    let mut response = problem.into_response();
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, cors::METHODS);
    }
    response
}

fn wrong_method() -> Problem {
    let detail = "only GET, HEAD and OPTIONS are answered here";
    Problem::new(Kind::MethodNotAllowed, "MethodNotAllowed", detail)
}

/// The same answer to HEAD: it says how long the body would be.
fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        let length = HeaderValue::from(length);
        parts
            .headers
            .entry(header::CONTENT_LENGTH)
            .or_insert(length);
    }
    Response::from_parts(parts, Body::empty())
}

async fn page(
    streaming: &Arc<Streaming>,
    pass: &Arc<Pass>,
    name: &str,
    request: &request::Parts,
) -> Result<Response, Problem> {
    if let KEY | LICENSE = name {
        return key(streaming, pass, name).await;
    }
    if let Some(still) = Still::ALL.into_iter().find(|still| still.file() == name) {
        let image = streaming.still(&pass.viewing, still).await?;
        return object(streaming, pass, &image, IMAGE, request).await;
    }
    let name: PageName = name.parse().map_err(|_| StreamingError::NoSuchFile)?;
    let page = streaming.page(&pass.viewing, &name).await?;
    Ok(page_response(page, name.media_type(), &request.headers))
}

/// The key. There is one, so what a license request asks for does not matter: a player takes what it
/// needs.
async fn key(streaming: &Streaming, pass: &Pass, name: &str) -> Result<Response, Problem> {
    let key = streaming.key(&pass.viewing).await?;
    Ok(match name {
        KEY => keys::raw(&key),
        _ => keys::license(&key),
    })
}

/// A page in the coding the player takes; each coding is a representation with a tag of its own.
fn page_response(page: Page, kind: &'static str, headers: &HeaderMap) -> Response {
    let packed = page.gzip.filter(|_| conditions::takes_gzip(headers));
    let coded = packed.is_some();
    let tag = if coded { page.gzip_tag } else { page.tag };
    let mut response = described(&tag, kind, PLAYLIST_CACHE);
    let told = response.headers_mut();
    told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if coded {
        told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    match conditions::not_modified(headers, &tag) {
        true => *response.status_mut() = StatusCode::NOT_MODIFIED,
        false => *response.body_mut() = packed.unwrap_or(page.text).into(),
    }
    response
}

async fn fragment(
    streaming: &Arc<Streaming>,
    pass: &Arc<Pass>,
    track: &str,
    file: &str,
    request: &request::Parts,
) -> Result<Response, Problem> {
    let name = FileName::parse(file).map_err(|_| StreamingError::NoSuchFile)?;
    let fragment = streaming.fragment(pass, track, name).await?;
    let kind = fragment.kind.media_type();
    object(streaming, pass, &fragment, kind, request).await
}

/// A committed object, or the part of it that is asked for.
async fn object(
    streaming: &Arc<Streaming>,
    pass: &Arc<Pass>,
    fragment: &Fragment,
    kind: &'static str,
    request: &request::Parts,
) -> Result<Response, Problem> {
    let (tag, headers) = (&fragment.tag, &request.headers);
    if conditions::precondition_failed(headers, tag) {
        return Err(precondition_failed());
    }
    if conditions::not_modified(headers, tag) {
        let mut response = described(tag, kind, FRAGMENT_CACHE);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    if request.method == Method::HEAD {
        let mut response = described(tag, kind, FRAGMENT_CACHE);
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, fragment.bytes.into());
        return Ok(response);
    }
    let range = wanted(conditions::range(headers, tag), fragment.bytes);
    let bytes = streaming.bytes(fragment).await?;
    let to = Receiver {
        streaming: streaming.clone(),
        pass: pass.clone(),
    };
    let answer = parts::answer(bytes, &range, kind, &to);
    if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        return Ok(answer);
    }
    let mut response = described(tag, kind, FRAGMENT_CACHE);
    let (told, body) = answer.into_parts();
    *response.status_mut() = told.status;
    response.headers_mut().extend(told.headers);
    *response.body_mut() = body;
    Ok(response)
}

fn precondition_failed() -> Problem {
    let detail = "the segment is not the one that If-Match names; leave the header out";
    Problem::new(Kind::PreconditionFailed, "PreconditionFailed", detail)
}

/// An answer that says what its bytes are, how long they may be kept and by which tag they are known.
fn described(tag: &Bytes, kind: &'static str, cache: &'static str) -> Response {
    let mut told = HeaderMap::with_capacity(HEADERS);
    let mut tell = |name: HeaderName, value| told.insert(name, HeaderValue::from_static(value));
    tell(header::CONTENT_TYPE, kind);
    tell(header::CACHE_CONTROL, cache);
    if cache == FRAGMENT_CACHE {
        tell(header::ACCEPT_RANGES, "bytes");
    }
    if let Ok(tag) = HeaderValue::from_maybe_shared(tag.clone()) {
        told.insert(header::ETAG, tag);
    }
    let mut response = Response::default();
    *response.headers_mut() = told;
    response
}
