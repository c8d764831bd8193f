//! HTTP of the cache role; for admins.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CacheError, CacheService, DEFAULT_TTL_SECONDS, MAX_VALUE_BYTES, Statistics};
use crate::error::{Kind, Problem};
use crate::extract::Named;
use crate::layers::authenticate::Caller;

type Service = State<Arc<CacheService>>;

/// Routes of the public listener.
pub fn routes(service: Arc<CacheService>) -> Router {
    Router::new()
        .route("/api/v1/cache", get(namespaces))
        .route("/api/v1/cache/{namespace}", get(statistics).delete(clear))
        .route(
            "/api/v1/cache/{namespace}/{key}",
            get(read).put(write).delete(remove),
        )
        // One more, so that the service says what is too large.
        .layer(DefaultBodyLimit::max(MAX_VALUE_BYTES + 1))
        .with_state(service)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    ttl: Option<u64>,
}

/// The cache belongs to the gate, not to its people.
fn admin(caller: Caller) -> Result<(), Problem> {
    let detail = "the cache is for admins of this gate";
    let refusal = || Problem::new(Kind::Forbidden, "AdminRequired", detail);
    caller.signed_in()?.admin.then_some(()).ok_or_else(refusal)
}

async fn namespaces(State(service): Service, caller: Caller) -> Result<Json<Value>, Problem> {
    admin(caller)?;
    Ok(Json(json!({"namespaces": service.names()})))
}

async fn statistics(
    State(service): Service,
    caller: Caller,
    Named(namespace): Named<String>,
) -> Result<Json<Statistics>, Problem> {
    admin(caller)?;
    Ok(Json(service.statistics(&namespace).await?))
}

async fn clear(
    State(service): Service,
    caller: Caller,
    Named(namespace): Named<String>,
) -> Result<StatusCode, Problem> {
    admin(caller)?;
    service.clear(&namespace).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn read(
    State(service): Service,
    caller: Caller,
    Named((namespace, key)): Named<(String, String)>,
) -> Result<Response, Problem> {
    admin(caller)?;
    let value = service.get(&namespace, &key).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, value).into_response())
}

async fn write(
    State(service): Service,
    caller: Caller,
    Named((namespace, key)): Named<(String, String)>,
    life: Result<Query<Life>, QueryRejection>,
    value: Bytes,
) -> Result<StatusCode, Problem> {
    admin(caller)?;
    let Query(life) = life.map_err(|_| Problem::from(CacheError::InvalidTtl))?;
    let ttl = life.ttl.unwrap_or(DEFAULT_TTL_SECONDS);
    service.set(&namespace, &key, value, ttl).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(
    State(service): Service,
    caller: Caller,
    Named((namespace, key)): Named<(String, String)>,
) -> Result<StatusCode, Problem> {
    admin(caller)?;
    service.delete(&namespace, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        let refused = |kind, reason| Problem::new(kind, reason, error.to_string());
        match &error {
            CacheError::InvalidNamespace(_) => refused(Kind::Invalid, "InvalidNamespace"),
            CacheError::InvalidKey => refused(Kind::Invalid, "InvalidKey"),
            CacheError::InvalidTtl => refused(Kind::Invalid, "InvalidTtl"),
            CacheError::TooLarge => refused(Kind::TooLarge, "ValueTooLarge"),
            CacheError::TooManyNamespaces => refused(Kind::Conflict, "TooManyNamespaces"),
            CacheError::Miss => refused(Kind::NotFound, "CacheMiss"),
            CacheError::NoNamespace => refused(Kind::NotFound, "NoSuchNamespace"),
        }
    }
}
