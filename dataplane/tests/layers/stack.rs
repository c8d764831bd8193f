//! The bare handler, the handler behind one layer, and the handler behind all of them.

use std::convert::Infallible;
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
use streamgate_dataplane::layers::around::{Layered, Serves};
use streamgate_dataplane::layers::arrival::{Arrival, Arrivals};
use streamgate_dataplane::layers::audit::Audit;
use streamgate_dataplane::layers::client_address::{Peer, TrustedProxies};
use streamgate_dataplane::layers::deadline::Deadline;
use streamgate_dataplane::layers::limit::{By, Limit};
use streamgate_dataplane::layers::metrics::{Families, Metrics};
use streamgate_dataplane::layers::shed::Shed;
use streamgate_dataplane::layers::trace::Trace;
use streamgate_dataplane::ports::audit_log::{AuditError, AuditLog, Receipt, Record};
use streamgate_dataplane::ports::identity::{Identities, IdentityError, Principal};
use tower::Layer;
use tower::util::BoxCloneSyncService;

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

/// A service in a box, so that all compositions are called alike.
pub type Stack = BoxCloneSyncService<Request<Body>, Response, Infallible>;

/// The handler: what is in memory, as for a hot segment.
fn handler(route: &str) -> Router {
    let body = Bytes::from(vec![0x47; 1_024]);
    Router::new().route(route, get(move || async move { body }))
}

/// The handler alone.
pub fn bare(route: &str) -> Stack {
    Stack::new(handler(route))
}

/// One layer around the handler, as the edge puts it.
pub fn with(layer: &str, route: &str) -> Stack {
    fn around<L>(layer: L, route: &str) -> Stack
    where
        L: Layer<Router>,
        L::Service: Serves,
    {
        Stack::new(layer.layer(handler(route)))
    }
    let (registry, limits) = (Registry::new(), limits());
    match layer {
        "arrival" => around(Layered(Arrivals), route),
        "trace" => around(Layered(Trace), route),
        "metrics" => {
            let families = Arc::new(Families::new(&registry).unwrap());
            around(Layered(Metrics(families)), route)
        }
        "client address" => {
            let trusted = TrustedProxies::parse(&limits.trusted_proxies).unwrap();
            around(Layered(trusted), route)
        }
        "load shed" => {
            let families = Arc::new(Families::new(&registry).unwrap());
            around(Shed::new(4_096, None, families, &registry).unwrap(), route)
        }
        "deadline" => around(Deadline::new(Duration::from_secs(30), &[]), route),
        "limits" => {
            let policies = Limit::policies(&limits, &registry).unwrap();
            let layer = |by| Layered(Limit::new(policies.clone(), by));
            let inner = layer(By::Principal).layer(handler(route));
            Stack::new(layer(By::Address).layer(inner))
        }
        "audit" => around(audit(), route),
        other => panic!("no layer {other}"),
    }
}

/// Every layer that [`with`] knows.
pub const LAYERS: [&str; 8] = [
    "arrival",
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
pub fn all(route: &str) -> Stack {
    let registry = Registry::new();
    let edge = Edge::new(&limits(), Arc::new(Nothing), audit(), None, &registry).unwrap();
    match route {
        PLAYBACK => Stack::new(edge.public(Router::new(), handler(route))),
        _ => Stack::new(edge.public(handler(route), Router::new())),
    }
}

/// A request as the accept loop hands it over, and as it has arrived.
pub fn request(route: &str) -> Request<Body> {
    let path = route
        .replace("{handle}", "abcdef")
        .replace("{file}", "v720.m3u8");
    let mut request = Request::get(path.replace("{id}", "c1"))
        .body(Body::empty())
        .unwrap();
    let peer: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    request.extensions_mut().insert(Peer::new(peer));
    let arrival = Arrival::of(&request);
    request.extensions_mut().insert(arrival);
    request
}
