//! Uploads over HTTP: tus 1.0.0 with creation, creation-with-upload, expiration and termination,
//! and a status in JSON for people. Source: tus.io, protocol 1.0.0.

use std::sync::Arc;

use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{head, post};
use futures::TryStreamExt;
use streamgate_contract::UploadId;

use super::error::UploadError;
use super::metadata::Metadata;
use super::{Body, UploadService};
use crate::error::{Kind, Problem};
use crate::extract::Named;
use crate::layers::authenticate::Caller;

mod render;

use render::{PATH, VERSION, names};

/// Media type of a body of bytes.
const OFFSET_STREAM: &str = "application/offset+octet-stream";

type Service = State<Arc<UploadService>>;

/// The public routes.
pub fn routes(service: Arc<UploadService>) -> Router {
    let one = head(resume)
        .get(describe)
        .patch(append)
        .delete(terminate)
        .post(overridden)
        .options(options);
    Router::new()
        .route(PATH, post(create).options(options))
        .route(&format!("{PATH}/{{id}}"), one)
        .route_layer(from_fn(resumable))
        .with_state(service)
}

/// Every request but OPTIONS, and the GET for people, must speak our version of tus; every answer
/// says which one that is.
async fn resumable(request: Request, next: Next) -> Response {
    let free = matches!(*request.method(), Method::OPTIONS | Method::GET);
    let version = request.headers().get(names::RESUMABLE);
    let spoken = version.is_some_and(|version| version == VERSION);
    let mut response = match free || spoken {
        true => next.run(request).await,
        false => render::wrong_version(),
    };
    let version = HeaderValue::from_static(VERSION);
    response.headers_mut().insert(names::RESUMABLE, version);
    response
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
    let length = length(&headers)?;
    let metadata = metadata(&headers)?;
    let mut status = service.create(who, length, metadata).await?;
    if is_offset_stream(&headers) {
        status = service
            .begin(who, status, incoming(0, &headers, body))
            .await?;
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
    let body = incoming(offset, &headers, body);
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
    let method = headers
        .get("x-http-method-override")
        .map(HeaderValue::as_bytes);
    match method {
        Some(b"PATCH") => append(service, caller, id, headers, body).await,
        Some(b"DELETE") => terminate(service, caller, id).await,
        Some(b"HEAD") => resume(service, caller, id).await,
        _ => {
            let detail = "POST here needs X-HTTP-Method-Override: PATCH, DELETE or HEAD";
            Err(Problem::new(
                Kind::MethodNotAllowed,
                "MethodNotAllowed",
                detail,
            ))
        }
    }
}

fn incoming(offset: u64, headers: &HeaderMap, body: HttpBody) -> Body {
    let announced = headers.get(header::CONTENT_LENGTH);
    Body {
        offset,
        announced: announced.and_then(|v| v.to_str().ok()?.parse().ok()),
        bytes: Box::pin(body.into_data_stream().map_err(Into::into)),
    }
}

fn is_offset_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE);
    media_type.is_some_and(|t| t.as_bytes().eq_ignore_ascii_case(OFFSET_STREAM.as_bytes()))
}

fn length(headers: &HeaderMap) -> Result<u64, Problem> {
    if headers.contains_key(names::DEFER_LENGTH) {
        let detail = "the length must be known at the start; send Upload-Length";
        return Err(Problem::new(Kind::Invalid, "LengthRequired", detail));
    }
    number(headers, names::LENGTH)
}

fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, Problem> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = value.filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|value| value.parse().ok()).ok_or_else(|| {
        let detail = format!("{name} must be present and a whole number of bytes");
        Problem::new(Kind::Invalid, "InvalidHeader", detail)
    })
}

fn metadata(headers: &HeaderMap) -> Result<Metadata, UploadError> {
    let text = headers.get(names::METADATA).map(|value| value.to_str());
    // A header that is no text is no list either: let the parser say what it should be.
    let text = text.map_or("", |text| text.unwrap_or("="));
    Ok(Metadata::parse(text)?)
}

/// An id of another form is nobody's upload.
fn parse_id(text: &str) -> Result<UploadId, UploadError> {
    text.parse().map_err(|_| UploadError::NotFound)
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        use UploadError as E;
        let (kind, reason) = match error {
            E::CreatorRequired => (Kind::Forbidden, "CreatorRequired"),
            E::Empty => (Kind::Invalid, "EmptyUpload"),
            E::TooLarge { .. } => (Kind::TooLarge, "UploadTooLarge"),
            E::TooLong { .. } => (Kind::TooLarge, "BodyTooLong"),
            E::Metadata(_) => (Kind::Invalid, "InvalidMetadata"),
            E::UnknownRule { .. } => (Kind::Unprocessable, "UnknownRule"),
            E::NotFound => (Kind::NotFound, "UploadNotFound"),
            E::Expired => (Kind::Gone, "UploadExpired"),
            E::Complete => (Kind::Conflict, "UploadComplete"),
            E::WrongOffset { .. } => (Kind::Conflict, "WrongOffset"),
            E::Busy => (Kind::Conflict, "UploadBusy"),
            E::TakenOver => (Kind::Conflict, "UploadTakenOver"),
            E::Cut => (Kind::Invalid, "BodyCut"),
            E::Stopping => (Kind::Unavailable, "Restarting"),
            E::Objects(error) => return error.into(),
            E::Catalog(error) => return error.into(),
            E::Unreadable(_) | E::Died(_) => return Problem::internal(&error),
        };
        let problem = Problem::new(kind, reason, error.to_string());
        match error {
            E::WrongOffset { offset } => problem.with("offset", offset),
            E::Stopping | E::Busy => problem.retry_after(1),
            _ => problem,
        }
    }
}
