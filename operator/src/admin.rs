//! The admin listener: liveness, readiness, metrics. Standing by for the lease is ready too.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use streamgate_contract::roles::{LIVEZ_PATH, METRICS_PATH, READYZ_PATH};
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// Without an answer of the API server for this long, this process is not ready.
const SILENCE: Duration = Duration::from_secs(60);

/// When the API server was last heard.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Option<Instant>>>);

impl Health {
    /// The API server answered.
    pub fn heard(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_ready(&self) -> bool {
        let heard = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.is_some_and(|heard| heard.elapsed() < SILENCE)
    }
}

/// Takes the address; serving begins with [`serve`].
///
/// # Errors
/// When the address cannot be had.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until dropped.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, health: Health, metrics: Metrics) -> std::io::Result<()> {
    axum::serve(listener, router(health, metrics)).await
}

fn router(health: Health, metrics: Metrics) -> Router {
    let readiness = move || answer(health.is_ready());
    Router::new()
        .route(LIVEZ_PATH, get(|| answer(true)))
        .route(READYZ_PATH, get(readiness))
        .route(METRICS_PATH, get(move || ready(metrics.text())))
}

fn answer(good: bool) -> Ready<(StatusCode, &'static str)> {
    ready(if good {
        (StatusCode::OK, "ok\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the API server does not answer\n",
        )
    })
}
