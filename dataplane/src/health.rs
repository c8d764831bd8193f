//! The admin listener: is the process alive, can it serve, what does it count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use streamgate_contract::roles::{LIVEZ_PATH, METRICS_PATH, READYZ_PATH};
use tokio::sync::Mutex;

use crate::ports::catalog::Catalog;
use crate::ports::figures::Figures;
use crate::services::gateway::{Check, Checks};
use crate::services::streaming::Streaming;

pub mod service;

use service::{Connections, Service};

/// How long a look at the dependencies stays true.
const FRESH: Duration = Duration::from_secs(1);
/// Longest wait for a dependency.
const PATIENCE: Duration = Duration::from_secs(2);

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const DRAINING: u8 = 2;

/// What the process cannot serve without.
#[derive(Clone, Default)]
pub struct Needs {
    /// The catalog, where it has one.
    pub catalog: Option<Arc<dyn Catalog>>,
    /// The role whose readiness is the process's, where it has that.
    pub streaming: Option<Arc<Streaming>>,
}

/// Whether the process can serve.
pub struct Health {
    stage: AtomicU8,
    needs: Needs,
    seen: Mutex<Option<(Instant, bool)>>,
    registry: Registry,
    service: Service,
    figures: Vec<Box<dyn Figures>>,
}

impl Health {
    /// Not ready before [`Health::serving`]; `figures` are read at each scrape.
    ///
    /// # Errors
    /// When its families are registered already.
    pub fn new(
        needs: Needs,
        registry: Registry,
        figures: Vec<Box<dyn Figures>>,
    ) -> prometheus::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            stage: AtomicU8::new(STARTING),
            needs,
            seen: Mutex::new(None),
            service: Service::new(&registry)?,
            registry,
            figures,
        }))
    }

    /// Figures of a listener.
    pub fn connections(&self, listener: &str) -> Connections {
        self.service.connections(listener)
    }

    /// Everything that is counted, as of now.
    async fn exposition(&self) -> prometheus::Result<String> {
        let ready = self.hindrance().await.is_none();
        let draining = self.stage.load(Ordering::SeqCst) == DRAINING;
        self.service.refresh(ready, draining);
        self.figures.iter().for_each(|figures| figures.refresh());
        TextEncoder::new().encode_to_string(&self.registry.gather())
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
            _ if !self.streams() => Some("the revocation epoch is not known"),
            _ => None,
        }
    }

    fn streams(&self) -> bool {
        let streaming = self.needs.streaming.as_ref();
        streaming.is_none_or(|streaming| streaming.ready())
    }

    async fn catalog_answers(&self) -> bool {
        let Some(catalog) = &self.needs.catalog else {
            return true;
        };
        let mut seen = self.seen.lock().await;
        if let Some((when, answers)) = *seen
            && when.elapsed() < FRESH
        {
            return answers;
        }
        let asked = tokio::time::timeout(PATIENCE, catalog.epoch()).await;
        let answers = matches!(asked, Ok(Ok(_)));
        *seen = Some((Instant::now(), answers));
        answers
    }
}

#[async_trait]
impl Checks for Health {
    async fn checks(&self) -> Vec<Check> {
        let stage = match self.stage.load(Ordering::SeqCst) {
            STARTING => Some("starting"),
            DRAINING => Some("draining"),
            _ => None,
        };
        let check = |part, well: bool, hindrance| Check {
            part,
            hindrance: (!well).then_some(hindrance),
        };
        let catalog = self.catalog_answers().await;
        vec![
            Check {
                part: "process",
                hindrance: stage,
            },
            check("catalog", catalog, "the catalog does not answer"),
            check(
                "streaming",
                self.streams(),
                "the revocation epoch is not known",
            ),
        ]
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

/// Whether the process can serve, and what hinders it; with `verbose` how every part is.
pub async fn readyz(State(health): State<Arc<Health>>, RawQuery(query): RawQuery) -> Response {
    let hindrance = health.hindrance().await;
    let status = match hindrance {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let text = match asks_for_all(query.as_deref()) {
        true => listed(&health.checks().await),
        false => hindrance.unwrap_or("ok").to_owned(),
    };
    (status, text).into_response()
}

/// `verbose`, as Kubernetes' own components know it.
fn asks_for_all(query: Option<&str>) -> bool {
    let mut names = query.into_iter().flat_map(|query| query.split('&'));
    names.any(|part| part.split('=').next() == Some("verbose"))
}

/// A line for each part.
fn listed(checks: &[Check]) -> String {
    let line = |check: &Check| match check.hindrance {
        None => format!("[+] {} ok\n", check.part),
        Some(hindrance) => format!("[-] {}: {hindrance}\n", check.part),
    };
    checks.iter().map(line).collect()
}

async fn metrics(State(health): State<Arc<Health>>) -> Response {
    match health.exposition().await {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => crate::error::Problem::internal(&error).into_response(),
    }
}
