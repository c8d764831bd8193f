//! HTTP of machines' keys.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, body, rfc3339, secret, session, wallet};
use crate::error::Problem;
use crate::extract::Named;
use crate::ports::catalog::MachineKey;
use crate::services::auth::{Auth, Wish};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Request {
    name: String,
    /// Wallet it acts for; the admin's own when absent.
    wallet: Option<String>,
    scopes: Vec<String>,
    expires_in_seconds: Option<u64>,
}

/// `POST /api/v1/auth/keys`.
pub(super) async fn create(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
    request: Body<Request>,
) -> Result<Response, Problem> {
    let who = session(&auth, &headers).await?;
    let request = body(request)?;
    let wish = Wish {
        name: request.name,
        wallet: request.wallet.as_deref().map(wallet).transpose()?,
        scopes: request.scopes.join(" ").parse()?,
        seconds: request.expires_in_seconds,
    };
    let (key, text) = auth.create_key(&who, wish).await?;
    let mut shown = shown(&key);
    shown["key"] = text.into();
    Ok((StatusCode::CREATED, secret(shown)).into_response())
}

/// `GET /api/v1/auth/keys`.
pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = session(&auth, &headers).await?;
    let keys = auth.list_keys(&who).await?;
    let keys: Vec<Value> = keys.iter().map(shown).collect();
    Ok(secret(json!({"keys": keys})))
}

/// `DELETE /api/v1/auth/keys/{id}`.
pub(super) async fn remove(
    State(auth): State<Arc<Auth>>,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let who = session(&auth, &headers).await?;
    auth.delete_key(&who, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A key without its secret.
fn shown(key: &MachineKey) -> Value {
    let scopes: Vec<&str> = key.scopes.split(' ').collect();
    json!({
        "id": key.id, "name": key.name, "wallet": key.wallet, "scopes": scopes,
        "createdAt": rfc3339(key.created_at), "expiresAt": key.expires_at.and_then(rfc3339),
    })
}
