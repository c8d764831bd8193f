//! HTTP of the monitor role; for admins.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::Deserialize;
use streamgate_crds::alert_policy::{AlertState, Severity};
use utoipa::{IntoParams, OpenApi};

use super::lists::{AlertsOf, ListError};
use super::overview::Overview;
use super::silences::InvalidSilence;
use super::{Monitor, SilenceError};
use crate::error::{Kind, Problem};
use crate::extract::{Asked, Named, Sent};
use crate::layers::authenticate::Caller;
use crate::ports::catalog::alarms::ChangesOf;
use crate::ports::identity::Principal;
use crate::validation::Bounded;

mod prometheus;
mod shape;

use shape::{Alerts, Changes, NewSilence, Rules, Silence, Silences};

/// Largest body of a request.
const MAX_BODY_BYTES: usize = 64 << 10;
/// Alerts of an answer that names no limit.
const DEFAULT_LIMIT: Limit = Limit::of::<50>();

type Limit = Bounded<1, 200>;
type Service = State<Arc<Monitor>>;

/// Routes of the public listener.
pub fn routes(monitor: Arc<Monitor>) -> Router {
    Router::new()
        .route("/api/v1/monitor/overview", get(overview))
        .route("/api/v1/monitor/alerts", get(alerts))
        .route("/api/v1/monitor/alerts/history", get(history))
        .route("/api/v1/monitor/rules", get(rules))
        .route("/api/v1/monitor/silences", get(silences).post(silence))
        .route("/api/v1/monitor/silences/{id}", delete(unsilence))
        .route(
            "/prometheus/api/v1/query",
            get(prometheus::query).post(prometheus::query),
        )
        .route(
            "/prometheus/api/v1/query_range",
            get(prometheus::query_range).post(prometheus::query_range),
        )
        .route(
            "/prometheus/api/v1/series",
            get(prometheus::series).post(prometheus::series),
        )
        .route(
            "/prometheus/api/v1/labels",
            get(prometheus::labels).post(prometheus::labels),
        )
        .route(
            "/prometheus/api/v1/label/{name}/values",
            get(prometheus::values),
        )
        .route("/prometheus/api/v1/rules", get(prometheus::rules))
        .route("/prometheus/api/v1/alerts", get(prometheus::alerts))
        .route("/prometheus/api/v1/metadata", get(prometheus::metadata))
        .route(
            "/prometheus/api/v1/status/buildinfo",
            get(prometheus::build_info),
        )
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(monitor)
}

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(overview, alerts, history, rules, silences, silence, unsilence))]
pub struct Docs;

/// What is watched belongs to the gate, not to its people.
fn admin(caller: Caller) -> Result<Principal, Problem> {
    let detail = "what the monitor knows is for admins of this gate";
    let refusal = || Problem::new(Kind::Forbidden, "AdminRequired", detail);
    let caller = caller.signed_in()?;
    caller.admin.then_some(caller).ok_or_else(refusal)
}

/// An answer that is true at this moment only.
fn fresh(body: impl IntoResponse) -> Response {
    (AppendHeaders([(header::CACHE_CONTROL, "no-store")]), body).into_response()
}

fn number(limit: Option<Limit>) -> u32 {
    u32::try_from(limit.unwrap_or(DEFAULT_LIMIT).get()).unwrap_or(u32::MAX)
}

/// How the gate is: its roles, alerts, rules and silences in numbers. For admins, as everything of
/// the monitor.
#[utoipa::path(get, path = "/api/v1/monitor/overview", tag = "monitor",
    responses((status = 200, body = Overview)))]
async fn overview(State(monitor): Service, caller: Caller) -> Result<Response, Problem> {
    admin(caller)?;
    Ok(fresh(Json(monitor.overview())))
}

/// What is asked of the alerts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AlertList {
    /// Most alerts of the answer.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 200)]
    limit: Option<Limit>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// In this state alone.
    #[param(value_type = Option<String>, pattern = "^(pending|firing)$")]
    state: Option<AlertState>,
    /// As bad as this alone.
    #[param(value_type = Option<String>, pattern = "^(critical|warning|info)$")]
    severity: Option<Severity>,
    /// Of the rule of this name alone.
    rule: Option<String>,
    /// Of the AlertPolicy of this name alone.
    policy: Option<String>,
    /// Silenced ones alone, or the others alone.
    silenced: Option<bool>,
}

/// Alerts that are pending or fire, those that changed last first.
#[utoipa::path(get, path = "/api/v1/monitor/alerts", tag = "monitor", params(AlertList),
    responses((status = 200, body = Alerts)))]
