//! The newest events of the audit log, which lies where requests enter; for admins.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::Service;
use crate::error::{Kind, Problem};
use crate::extract::Asked;
use crate::layers::authenticate::Caller;
use crate::ports::audit_log::{EventKind, EventsOf, Record};
use crate::validation::Bounded;

/// Events of an answer that names no limit.
const DEFAULT_LIMIT: Limit = Limit::of::<50>();

type Limit = Bounded<1, 200>;

/// What is asked of the events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventList {
    /// Most events of the answer.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 200)]
    limit: Option<Limit>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Of this kind alone.
    #[param(value_type = Option<String>,
        pattern = "^(authentication|read|write|delete|cache|limit|job|audit)$")]
    kind: Option<EventKind>,
}

/// Who did it: keyed hashes, the same for the same one.
#[derive(Serialize, ToSchema)]
pub(super) struct EventActor {
    /// Of the wallet that was signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    wallet: Option<String>,
    /// Of the address the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

/// How it ended.
#[derive(Serialize, ToSchema)]
pub(super) struct EventResult {
    /// Status of the answer.
    status: Option<u16>,
    /// Why it was refused, if it was.
    reason: Option<String>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(super) struct Event {
    /// Name of the record in the audit log.
    id: String,
    /// When.
    #[schema(format = DateTime)]
    time: String,
    /// Kind of event.
    kind: &'static str,
    actor: EventActor,
    /// Method of the request.
    action: String,
    /// Path, or the template of a route whose path carries a secret.
    resource: String,
    result: EventResult,
    /// Request id and level, as far as they are known; no bodies.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
}

impl From<Record> for Event {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            time: record.time,
            kind: record.kind.name(),
            actor: EventActor {
                wallet: record.actor.wallet,
                address: record.actor.address,
            },
            action: record.action,
            resource: record.resource,
            result: EventResult {
                status: record.result.status,
                reason: record.result.reason,
            },
            details: record.details,
        }
    }
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(super) struct Events {
    /// The events.
    events: Vec<Event>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What happened last, the newest first: at most 1,000 events since the process began. For admins.
/// The audit log itself has all of them.
#[utoipa::path(get, path = "/api/v1/monitor/events", tag = "gateway", params(EventList),
    responses((status = 200, body = Events)))]
pub(super) async fn events(
    State(gateway): Service,
    caller: Caller,
    Asked(list): Asked<EventList>,
) -> Result<Response, Problem> {
    let detail = "what happened here is for admins of this gate";
    let refusal = || Problem::new(Kind::Forbidden, "AdminRequired", detail);
    caller
        .signed_in()?
        .admin
        .then_some(())
        .ok_or_else(refusal)?;
    let limit = list.limit.unwrap_or(DEFAULT_LIMIT).get();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let of = EventsOf {
        kind: list.kind,
        before: None,
        limit,
    };
    let page = gateway.events(of, list.cursor.as_deref());
    let invalid = |error: crate::services::metadata::cursor::InvalidCursor| {
        Problem::new(Kind::Invalid, "InvalidCursor", error.to_string())
    };
    let (records, next) = page.map_err(invalid)?;
    let events = records.into_iter().map(Event::from).collect();
    let fresh = AppendHeaders([(header::CACHE_CONTROL, "no-store")]);
    Ok((fresh, Json(Events { events, next })).into_response())
}
