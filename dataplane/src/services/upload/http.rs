//! Uploads over HTTP: tus 1.0.0 with all its extensions, and a status in JSON for people. Whole files
//! in one request are in [`files`]. Source: tus.io, protocol 1.0.0.

use std::sync::Arc;

use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, head, post};

use super::{Creation, UploadService};
use crate::error::{Kind, Problem};
use crate::extract::Named;
use crate::layers::authenticate::Caller;
use crate::ports::catalog::uploads::UploadKind;

mod draft;
mod events;
pub mod files;
mod headers;
mod list;
mod problem;
mod render;

use headers::{OFFSET_STREAM, incoming, is_offset_stream, number, number_if_told, parse_id};
use render::{PATH, VERSION, names};

type Service = State<Arc<UploadService>>;

/// The method that is meant, from clients that can send nothing but GET and POST.
const OVERRIDE: &str = "x-http-method-override";

/// The public routes.
pub fn routes(service: Arc<UploadService>) -> Router {
    let one = head(resume)
        .get(describe)
        .patch(append)
        .delete(terminate)
        .post(overridden)
        .options(options);
    let tus = Router::new()
        .route(PATH, post(create).get(list::list).options(options))
        .route(&format!("{PATH}/{{id}}"), one)
        .route_layer(from_fn(resumable));
    let news = Router::new().route(&format!("{PATH}/{{id}}/events"), get(events::events));
    tus.merge(news).merge(files::routes()).with_state(service)
}

/// Every request of tus but OPTIONS must speak our version of it; every answer says which one that is.
async fn resumable(request: Request, next: Next) -> Response {
    let version = request.headers().get(names::RESUMABLE);
    let spoken = version.is_some_and(|version| version == VERSION);
    let mut response = match free(&request) || spoken {
        true => next.run(request).await,
        false => render::wrong_version(),
    };
    let version = HeaderValue::from_static(VERSION);
    response.headers_mut().insert(names::RESUMABLE, version);
    response
}

/// A request that needs no version: it asks for abilities, is the GET for people, or is a POST to an
/// upload that overrides no method, which tus does not know.
fn free(request: &Request) -> bool {
    match *request.method() {
        Method::OPTIONS | Method::GET => true,
        Method::POST => request.uri().path() != PATH && !request.headers().contains_key(OVERRIDE),
        _ => false,
    }
}

async fn options(State(service): Service) -> Response {
    render::abilities(service.max_bytes())
}

async fn create(
    State(service): Service,
    caller: Caller,
    headers: HeaderMap,
    body: HttpBody,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let kind = headers::kind(&headers)?;
    let asked = Creation {
        // A joined upload is as long as its pieces.
        length: match kind {
            UploadKind::Joined(_) => None,
            _ => headers::length(&headers)?,
        },
        metadata: headers::metadata(&headers)?,
        kind,
    };
    let body = match is_offset_stream(&headers) {
        true => Some(incoming(0, &headers, body)?),
        false => None,
    };
    let mut status = service.create(who, asked).await?;
    if let Some(body) = body {
        status = service.begin(who, status, body).await?;
    }
    Ok(render::created(&status))
}

async fn resume(
    State(service): Service,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let status = service.resume(who, &parse_id(&id)?).await?;
    Ok(render::offset(&status))
}

async fn describe(
    State(service): Service,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let status = service.describe(who, &parse_id(&id)?).await?;
    Ok(render::for_people(&status))
}

async fn append(
    State(service): Service,
    caller: Caller,
    Named(id): Named<String>,
    headers: HeaderMap,
    body: HttpBody,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    if !is_offset_stream(&headers) {
        let detail = format!("send the bytes as {OFFSET_STREAM}");
        let kind = Kind::UnsupportedMediaType;
        return Err(Problem::new(kind, "UnsupportedMediaType", detail));
    }
    let offset = number(&headers, names::OFFSET)?;
    let mut body = incoming(offset, &headers, body)?;
    body.length = number_if_told(&headers, names::LENGTH)?;
    let status = service.append(who, parse_id(&id)?, body).await?;
    Ok(render::appended(&status))
}

async fn terminate(
    State(service): Service,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    service.terminate(who, &parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// For clients that can send nothing but GET and POST.
async fn overridden(
    service: Service,
    caller: Caller,
    id: Named<String>,
    headers: HeaderMap,
    body: HttpBody,
) -> Result<Response, Problem> {
    match headers.get(OVERRIDE).map(HeaderValue::as_bytes) {
        Some(b"PATCH") => append(service, caller, id, headers, body).await,
        Some(b"DELETE") => terminate(service, caller, id).await,
        Some(b"HEAD") => resume(service, caller, id).await,
        _ => Ok(render::no_post()),
    }
}
