//! HTTP of the gateway role.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::{Check, Gateway};
use crate::error::{Kind, Problem};
use crate::ports::chain::standing::ChainStanding;

mod console;
mod events;
pub mod roles;

/// The page that shows the description: no other origin, nothing that is not in the page.
const BROWSER: &str = include_str!("browser.html");
/// What the page may do.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
    connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

type Service = State<Arc<Gateway>>;

/// Routes of the public listener.
pub fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/health", get(health))
        .route("/api/v1/openapi.json", get(description))
        .route("/api/v1/docs", get(browser))
        .route("/console", get(console::console))
        .route("/api/v1/monitor/events", get(events::events))
        .with_state(gateway)
}

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(health, description, browser, console::console, events::events))]
pub struct Docs;

/// How a part is.
#[derive(Serialize, ToSchema)]
struct Part {
    part: &'static str,
    ok: bool,
    /// What hinders it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hindrance: Option<&'static str>,
}

/// How everything is.
#[derive(Serialize, ToSchema)]
struct Health {
    status: &'static str,
    parts: Vec<Part>,
    /// The endpoints of every chain, without their addresses. A chain that is not well hinders those
    /// who would have to be looked for on it, and nobody who is watching.
    #[serde(skip_serializing_if = "Option::is_none")]
    chains: Option<Vec<ChainStanding>>,
}

fn parts(checks: &[Check]) -> Vec<Part> {
    let part = |check: &Check| Part {
        part: check.part,
        ok: check.hindrance.is_none(),
        hindrance: check.hindrance,
    };
    checks.iter().map(part).collect()
}

/// Whether every part of the gate does its work; 503 with the same list when one does not.
#[utoipa::path(get, path = "/api/v1/health", tag = "gateway",
    responses((status = 200, body = Health)))]
async fn health(State(gateway): Service) -> Result<Response, Problem> {
    let (checks, chains) = tokio::join!(gateway.health(), gateway.chains());
    let parts = parts(&checks);
    if parts.iter().any(|part| !part.ok) {
        let detail = "a part of the gate does not do its work; see parts";
        let problem = Problem::new(Kind::Unavailable, "NotReady", detail);
        let problem = problem.with("parts", parts).with("chains", chains);
        return Err(problem.retry_after(2));
    }
    let fresh = AppendHeaders([(header::CACHE_CONTROL, "no-store")]);
    let status = "ok";
    let health = Health {
        status,
        parts,
        chains,
    };
    Ok((fresh, Json(health)).into_response())
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "gateway",
    responses((status = 200, content_type = "application/json")))]
async fn description(State(gateway): Service) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, gateway.description().to_owned()).into_response()
}

/// A page that shows this description and tries its requests.
#[utoipa::path(get, path = "/api/v1/docs", tag = "gateway",
    responses((status = 200, content_type = "text/html")))]
async fn browser() -> Response {
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, Html(BROWSER)).into_response()
}
