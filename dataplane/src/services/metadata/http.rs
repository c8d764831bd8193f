//! HTTP of the metadata role.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use streamgate_contract::ContentId;

use super::{Entry, MAX_LIMIT, Metadata};
use crate::error::{Kind, Problem, required};
use crate::layers::authenticate::Caller;

/// Contents of an answer that names no limit.
const DEFAULT_LIMIT: usize = 50;

/// Routes of the public listener.
pub fn routes(metadata: Arc<Metadata>) -> Router {
    Router::new()
        .route("/api/v1/contents", get(list))
        .route("/api/v1/contents/{id}", get(one))
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

async fn one(
    State(metadata): State<Arc<Metadata>>,
    caller: Caller,
    id: Result<Path<ContentId>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let unknown = |_| Problem::new(Kind::NotFound, "NotFound", "the path names no content");
    let Path(id) = id.map_err(unknown)?;
    Ok(Json(shown(
        &metadata.get(caller.known().as_ref(), &id).await?,
    )))
}

fn shown(entry: &Entry) -> Value {
    let content = &entry.content;
    json!({
        "id": content.id, "title": content.title, "owner": content.owner, "state": content.state,
        "required": entry.required.as_ref().map(required),
    })
}
