//! The bare handler, the handler behind one layer, and the handler behind all of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use prometheus::Registry;
use streamgate_contract::audit::AuditSettings;
use streamgate_contract::config::Limits;
use streamgate_dataplane::edge::Edge;
use streamgate_dataplane::layers::around::{Around, Layered};
use streamgate_dataplane::layers::audit::Audit;
use streamgate_dataplane::layers::client_address::{Peer, TrustedProxies};
use streamgate_dataplane::layers::deadline::Deadline;
use streamgate_dataplane::layers::limit::{By, Limit};
use streamgate_dataplane::layers::metrics::{Families, Metrics};
use streamgate_dataplane::layers::request_id::RequestIds;
use streamgate_dataplane::layers::shed::Shed;
use streamgate_dataplane::layers::trace::Trace;
use streamgate_dataplane::ports::audit_log::{AuditError, AuditLog, Receipt, Record};
use streamgate_dataplane::ports::identity::{Identities, IdentityError, Principal};

/// A route of playback, and one of the API.
pub const PLAYBACK: &str = "/v/{handle}/{file}";
pub const API: &str = "/api/v1/contents/{id}";

/// Nobody is known and nothing is logged: what is measured are the layers.
struct Nothing;

#[async_trait]
impl Identities for Nothing {
    async fn identify(&self, _: &str) -> Result<Principal, IdentityError> {
        Err(IdentityError::Refused)
    }
}

#[async_trait]
impl AuditLog for Nothing {
    async fn append(&self, _: &Record) -> Result<Receipt, AuditError> {
        Ok(Receipt { sequence: 1 })
    }
    fn enqueue(&self, _: &Record) -> Result<(), AuditError> {
        Ok(())
    }
}

fn limits() -> Limits {
    serde_json::from_value(serde_json::json!({
        "maxUploadBytes": 1, "requestsPerSecond": 1_000_000, "requestBurst": 1_000_000,
        "requestTimeoutSeconds": 30, "trustedProxies": ["10.0.0.0/8"],
        "roles": [{"role": "streaming", "requestsPerSecond": 1_000_000, "burst": 1_000_000},
            {"role": "metadata", "requestsPerSecond": 1_000_000, "burst": 1_000_000}],
    }))
    .unwrap()
}

/// The handler: what is in memory, as for a hot segment.
pub fn bare(route: &str) -> Router {
    let body = Bytes::from(vec![0x47; 1_024]);
    Router::new().route(route, get(move || async move { body }))
}

/// One layer around the handler.
pub fn with(layer: &str, route: &str) -> Router {
    let (router, registry, limits) = (bare(route), Registry::new(), limits());
    match layer {
        "request id" => router.layer(Layered(RequestIds)),
        "trace" => router.layer(Layered(Trace)),
        "metrics" => {
            let families = Arc::new(Families::new(&registry).unwrap());
            router.layer(Layered(Metrics(families)))
        }
        "client address" => {
            let trusted = TrustedProxies::parse(&limits.trusted_proxies).unwrap();
            router.layer(Layered(trusted))
        }
        "load shed" => router.layer(Layered(Shed::new(4_096, &registry).unwrap())),
        "deadline" => router.layer(Deadline::new(Duration::from_secs(30), &[])),
        "limits" => {
            let policies = Limit::policies(&limits, &registry).unwrap();
            let layer = |by| Layered(Limit::new(policies.clone(), by));
            router.layer(layer(By::Principal)).layer(layer(By::Address))
        }
        "audit" => router.layer(audit()),
        other => panic!("no layer {other}"),
    }
}

/// A layer that does nothing but have a state: what axum's box around a layer costs.
#[derive(Clone, Default)]
pub struct Idle(Arc<()>);

impl Around for Idle {
    type Kept = Arc<()>;

    fn before(&self, _: &mut Request<Body>) -> Result<Arc<()>, Response> {
        Ok(self.0.clone())
    }

    fn after(&self, _: Arc<()>, _: &mut Response) {}
}

/// Every layer that [`with`] knows.
pub const LAYERS: [&str; 8] = [
    "request id",
    "trace",
    "metrics",
    "client address",
    "load shed",
    "deadline",
    "limits",
    "audit",
];

fn audit() -> Audit {
    Audit::new(Arc::new(Nothing), &AuditSettings::default(), [1; 32])
}

/// The product's own composition.
pub fn all(route: &str) -> Router {
    let edge = Edge::new(&limits(), Arc::new(Nothing), audit(), &Registry::new()).unwrap();
    match route {
        PLAYBACK => edge.public(Router::new(), bare(route)),
        _ => edge.public(bare(route), Router::new()),
    }
}

/// A request as the accept loop hands it over.
pub fn request(route: &str) -> Request<Body> {
    let path = route
        .replace("{handle}", "abcdef")
        .replace("{file}", "v720.m3u8");
    let mut request = Request::get(path.replace("{id}", "c1"))
        .body(Body::empty())
        .unwrap();
    let peer: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    request.extensions_mut().insert(Peer::new(peer));
    request
}
