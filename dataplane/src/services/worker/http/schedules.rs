//! Schedules over HTTP, on the public listener.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use streamgate_contract::ScheduleId;
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::error::Problem;
use crate::extract::{Asked, Named, Sent};
use crate::layers::authenticate::Caller;
use crate::ports::catalog::schedules as kept;
use crate::services::metadata::http::shape::{idempotency_key, known_version};
use crate::services::worker::desk::schedules::{Action, NewSchedule, ScheduleChange};
use crate::services::worker::desk::{Desk, MAX_LIMIT};
use crate::validation::Bounded;

/// Schedules of an answer that names no limit.
const DEFAULT_LIMIT: Limit = Limit::of::<50>();

type Limit = Bounded<1, MAX_LIMIT>;
type Service = State<Arc<Desk>>;

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(list, create, one, change, remove), components(schemas(Action)))]
pub struct Docs;

/// A schedule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Identifier.
    #[schema(value_type = String)]
    id: ScheduleId,
    /// Wallet of whose it is.
    owner: String,
    /// Title for people.
    title: String,
    /// When.
    cron: String,
    /// Time zone of `cron`.
    time_zone: String,
    /// What it does.
    #[schema(value_type = Action)]
    action: Value,
    /// Seconds after a tick within which it may still be done.
    deadline_seconds: u32,
    /// It is done at one tick alone.
    once: bool,
    /// It is done at all.
    enabled: bool,
    /// When it was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When it was changed last.
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
    /// The next tick.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// The newest ticks; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticks: Option<Vec<Tick>>,
}

/// A tick of a schedule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tick {
    /// Hash of schedule and tick; the name of the job it made.
    name: String,
    /// When it was due.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// Ticks before it that were passed over, as far as they were counted.
    missed: u32,
    /// pending, done, failed or missed.
    state: &'static str,
    /// What it made, or what was wrong.
    outcome: String,
    /// When that was noted.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

fn time(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

impl From<kept::Schedule> for Schedule {
    fn from(kept: kept::Schedule) -> Self {
        Self {
            id: kept.id,
            owner: kept.owner,
            title: kept.title,
            cron: kept.cron,
            time_zone: kept.time_zone,
            action: serde_json::from_str(&kept.action).unwrap_or_default(),
            deadline_seconds: kept.deadline,
            once: kept.once,
            enabled: kept.enabled,
            created_at: time(kept.created_at),
            updated_at: time(kept.updated_at),
            next_at: kept.next_at.and_then(time),
            ticks: None,
        }
    }
}

impl From<kept::Run> for Tick {
    fn from(run: kept::Run) -> Self {
        Self {
            name: run.name,
            due_at: time(run.tick),
            missed: run.missed,
            state: match run.state {
                kept::RunState::Pending => "pending",
                kept::RunState::Done => "done",
                kept::RunState::Failed => "failed",
                kept::RunState::Missed => "missed",
            },
            outcome: run.outcome,
            at: time(run.at),
        }
    }
}

/// A page of schedules.
#[derive(Serialize, ToSchema)]
pub struct Schedules {
    /// The schedules, newest first.
    schedules: Vec<Schedule>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A schedule with the entity tag of its version.
fn tagged(kept: kept::Schedule, ticks: Option<Vec<kept::Run>>) -> Response {
    let tag = AppendHeaders([(header::ETAG, format!("\"{}\"", kept.version))]);
    let ticks = ticks.map(|ticks| ticks.into_iter().map(Tick::from).collect());
    let body = Schedule {
        ticks,
        ..kept.into()
    };
    (tag, Json(body)).into_response()
}

/// What is asked of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// Most schedules of the answer.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 200)]
    limit: Option<Limit>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Schedules, newest first: one's own, and for admins all.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "worker", operation_id = "list_schedules",
    params(List), responses((status = 200, body = Schedules)))]
pub(super) async fn list(
    State(desk): Service,
    caller: Caller,
    Asked(list): Asked<List>,
) -> Result<Json<Schedules>, Problem> {
    let who = caller.signed_in()?;
    let limit = list.limit.unwrap_or(DEFAULT_LIMIT).get();
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let page = desk.schedules(&who, limit, list.cursor.as_deref()).await?;
    Ok(Json(Schedules {
        schedules: page.schedules.into_iter().map(Schedule::from).collect(),
        next: page.next,
    }))
}

/// Makes a schedule: jobs for creators, of what is theirs, cleaning up for admins.
#[utoipa::path(post, path = "/api/v1/schedules", tag = "worker",
    operation_id = "create_schedule", request_body = NewSchedule,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key makes it once")),
    responses((status = 201, body = Schedule), (status = 200, body = Schedule)))]
pub(super) async fn create(
    State(desk): Service,
    caller: Caller,
    headers: HeaderMap,
    Sent(new): Sent<NewSchedule>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let key = idempotency_key(&headers)?;
    let (made, kept) = desk.create_schedule(&who, key, new).await?;
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location = format!("/api/v1/schedules/{}", kept.id);
    let location = AppendHeaders([(header::LOCATION, location)]);
    Ok((status, location, tagged(kept, None)).into_response())
}

/// One schedule with its newest ticks.
#[utoipa::path(get, path = "/api/v1/schedules/{id}", tag = "worker", operation_id = "schedule",
    params(("id" = String, Path)), responses((status = 200, body = Schedule)))]
pub(super) async fn one(
    State(desk): Service,
    caller: Caller,
    Named(id): Named<ScheduleId>,
) -> Result<Response, Problem> {
    let (kept, ticks) = desk.schedule(&caller.signed_in()?, &id).await?;
    Ok(tagged(kept, Some(ticks)))
}

/// Changes a schedule; what is absent stays.
#[utoipa::path(patch, path = "/api/v1/schedules/{id}", tag = "worker",
    operation_id = "change_schedule", request_body = ScheduleChange,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "ETag of the schedule, or *")),
    responses((status = 200, body = Schedule)))]
pub(super) async fn change(
    State(desk): Service,
    caller: Caller,
    Named(id): Named<ScheduleId>,
    headers: HeaderMap,
    Sent(change): Sent<ScheduleChange>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let known = known_version(&headers)?;
    let kept = desk.change_schedule(&who, &id, known, change).await?;
    Ok(tagged(kept, None))
}

/// Removes a schedule; what it made stays.
#[utoipa::path(delete, path = "/api/v1/schedules/{id}", tag = "worker",
    operation_id = "remove_schedule",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "ETag of the schedule, or *")),
    responses((status = 204)))]
pub(super) async fn remove(
    State(desk): Service,
    caller: Caller,
    Named(id): Named<ScheduleId>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let who = caller.signed_in()?;
    let known = known_version(&headers)?;
    desk.remove_schedule(&who, &id, known).await?;
    Ok(StatusCode::NO_CONTENT)
}
