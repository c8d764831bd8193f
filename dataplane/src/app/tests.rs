//! The whole process as it is composed, without its Kubernetes API: what it counts.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use streamgate_contract::audit::AuditMode;
use streamgate_contract::config::RoleConfig;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::roles::{Adapters, Ground, Roles};
use super::*;
use crate::adapters::audit_files::{self, AuditFiles};
use crate::adapters::ethereum::Ethereum;
use crate::adapters::filesystem::Filesystem;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::adapters::system_clock::SystemClock;
use crate::config::Keys;
use crate::health::{Health, Needs};
use crate::layers::client_address::Peer;
use crate::services::auth::{Outside, fixture};

mod admin;
mod gateway;
mod monitor;
mod refusals;
mod tokens;

type Listener = BoxCloneSyncService<Request<Body>, Response, Infallible>;

struct Process {
    registry: Registry,
    catalog: Arc<Sqlite3Catalog>,
    objects: Arc<Filesystem>,
    public: Listener,
    internal: Listener,
    roles: Roles,
    health: Arc<Health>,
    _folder: tempfile::TempDir,
}

fn keys() -> Keys {
    let key = |seed| SigningKey::from_bytes(&[seed; 32]);
    let private = |seed| {
        key(seed)
            .to_pkcs8_pem(Default::default())
            .unwrap()
            .to_string()
    };
    let public = key(2).verifying_key().to_public_key_pem(Default::default());
    Keys {
        session: private(1),
        session_public: None,
        playback: private(2),
        playback_public: public.unwrap(),
        object_url: [3; 32],
    }
}

async fn process() -> Process {
    let config = fixture::config("http://127.0.0.1:9", 1);
    process_with(config, Outside::nobody(), "http://127.0.0.1:9").await
}

/// A process of this configuration with a Kubernetes API at `cluster`.
async fn process_with(mut config: RoleConfig, outside: Outside, cluster: &str) -> Process {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    config.limits.requests_per_second = 1_000_000;
    config.limits.request_burst = 1_000_000;
    config.audit.mode = AuditMode::Batch;
    let keys = keys();
    let settings = audit_files::Settings::of(&config.audit, [0; 32]);
    let figures = audit_files::Figures::new(&registry).unwrap();
    let audit = AuditFiles::open(&folder.path().join("audit"), settings, figures);
    let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await;
    let catalog = Arc::new(catalog.unwrap());
    let clock = Arc::new(SystemClock);
    let chain = Ethereum::new(&config.chains, clock.clone(), &registry);
    let chain = Arc::new(chain.unwrap());
    let cluster = kube::Config::new(cluster.parse().unwrap());
    let objects = Arc::new(Filesystem::open(folder.path().join("objects")).unwrap());
    let on = Adapters {
        ground: Ground {
            objects: objects.clone(),
            catalog: catalog.clone(),
            clock,
        },
        chain: chain.clone(),
        moves: chain,
        outside,
        audit: Arc::new(audit.unwrap()),
        client: kube::Client::try_from(cluster).unwrap(),
    };
    let roles = Roles::new(on, &config, &keys, &registry).unwrap();
    let read = super::figures(&registry, folder.path()).unwrap();
    let needs = Needs {
        catalog: Some(catalog.clone()),
        streaming: Some(roles.streaming()),
    };
    let health = Health::new(needs, registry.clone(), read).unwrap();
    let (public, internal) = roles
        .routes(&config, &keys, &registry, health.clone())
        .unwrap();
    Process {
        registry,
        catalog,
        objects,
        roles,
        public: Listener::new(public),
        internal: Listener::new(internal),
        health,
        _folder: folder,
    }
}

/// Series of each family, histograms with all their buckets.
fn series(registry: &Registry) -> BTreeMap<String, usize> {
    let text = prometheus::TextEncoder::new();
    let text = text.encode_to_string(&registry.gather()).unwrap();
    let mut series = BTreeMap::new();
    let mut family = String::new();
    for line in text.lines() {
        match line.strip_prefix("# TYPE ") {
            Some(typed) => family = typed.split(' ').next().unwrap_or_default().to_owned(),
            None if line.starts_with('#') => {}
            None => *series.entry(family.clone()).or_default() += 1,
        }
    }
    series
}

async fn attack(router: &Listener, n: usize) {
    let paths = [
        format!("/x{n}"),
        format!("/api/v1/contents/c{n}"),
        format!("/v/h{n}/f{n}.m3u8"),
        format!("/v/h{n}/t{n}/f{n}"),
        "/api/v1/auth/profile".to_owned(),
        format!("/internal/v1/objects/o{n}"),
    ];
    let own = format!("M{n}");
    let methods = ["GET", "DELETE", "BREW", own.as_str(), "POST", "OPTIONS"];
    let request = Request::builder()
        .method(methods[n / 7 % methods.len()])
        .uri(paths[n % paths.len()].as_str())
        .header("x-request-id", format!("id-{n}"))
        .header("authorization", format!("Bearer forged-{n}"))
        .header("user-agent", format!("agent-{n}"));
    let mut request = request.body(Body::empty()).unwrap();
    let peer = format!("10.{}.{}.1:1", n / 256 % 256, n % 256)
        .parse()
        .unwrap();
    request.extensions_mut().insert(Peer::new(peer));
    let response = router.clone().oneshot(request).await.unwrap();
    assert!(response.status().as_u16() >= 200);
}

#[tokio::test]
async fn every_family_is_there_from_the_start_and_no_caller_adds_a_series() {
    let process = process().await;
    let before = series(&process.registry);
    for (family, count) in &before {
        println!("{count:4} {family}");
    }
    let total: usize = before.values().sum();
    println!("{} families, {total} series", before.len());
    assert!(before.len() >= 50, "{} families", before.len());
    for n in 0..6_000 {
        attack(&process.public, n).await;
        if n % 10 == 0 {
            attack(&process.internal, n).await;
        }
    }
    let after = series(&process.registry);
    let grown: Vec<_> = after
        .iter()
        .filter(|(f, n)| before.get(*f) != Some(n))
        .collect();
    assert!(grown.is_empty(), "series were added: {grown:?}");
    assert!(total <= 1_000, "{total} series");
}

#[tokio::test]
async fn what_the_inventory_asks_for_is_counted() {
    let process = process().await;
    let families = series(&process.registry);
    for wanted in [
        // Requests and the service.
        "streamgate_http_requests_total",
        "streamgate_http_request_duration_seconds",
        "streamgate_http_refusals_total",
        "streamgate_limit_requests_total",
        "streamgate_service_ready",
        "streamgate_service_uptime_seconds",
        "streamgate_connections_active",
        "streamgate_service_error_ratio",
        "streamgate_service_success_ratio",
        // What is done.
        "streamgate_streaming_cache_requests_total",
        "streamgate_upload_uploads_total",
        "streamgate_transcode_jobs",
        "streamgate_worker_commits_total",
        "streamgate_auth_chain_questions_total",
        "streamgate_streaming_admissions_total",
        "streamgate_audit_records_total",
        "streamgate_monitor_notifications_total",
        // What it runs on.
        "streamgate_build_info",
        "process_resident_memory_bytes",
        "streamgate_cgroup_memory_bytes",
        "streamgate_runtime_tasks",
    ] {
        assert!(families.contains_key(wanted), "{wanted} is missing");
    }
}
