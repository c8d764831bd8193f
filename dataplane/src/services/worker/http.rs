//! The worker over HTTP: job pods on the internal listener, people on the public one.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use streamgate_contract::job_api::{
    ASSIGNMENT_PATH, Assignment, COMMITS_PATH, CommitRequest, CommitResult, OBJECTS_PATH,
    PLAN_PATH, PROGRESS_PATH, PUBLISH_PATH, ProgressReport, QUALITY_PATH, SOURCE_SHA256,
    TICKETS_PATH, Ticket, TicketRequest, USAGE_PATH,
};
use streamgate_contract::job_files::{MAX_PLAN_BYTES, MAX_SEGMENT_BYTES, Published, Usage};
use streamgate_contract::plan::Plan;
use streamgate_contract::quality::TrackQuality;

use super::Worker;
use super::desk::Desk;
use super::error::WorkerError;
use super::objects::Signed;
use super::range::{Wanted, wanted};
use super::signature::{CONTENT_DIGEST, parse_content_digest};
use crate::error::{Kind, Problem, unavailable};
use crate::ports::jobs::{JobsError, Pod, TokenError};
use crate::ports::objects::{ByteStream, ObjectKey, Put};

mod jobs;
mod schedules;
mod shape;

pub use jobs::Docs;
pub use schedules::Docs as ScheduleDocs;

/// Most bytes of a request that carries no plan.
const MAX_REQUEST_BYTES: usize = 64 << 10;

type Service = State<Arc<Worker>>;
type Answer<T> = Result<Json<T>, Problem>;

/// Routes of the public listener.
pub fn routes(desk: Arc<Desk>) -> Router {
    let schedule = get(schedules::one)
        .patch(schedules::change)
        .delete(schedules::remove);
    Router::new()
        .route("/api/v1/jobs", get(jobs::list).post(jobs::submit))
        .route("/api/v1/jobs/{id}", get(jobs::one))
        .route("/api/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/api/v1/jobs/{id}/retry", post(jobs::retry))
        .route("/api/v1/profiles", get(jobs::profiles))
        .route("/api/v1/queue", get(jobs::queue))
        .route(
            "/api/v1/schedules",
            get(schedules::list).post(schedules::create),
        )
        .route("/api/v1/schedules/{id}", schedule)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(desk)
}

/// The internal routes.
pub fn internal_routes(service: Arc<Worker>) -> Router {
    let plan_limit = usize::try_from(MAX_PLAN_BYTES).unwrap_or(usize::MAX);
    Router::new()
        .route(ASSIGNMENT_PATH, get(assignment))
        .route(TICKETS_PATH, post(ticket))
        .route(COMMITS_PATH, post(commit))
        .route(PROGRESS_PATH, post(progress))
        .route(USAGE_PATH, post(usage))
        .route(QUALITY_PATH, post(quality))
        .route(PUBLISH_PATH, post(publish))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .route(
            PLAN_PATH,
            post(plan).layer(DefaultBodyLimit::max(plan_limit)),
        )
        // Its bodies are streamed and held to the length that was signed.
        .route(&format!("{OBJECTS_PATH}/{{*key}}"), get(read).put(write))
        .with_state(service)
}

/// The pod that asks, by its token.
struct Caller(Pod);

impl FromRequestParts<Arc<Worker>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, worker: &Arc<Worker>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            let detail = "send the pod's projected service-account token as a bearer token";
            Problem::new(Kind::Unauthenticated, "TokenRequired", detail)
        })?;
        Ok(Self(worker.identify(token).await?))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A JSON body.
struct Sent<T>(T);

impl<T: DeserializeOwned> FromRequest<Arc<Worker>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, worker: &Arc<Worker>) -> Result<Self, Problem> {
        let too_large = |_| {
            let detail = "the body is too large or was cut off; send less, or send it again";
            Problem::new(Kind::TooLarge, "BodyTooLarge", detail)
        };
        let bytes = Bytes::from_request(request, worker)
            .await
            .map_err(too_large)?;
        let malformed = |e: serde_json::Error| {
            let detail = format!("the body is not what this route takes: {e}");
            Problem::new(Kind::Invalid, "MalformedBody", detail)
        };
        serde_json::from_slice(&bytes).map(Self).map_err(malformed)
    }
}

/// What a courier asks for besides.
#[derive(Default, Deserialize)]
struct Wait {
    beyond: Option<u64>,
}

