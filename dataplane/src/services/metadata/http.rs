//! HTTP of the metadata role.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use streamgate_contract::ContentId;

use super::{Change, Entry, InvalidChange, MAX_LIMIT, Metadata, MetadataError, version};
use crate::error::{Kind, Problem, required};
use crate::layers::authenticate::Caller;

/// Contents of an answer that names no limit.
const DEFAULT_LIMIT: usize = 50;

/// Routes of the public listener.
pub fn routes(metadata: Arc<Metadata>) -> Router {
    Router::new()
        .route("/api/v1/contents", get(list))
        .route("/api/v1/contents/{id}", get(one).patch(change))
        .with_state(metadata)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<usize>,
}

async fn list(
    State(metadata): State<Arc<Metadata>>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let limit = page
        .ok()
        .map(|Query(page)| page.limit.unwrap_or(DEFAULT_LIMIT));
    let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
    let detail = format!("limit must be a number from 1 to {MAX_LIMIT}; it is the only parameter");
    let limit = limit.ok_or_else(|| Problem::new(Kind::Invalid, "InvalidLimit", detail))?;
    let entries = metadata.list(caller.known().as_ref(), limit).await?;
    let contents: Vec<Value> = entries.iter().map(shown).collect();
    Ok(Json(json!({"contents": contents})))
}

type Id = Result<Path<ContentId>, PathRejection>;

fn id(path: Id) -> Result<ContentId, Problem> {
    let unknown = |_| Problem::new(Kind::NotFound, "NotFound", "the path names no content");
    path.map(|Path(id)| id).map_err(unknown)
}

async fn one(
    State(metadata): State<Arc<Metadata>>,
    caller: Caller,
    path: Id,
) -> Result<impl IntoResponse, Problem> {
    let entry = metadata.get(caller.known().as_ref(), &id(path)?).await?;
    Ok(tagged(&entry))
}

async fn change(
    State(metadata): State<Arc<Metadata>>,
    caller: Caller,
    path: Id,
    headers: HeaderMap,
    change: Result<Json<Change>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let who = caller.signed_in()?;
    let (id, known) = (id(path)?, known_version(&headers)?);
    let Json(change) = change.map_err(|rejection| {
        let detail = format!("{}; send title, rule or state", rejection.body_text());
        Problem::new(Kind::Invalid, "MalformedBody", detail)
    })?;
    let entry = metadata.change(&who, &id, known, change).await?;
    Ok(tagged(&entry))
}

/// The version that `If-Match` names; `None` for any. Source: RFC 9110, 13.1.1; RFC 6585, 3.
fn known_version(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let detail = "send If-Match with the ETag of the content, so that nobody's change is lost";
    let required = || Problem::new(Kind::PreconditionRequired, "IfMatchRequired", detail);
    let text = headers.get(header::IF_MATCH).and_then(|v| v.to_str().ok());
    match text.map(str::trim) {
        None => Err(required()),
        Some("*") => Ok(None),
        // A weak or unquoted tag is never the one we gave.
        Some(tag) => Ok(Some(tag.trim_matches('"'))),
    }
}

/// A content with the entity tag of its version.
fn tagged(entry: &Entry) -> impl IntoResponse + use<> {
    let tag = format!("\"{}\"", version(&entry.content));
    (AppendHeaders([(header::ETAG, tag)]), Json(shown(entry)))
}

impl From<MetadataError> for Problem {
    fn from(error: MetadataError) -> Self {
        let refused = |kind, reason| Problem::new(kind, reason, error.to_string());
        match error {
            MetadataError::NotYours(_) => refused(Kind::Forbidden, "NotYours"),
            MetadataError::Stale(_) => refused(Kind::PreconditionFailed, "VersionChanged"),
            MetadataError::Invalid(InvalidChange::Title) => {
                refused(Kind::Unprocessable, "InvalidTitle")
            }
            MetadataError::Invalid(InvalidChange::Rule(_)) => {
                refused(Kind::Unprocessable, "UnknownRule")
            }
            MetadataError::Invalid(InvalidChange::State) => {
                refused(Kind::Unprocessable, "InvalidState")
            }
            MetadataError::Catalog(cause) => cause.into(),
        }
    }
}

fn shown(entry: &Entry) -> Value {
    let content = &entry.content;
    json!({
        "id": content.id, "title": content.title, "owner": content.owner, "state": content.state,
        "required": entry.required.as_ref().map(required),
    })
}
