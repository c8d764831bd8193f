//! HTTP of the list of one's uploads.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{Service, render};
use crate::error::Problem;
use crate::extract::Asked;
use crate::layers::authenticate::Caller;
use crate::validation::Bounded;

/// Uploads of an answer: 100 at most.
type Limit = Bounded<1, 100>;
/// Uploads of an answer that names no limit.
const DEFAULT_LIMIT: Limit = Limit::of::<50>();

/// What is asked of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// `GET /api/v1/uploads`.
pub(super) async fn list(
    State(service): Service,
    caller: Caller,
    Asked(list): Asked<List>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let limit = list.limit.unwrap_or(DEFAULT_LIMIT).get();
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let listing = service.own(who, limit, list.cursor.as_deref()).await?;
    Ok(render::listing(&listing))
}
