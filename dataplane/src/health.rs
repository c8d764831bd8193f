//! The admin listener: is the process alive, can it serve, what does it count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use streamgate_contract::roles::{LIVEZ_PATH, METRICS_PATH, READYZ_PATH};
use tokio::sync::Mutex;

use crate::ports::catalog::Catalog;
use crate::services::streaming::Streaming;

/// How long a look at the dependencies stays true.
const FRESH: Duration = Duration::from_secs(1);
/// Longest wait for a dependency.
const PATIENCE: Duration = Duration::from_secs(2);

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const DRAINING: u8 = 2;

/// Whether the process can serve.
pub struct Health {
    stage: AtomicU8,
    catalog: Arc<dyn Catalog>,
    streaming: Arc<Streaming>,
    seen: Mutex<Option<(Instant, bool)>>,
    registry: Registry,
}

impl Health {
    /// Not ready before [`Health::serving`].
    pub fn new(
        catalog: Arc<dyn Catalog>,
        streaming: Arc<Streaming>,
        registry: Registry,
    ) -> Arc<Self> {
        Arc::new(Self {
            stage: AtomicU8::new(STARTING),
            catalog,
            streaming,
            seen: Mutex::new(None),
            registry,
        })
    }

    /// Everything is up.
    pub fn serving(&self) {
        self.stage.store(SERVING, Ordering::SeqCst);
    }

    /// No new requests, please.
    pub fn draining(&self) {
        self.stage.store(DRAINING, Ordering::SeqCst);
    }

    /// Why the process cannot serve, if so.
    async fn hindrance(&self) -> Option<&'static str> {
        match self.stage.load(Ordering::SeqCst) {
            STARTING => Some("starting"),
            DRAINING => Some("draining"),
            _ if !self.catalog_answers().await => Some("the catalog does not answer"),
            _ if !self.streaming.ready() => Some("the revocation epoch is not known"),
            _ => None,
        }
    }

    async fn catalog_answers(&self) -> bool {
        let mut seen = self.seen.lock().await;
        if let Some((when, answers)) = *seen
            && when.elapsed() < FRESH
        {
            return answers;
        }
        let asked = tokio::time::timeout(PATIENCE, self.catalog.epoch()).await;
        let answers = matches!(asked, Ok(Ok(_)));
        *seen = Some((Instant::now(), answers));
        answers
    }
}

/// Routes of the admin listener.
pub fn routes(health: Arc<Health>) -> Router {
    Router::new()
        .route(LIVEZ_PATH, get(|| async { "ok" }))
        .route(READYZ_PATH, get(readyz))
        .route("/healthz", get(readyz))
        .route(METRICS_PATH, get(metrics))
        .with_state(health)
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    match health.hindrance().await {
        None => "ok".into_response(),
        Some(hindrance) => (StatusCode::SERVICE_UNAVAILABLE, hindrance).into_response(),
    }
}

async fn metrics(State(health): State<Arc<Health>>) -> Response {
    match TextEncoder::new().encode_to_string(&health.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => crate::error::Problem::internal(&error).into_response(),
    }
}
