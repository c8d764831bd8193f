//! HTTP of the gate's tokens: which there are, and whether the caller holds them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, Names, admission, body, secret, session};
use crate::error::Problem;
use crate::extract::Named;
use crate::services::auth::{Auth, DryRun};

/// `GET /api/v1/nft`.
pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = session(&auth, &headers).await?;
    let tokens = auth.tokens(&who).await?;
    let tokens: Vec<Value> = tokens.iter().map(shown).collect();
    let address = who.principal.wallet.to_string();
    Ok(secret(json!({"address": address, "tokens": tokens})))
}

/// `GET /api/v1/nft/{id}`.
pub(super) async fn one(
    State(auth): State<Arc<Auth>>,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = session(&auth, &headers).await?;
    Ok(secret(shown(&auth.token(&who, &id).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    id: String,
    #[serde(default)]
    through: Names,
}

/// `POST /api/v1/nft/verify`.
pub(super) async fn verify(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
    request: Body<Request>,
) -> Result<Response, Problem> {
    let who = session(&auth, &headers).await?;
    let Request { id, through } = body(request)?;
    let found = auth.verify_token(&who, &id, through.read()?).await?;
    Ok(secret(shown(&found)))
}

/// A token as JSON: what its rule says, and whether it is held.
fn shown(run: &DryRun) -> Value {
    let rule = run.rule.as_ref().map(|(rule, _)| rule);
    let mut value = rule.map_or(json!({}), |rule| admission::shown(run, rule));
    if let Some(members) = value.as_object_mut() {
        members.remove("says");
        if let Some(id) = members.remove("rule") {
            members.insert("id".into(), id);
        }
        members.insert("holds".into(), json!(run.admitted));
    }
    value
}
