//! What other roles ask, on the internal listener only.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use streamgate_contract::peers::{ENTITLE_PATH, IDENTIFY_PATH, STANDINGS_PATH};

use super::{Body, body};
use crate::error::{Kind, Problem, unavailable};
use crate::ports::chain::standing::{ChainStanding, Standings};
use crate::ports::identity::wire::{Entitle, Entitled, Identified, Identify};
use crate::ports::identity::{Entitlements, Identities, IdentityError};
use crate::services::auth::Auth;

/// Routes of the internal listener.
pub fn routes(auth: Arc<Auth>) -> Router {
    Router::new()
        .route(ENTITLE_PATH, post(entitle))
        .route(IDENTIFY_PATH, post(identify))
        .route(STANDINGS_PATH, post(standings))
        .with_state(auth)
}

async fn entitle(
    State(auth): State<Arc<Auth>>,
    question: Body<Entitle>,
) -> Result<Json<Entitled>, Problem> {
    let (viewer, content) = body(question)?.viewer().ok_or_else(|| {
        let detail = "the wallet of the viewer is none";
        Problem::new(Kind::Invalid, "InvalidAddress", detail)
    })?;
    Ok(Json(Entitled::of(auth.entitle(&viewer, &content).await)))
}

async fn standings(State(auth): State<Arc<Auth>>) -> Json<Vec<ChainStanding>> {
    // Here it is known, and asking cannot fail.
    Json(auth.standings().await.unwrap_or_default())
}

async fn identify(
    State(auth): State<Arc<Auth>>,
    question: Body<Identify>,
) -> Result<Json<Identified>, Problem> {
    let found = auth.identify(&body(question)?.token).await;
    Identified::of(found).map(Json).map_err(|source| {
        let error = IdentityError::Unavailable(source);
        unavailable(&error, "SessionsUnavailable", "sessions cannot be checked")
    })
}