async fn assignment(
    State(worker): Service,
    Caller(pod): Caller,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Answer<Assignment> {
    // A question that is not understood is one for what is there.
    let Query(wait) = wait.unwrap_or_default();
    Ok(Json(worker.assignment(&pod, wait.beyond).await?))
}

async fn plan(
    State(worker): Service,
    Caller(pod): Caller,
    headers: HeaderMap,
    Sent(plan): Sent<Plan>,
) -> Answer<Assignment> {
    let source = headers.get(SOURCE_SHA256).and_then(|v| v.to_str().ok());
    Ok(Json(worker.plan(&pod, plan, source).await?))
}

async fn ticket(
    State(worker): Service,
    Caller(pod): Caller,
    Sent(ask): Sent<TicketRequest>,
) -> Answer<Ticket> {
    Ok(Json(worker.ticket(&pod, &ask).await?))
}

async fn commit(
    State(worker): Service,
    Caller(pod): Caller,
    Sent(ask): Sent<CommitRequest>,
) -> Answer<CommitResult> {
    Ok(Json(worker.commit(&pod, ask).await?))
}

async fn progress(
    State(worker): Service,
    Caller(pod): Caller,
    Sent(report): Sent<ProgressReport>,
) -> Result<StatusCode, Problem> {
    worker.report(&pod, &report).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn usage(
    State(worker): Service,
    Caller(pod): Caller,
    Sent(usage): Sent<Usage>,
) -> Result<StatusCode, Problem> {
    worker.note_usage(&pod, &usage).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn quality(
    State(worker): Service,
    Caller(pod): Caller,
    Sent(quality): Sent<Vec<TrackQuality>>,
) -> Result<StatusCode, Problem> {
    worker.note_quality(&pod, quality).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn publish(State(worker): Service, Caller(pod): Caller) -> Answer<Published> {
    Ok(Json(worker.publish(&pod).await?))
}

/// The signed part of an object's URL.
#[derive(Deserialize)]
struct Signature {
    expires: i64,
    signature: String,
}

type SignatureQuery = Result<Query<Signature>, QueryRejection>;

fn signed(query: SignatureQuery, key: &str) -> Result<Signed, Problem> {
    let Query(signature) = query.map_err(|_| WorkerError::Url)?;
    Ok(Signed {
        key: ObjectKey::parse(key)?,
        expires: signature.expires,
        signature: signature.signature,
    })
}

async fn read(
    State(worker): Service,
    Path(key): Path<String>,
    signature: SignatureQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let url = signed(signature, &key)?;
    let length = worker.readable(&url).await?;
    let range = headers.get(header::RANGE).and_then(|r| r.to_str().ok());
    Ok(match wanted(range, length) {
        Wanted::Whole => bytes(StatusCode::OK, length, worker.read(url.key, 0..length)),
        Wanted::Part(part) => {
            let shown = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            let body = worker.read(url.key, part.clone());
            let answer = bytes(StatusCode::PARTIAL_CONTENT, part.end - part.start, body);
            ([(header::CONTENT_RANGE, shown)], answer).into_response()
        }
        Wanted::Outside => {
            let detail = format!("the object has {length} bytes; ask for some of those");
            let problem = Problem::new(Kind::RangeNotSatisfiable, "RangeNotSatisfiable", detail);
            let shown = format!("bytes */{length}");
            ([(header::CONTENT_RANGE, shown)], problem).into_response()
        }
    })
}

fn bytes(status: StatusCode, length: u64, body: ByteStream) -> Response {
    let headers = [
        (header::CONTENT_LENGTH, length.to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    (status, headers, Body::from_stream(body)).into_response()
}

async fn write(
    State(worker): Service,
    Path(key): Path<String>,
    signature: SignatureQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let url = signed(signature, &key)?;
    let announced = announced(&headers)?;
    let body = body.into_data_stream().map_err(Into::into).boxed();
    Ok(match worker.store(&url, announced, body).await? {
        Put::Created => StatusCode::CREATED,
        Put::Existed => StatusCode::OK,
    })
}

/// Length and hash of the body that comes.
fn announced(headers: &HeaderMap) -> Result<(u64, String), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    let length = length.filter(|length| *length <= MAX_SEGMENT_BYTES);
    let hash = text(CONTENT_DIGEST).and_then(parse_content_digest);
    length.zip(hash).ok_or_else(|| {
        let detail = "send Content-Length and the ticket's Content-Digest";
        Problem::new(Kind::Invalid, "DigestRequired", detail)
    })
}

impl From<WorkerError> for Problem {
    fn from(error: WorkerError) -> Self {
        use WorkerError as E;
        let refused = |kind, reason| Problem::new(kind, reason, error.to_string());
        match error {
            E::Token(TokenError::Refused(_)) => refused(Kind::Unauthenticated, "InvalidToken"),
            E::Token(e @ TokenError::Unavailable(_)) => {
                unavailable(&e, "KeysUnavailable", "tokens cannot be verified")
            }
            E::NotAJobPod(_) => refused(Kind::Forbidden, "NotAJobPod"),
            E::NamespaceNotAllowed(_) => refused(Kind::Forbidden, "NamespaceNotAllowed"),
            E::ForeignGate(_) => refused(Kind::Forbidden, "ForeignStreamGate"),
            E::NotAssigned(_) => refused(Kind::Forbidden, "NotAssigned"),
            E::Url => refused(Kind::Forbidden, "UrlRefused"),
            E::JobGone => refused(Kind::Gone, "JobGone"),
            E::Refused { reason, .. } => refused(Kind::Unprocessable, reason),
            E::NotPlanned => refused(Kind::Conflict, "NotPlanned"),
            E::NotDelivered(_) => refused(Kind::Conflict, "NotDelivered"),
            E::Misfit(_) => refused(Kind::Invalid, "ObjectMisfit"),
            E::Body => refused(Kind::Invalid, "BodyMismatch"),
            E::Incomplete => refused(Kind::Internal, "OutputIncomplete"),
            E::Catalog(e) => e.into(),
            E::Objects(e) => e.into(),
            // Job pods name nothing and ask for nothing that could be refused.
            E::Jobs(e @ (JobsError::Taken { .. } | JobsError::Refused(_))) => Problem::internal(&e),
            E::Jobs(e) => e.into(),
        }
    }
}