async fn alerts(
    State(monitor): Service,
    caller: Caller,
    Asked(list): Asked<AlertList>,
) -> Result<Response, Problem> {
    admin(caller)?;
    let of = AlertsOf {
        state: list.state,
        severity: list.severity,
        rule: list.rule,
        policy: list.policy,
        silenced: list.silenced,
    };
    let page = monitor.alerts(&of, number(list.limit), list.cursor.as_deref())?;
    Ok(fresh(Json(Alerts::from(page))))
}

/// What is asked of the history.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryList {
    /// Most changes of the answer.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 200)]
    limit: Option<Limit>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// As bad as this alone.
    #[param(value_type = Option<String>, pattern = "^(critical|warning|info)$")]
    severity: Option<Severity>,
    /// Of the rule of this name alone.
    rule: Option<String>,
    /// Of the AlertPolicy of this name alone.
    policy: Option<String>,
}

/// When alerts began to fire and when they were over, the newest first. The newest 10,000 are kept.
#[utoipa::path(get, path = "/api/v1/monitor/alerts/history", tag = "monitor", params(HistoryList),
    responses((status = 200, body = Changes)))]
async fn history(
    State(monitor): Service,
    caller: Caller,
    Asked(list): Asked<HistoryList>,
) -> Result<Response, Problem> {
    admin(caller)?;
    let of = ChangesOf {
        rule: list.rule.unwrap_or_default(),
        policy: list.policy.unwrap_or_default(),
        severity: list.severity.map_or("", Severity::word).to_owned(),
        before: None,
        limit: number(list.limit),
    };
    let page = monitor.past(of, list.cursor.as_deref()).await?;
    Ok(fresh(Json(Changes::from(page))))
}

/// Every rule of every AlertPolicy, with its state.
#[utoipa::path(get, path = "/api/v1/monitor/rules", tag = "monitor",
    responses((status = 200, body = Rules)))]
async fn rules(State(monitor): Service, caller: Caller) -> Result<Response, Problem> {
    admin(caller)?;
    Ok(fresh(Json(Rules::of(&monitor.policies_seen()))))
}

/// Every silence, the newest first; those that ended go after a day.
#[utoipa::path(get, path = "/api/v1/monitor/silences", tag = "monitor",
    responses((status = 200, body = Silences)))]
async fn silences(State(monitor): Service, caller: Caller) -> Result<Response, Problem> {
    admin(caller)?;
    let silences = monitor.all_silences().await?;
    Ok(fresh(Json(Silences::of(silences, monitor.now()))))
}

/// Silences alerts for some time: they change as before, and handlers are not told.
#[utoipa::path(post, path = "/api/v1/monitor/silences", tag = "monitor",
    request_body = NewSilence, responses((status = 201, body = Silence)))]
async fn silence(
    State(monitor): Service,
    caller: Caller,
    Sent(wish): Sent<NewSilence>,
) -> Result<Response, Problem> {
    let author = admin(caller)?.wallet.to_string();
    let made = monitor.silence(wish.into_silence(author)).await?;
    let location = format!("/api/v1/monitor/silences/{}", made.id);
    let body = Json(Silence::of(made, monitor.now()));
    let headers = AppendHeaders([(header::LOCATION, location)]);
    Ok((StatusCode::CREATED, headers, body).into_response())
}

/// Removes a silence. Handlers are told at once of what still fires.
#[utoipa::path(delete, path = "/api/v1/monitor/silences/{id}", tag = "monitor",
    params(("id" = String, Path)), responses((status = 204)))]
async fn unsilence(
    State(monitor): Service,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<StatusCode, Problem> {
    admin(caller)?;
    monitor.unsilence(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Cursor(error) => {
                Problem::new(Kind::Invalid, "InvalidCursor", error.to_string())
            }
            ListError::Catalog(error) => error.into(),
        }
    }
}

impl From<InvalidSilence> for Problem {
    fn from(error: InvalidSilence) -> Self {
        Problem::new(Kind::Unprocessable, "InvalidSilence", error.to_string())
    }
}

impl From<SilenceError> for Problem {
    fn from(error: SilenceError) -> Self {
        match error {
            SilenceError::Invalid(error) => error.into(),
            SilenceError::TooMany => {
                Problem::new(Kind::Conflict, "TooManySilences", error.to_string())
            }
            SilenceError::None => Problem::new(Kind::NotFound, "NotFound", error.to_string()),
            SilenceError::Catalog(error) => error.into(),
        }
    }
}
