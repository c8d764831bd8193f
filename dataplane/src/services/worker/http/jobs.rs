//! Jobs and profiles over HTTP, on the public listener.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;
use streamgate_contract::ContentId;
use streamgate_crds::transcode_job::Phase;
use utoipa::{IntoParams, OpenApi};

use super::shape::{Job, Jobs, Profiles, Queue};
use crate::error::{Kind, Problem, unavailable};
use crate::extract::{Asked, Named, Sent};
use crate::layers::authenticate::Caller;
use crate::ports::chain::{InvalidWallet, Wallet};
use crate::ports::jobs::JobsError;
use crate::services::metadata::http::shape::idempotency_key;
use crate::services::worker::desk::{Desk, DeskError, JobId, JobsOf, MAX_LIMIT, NewJob};
use crate::validation::Bounded;

/// Jobs of an answer that names no limit.
const DEFAULT_LIMIT: Limit = Limit::of::<50>();

type Limit = Bounded<1, MAX_LIMIT>;
type Service = State<Arc<Desk>>;

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(list, submit, one, cancel, retry, profiles, queue))]
pub struct Docs;

/// What is asked of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// Most jobs of the answer.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 200)]
    limit: Option<Limit>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Of this wallet alone.
    owner: Option<String>,
    /// For this content alone.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length = 63)]
    content: Option<ContentId>,
    /// In this phase alone: Pending, WaitingForSource, Planning, Encoding, Publishing, Suspended, Succeeded or Failed.
    #[param(value_type = Option<String>)]
    phase: Option<Phase>,
}

/// Jobs, newest first: one's own, and for admins all.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "worker", params(List),
    responses((status = 200, body = Jobs)))]
pub(super) async fn list(
    State(desk): Service,
    caller: Caller,
    Asked(list): Asked<List>,
) -> Result<Json<Jobs>, Problem> {
    let who = caller.signed_in()?;
    let owner = list.owner.map(|owner| owner.parse::<Wallet>());
    let invalid = |e: InvalidWallet| Problem::new(Kind::Invalid, "InvalidAddress", e.to_string());
    let of = JobsOf {
        owner: owner.transpose().map_err(invalid)?.map(|w| w.to_string()),
        content: list.content,
        phase: list.phase,
    };
    let limit = list.limit.unwrap_or(DEFAULT_LIMIT).get();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let listing = desk.list(&who, &of, limit, list.cursor.as_deref()).await?;
    Ok(Json(Jobs::of(&desk, listing)))
}

/// Encodes a finished upload, or a content again. For creators, of what is theirs, and for admins.
#[utoipa::path(post, path = "/api/v1/jobs", tag = "worker", request_body = NewJob,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key makes it once")),
    responses((status = 201, body = Job), (status = 200, body = Job)))]
pub(super) async fn submit(
    State(desk): Service,
    caller: Caller,
    headers: HeaderMap,
    Sent(new): Sent<NewJob>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let (made, job) = desk.submit(&who, idempotency_key(&headers)?, new).await?;
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location = format!("/api/v1/jobs/{}", desk.id(&job));
    let location = AppendHeaders([(header::LOCATION, location)]);
    Ok((status, location, Json(Job::of(&desk, &job))).into_response())
}

/// One job as its TranscodeJob says. For its owner and admins.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "worker",
    params(("id" = String, Path)), responses((status = 200, body = Job)))]
pub(super) async fn one(
    State(desk): Service,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Response, Problem> {
    let job = desk.job(&caller.signed_in()?, &id).await?;
    let tag = format!("\"{}\"", job.version);
    let headers = AppendHeaders([(header::ETAG, tag)]);
    Ok((headers, Json(Job::of(&desk, &job))).into_response())
}

/// Ends a job with its pods. For its owner and admins.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "worker",
    params(("id" = String, Path)), responses((status = 202, body = Job)))]
pub(super) async fn cancel(
    State(desk): Service,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Response, Problem> {
    let job = desk.cancel(&caller.signed_in()?, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(Job::of(&desk, &job))).into_response())
}

/// Begins another attempt of a failed job. For its owner and admins.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", tag = "worker",
    params(("id" = String, Path)), responses((status = 202, body = Job)))]
pub(super) async fn retry(
    State(desk): Service,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Response, Problem> {
    let job = desk.retry(&caller.signed_in()?, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(Job::of(&desk, &job))).into_response())
}

/// Profiles that a job may name, with what each stands for at this gate.
#[utoipa::path(get, path = "/api/v1/profiles", tag = "worker",
    responses((status = 200, body = Profiles)))]
pub(super) async fn profiles(
    State(desk): Service,
    caller: Caller,
) -> Result<Json<Profiles>, Problem> {
    caller.signed_in()?;
    Ok(Json(desk.profiles().into()))
}

/// How many jobs of this gate wait, run and have ended.
#[utoipa::path(get, path = "/api/v1/queue", tag = "worker",
    responses((status = 200, body = Queue)))]
pub(super) async fn queue(State(desk): Service, caller: Caller) -> Result<Json<Queue>, Problem> {
    caller.signed_in()?;
    Ok(Json(desk.queue().await?.into()))
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        use DeskError as E;
        let refused = |kind, reason| Problem::new(kind, reason, error.to_string());
        match error {
            E::NotFound(_) => refused(Kind::NotFound, "NotFound"),
            E::CreatorRequired => refused(Kind::Forbidden, "CreatorRequired"),
            E::OneSource => refused(Kind::Unprocessable, "InvalidBody"),
            E::NoSource(_) => refused(Kind::Unprocessable, "SourceNotFound"),
            E::Settings(_) => refused(Kind::Unprocessable, "SettingsRefused"),
            E::KeyReused => refused(Kind::Unprocessable, "KeyReused"),
            E::AdminRequired => refused(Kind::Forbidden, "AdminRequired"),
            E::Nothing => refused(Kind::Unprocessable, "InvalidBody"),
            E::Timetable(_) => refused(Kind::Unprocessable, "InvalidSchedule"),
            E::TooManySchedules => refused(Kind::Conflict, "TooManySchedules"),
            E::Stale => refused(Kind::PreconditionFailed, "VersionChanged"),
            E::Ended => refused(Kind::Conflict, "JobEnded"),
            E::Publishing => refused(Kind::Conflict, "JobPublishing"),
            E::NotFailed => refused(Kind::Conflict, "JobNotFailed"),
            E::Busy => refused(Kind::Conflict, "JobChanging").retry_after(1),
            E::Cursor(_) => refused(Kind::Invalid, "InvalidCursor"),
            E::Catalog(cause) => cause.into(),
            E::Objects(cause) => cause.into(),
            E::Jobs(cause) => cause.into(),
        }
    }
}

impl From<JobsError> for Problem {
    fn from(error: JobsError) -> Self {
        let refused = |kind, reason| Problem::new(kind, reason, error.to_string());
        match error {
            JobsError::Taken { .. } => refused(Kind::Conflict, "JobNameTaken"),
            JobsError::Refused(_) => refused(Kind::Unprocessable, "JobRefused"),
            JobsError::Unknown(_) | JobsError::Unavailable { .. } => unavailable(
                &error,
                "JobsUnavailable",
                "TranscodeJobs cannot be looked up",
            ),
        }
    }
}
