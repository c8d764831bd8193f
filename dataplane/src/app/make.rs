//! Makes each role of what it needs, and of nothing else.

use std::sync::{Arc, OnceLock};

use kube::Client;
use prometheus::Registry;
use streamgate_contract::config::RoleConfig;

use super::roles::Ground;
use crate::adapters::alert_policies::KubernetesPolicies;
use crate::adapters::gate_pods::GatePods;
use crate::adapters::kubernetes::Kubernetes;
use crate::adapters::kubernetes::tokens::ClusterTokens;
use crate::adapters::moka_cache::Figures;
use crate::adapters::moka_cache::library::KeptLibrary;
use crate::adapters::prometheus_text::PrometheusText;
use crate::adapters::redis::RedisLimits;
use crate::adapters::redis::streams::RedisStreams;
use crate::adapters::webhook::HttpWebhooks;
use crate::config::cursor_key;
use crate::edge::Edge;
use crate::layers::audit::Audit;
use crate::layers::shed::idle::Idle;
use crate::ports::catalog::Catalog;
use crate::ports::catalog::reads::Direct;
use crate::ports::chain::Chain;
use crate::ports::clock::Clock;
use crate::ports::identity::{Entitlements, Identities};
use crate::ports::shared_streams::SharedStreams;
use crate::services::auth::{self, Auth};
use crate::services::metadata::cursor::CursorKey;
use crate::services::metadata::{self, Metadata};
use crate::services::monitor::{self, Monitor};
use crate::services::streaming::{self, Streaming};
use crate::services::upload::{self, UploadService};
use crate::services::worker::{self, Worker, desk::Desk, signature::UrlKey};
use crate::tokens::{Signer, Verifier};

/// Bytes of segments kept in memory; the measured default of the pod's memory limit allows it.
const SEGMENT_CACHE_BYTES: u64 = 256 << 20;

/// Time without work of the runtime's threads: there is one runtime in a process.
pub static IDLE: OnceLock<Arc<Idle>> = OnceLock::new();

/// The request path of a listener for people.
pub fn edge(
    config: &RoleConfig,
    identities: Arc<dyn Identities>,
    audit: Audit,
    registry: &Registry,
) -> anyhow::Result<Edge> {
    let idle = IDLE.get().cloned();
    let edge = Edge::new(&config.limits, identities, audit, idle, registry)?;
    let Some(path) = &config.limits.shared_store else {
        return Ok(edge);
    };
    let url = crate::config::read_url(path.as_ref())?;
    let store = RedisLimits::new(&url).map_err(anyhow::Error::from_boxed)?;
    Ok(edge.sharing(Arc::new(store), &config.gate.uid, registry)?)
}

/// What role `auth` asks.
pub struct Asked {
    /// Contents, nonces and sessions.
    pub catalog: Arc<dyn Catalog>,
    /// Blockchains.
    pub chain: Arc<dyn Chain>,
    /// Providers and services of others.
    pub outside: auth::Outside,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Role `auth`; the keys sign sessions and playback handles.
pub fn auth(
    asked: Asked,
    config: &RoleConfig,
    [session, playback]: &[Signer; 2],
    registry: &Registry,
) -> anyhow::Result<Auth> {
    let parts = auth::Parts {
        catalog: asked.catalog,
        chain: asked.chain,
        clock: asked.clock,
        outside: asked.outside,
        session_key: session.clone(),
        playback_key: playback.clone(),
    };
    Ok(Auth::new(parts, config, registry)?)
}

/// Where replicas of role `streaming` count streams together, if they do.
pub fn shared_streams(config: &RoleConfig) -> anyhow::Result<Option<Arc<dyn SharedStreams>>> {
    let Some(path) = &config.limits.shared_store else {
        return Ok(None);
    };
    let url = crate::config::read_url(path.as_ref())?;
    let store = RedisStreams::new(&url, &config.gate.uid).map_err(anyhow::Error::from_boxed)?;
    Ok(Some(Arc::new(store)))
}

/// Role `streaming`.
pub fn streaming(
    on: &Ground,
    config: &RoleConfig,
    (key, shared_streams): (&Verifier, Option<Arc<dyn SharedStreams>>),
    entitlements: Arc<dyn Entitlements>,
    registry: &Registry,
) -> anyhow::Result<Streaming> {
    let parts = streaming::Parts {
        catalog: on.catalog.clone(),
        objects: on.objects.clone(),
        entitlements,
        clock: on.clock.clone(),
        playback_key: key.clone(),
        public_url: config.public_url.clone(),
        cache_bytes: SEGMENT_CACHE_BYTES,
        settings: config.playback.clone(),
        shared_streams,
    };
    Ok(Streaming::new(parts, registry)?)
}

/// Role `metadata`; the key of its cursors is derived from `key`, and what it keeps is counted in
/// `figures`.
pub fn metadata(on: &Ground, config: &RoleConfig, key: &[u8; 32], figures: Figures) -> Metadata {
    let direct = Arc::new(Direct(on.catalog.clone()));
    let parts = metadata::Parts {
        catalog: on.catalog.clone(),
        reads: Arc::new(KeptLibrary::new(direct, on.catalog.clone(), figures)),
        objects: on.objects.clone(),
        clock: on.clock.clone(),
        cursor_key: CursorKey::new(cursor_key(key)),
    };
    Metadata::new(parts, &config.rules, config.default_rule.clone())
}

/// Role `upload`; the key of its cursors is derived from `key`.
pub fn upload(
    on: &Ground,
    config: &RoleConfig,
    key: &[u8; 32],
    registry: &Registry,
) -> anyhow::Result<UploadService> {
    let settings = upload::Settings {
        max_upload_bytes: config.limits.max_upload_bytes,
        limits: config.limits.uploads.clone(),
        rules: config.rules.clone(),
        default_rule: config.default_rule.clone(),
        cursor_key: CursorKey::new(cursor_key(key)),
        read_early: config.transcode.while_uploading,
    };
    let objects = on.objects.clone();
    // The upload role needs but a part of the catalog.
    let uploads = on.catalog.clone();
    Ok(UploadService::new(
        objects,
        uploads,
        on.clock.clone(),
        settings,
        registry,
    )?)
}

/// TranscodeJobs of the gate's namespace and of those it allows.
pub fn jobs(client: &Client, config: &RoleConfig) -> Kubernetes {
    let allowed = config.gate.allowed_namespaces.iter().cloned();
    let own = std::iter::once(config.gate.namespace.clone());
    Kubernetes::new(client.clone(), own.chain(allowed))
}

/// Role `worker`; `key` signs URLs of stores that cannot.
pub fn worker(
    client: &Client,
    on: &Ground,
    config: &RoleConfig,
    key: &[u8; 32],
    jobs: Arc<Kubernetes>,
    registry: &Registry,
) -> anyhow::Result<Worker> {
    let audience = config.gate.uid.clone();
    let parts = worker::Parts {
        catalog: on.catalog.clone(),
        objects: on.objects.clone(),
        jobs,
        tokens: Arc::new(ClusterTokens::new(
            client.clone(),
            audience,
            on.clock.clone(),
        )),
        clock: on.clock.clone(),
        url_key: UrlKey::new(key.to_vec())?,
    };
    Ok(Worker::new(parts, config, registry)?)
}

/// What people ask of role `worker`; the key of its cursors is derived from `key`.
pub fn desk(
    on: &Ground,
    config: &RoleConfig,
    key: &[u8; 32],
    jobs: Arc<Kubernetes>,
    registry: &Registry,
) -> anyhow::Result<Desk> {
    let parts = worker::desk::Parts {
        catalog: on.catalog.clone(),
        objects: on.objects.clone(),
        jobs,
        clock: on.clock.clone(),
        cursor_key: CursorKey::new(cursor_key(key)),
    };
    Ok(Desk::new(parts, config, registry)?)
}

/// AlertPolicies of this gate, and Events on them in the name of this pod.
pub fn policies(client: &Client, config: &RoleConfig) -> KubernetesPolicies {
    let gate = &config.gate;
    let pod = std::env::var("HOSTNAME").unwrap_or_else(|_| gate.name.clone());
    KubernetesPolicies::new(client.clone(), &gate.namespace, &gate.name, &pod)
}

/// Role `monitor`.
pub fn monitor(
    client: &Client,
    (catalog, clock): (Arc<dyn Catalog>, Arc<dyn Clock>),
    config: &RoleConfig,
    key: &[u8; 32],
    policies: Arc<KubernetesPolicies>,
    registry: &Registry,
) -> anyhow::Result<Monitor> {
    let gate = &config.gate;
    let parts = monitor::Parts {
        events: policies.clone(),
        policies,
        gate: Arc::new(GatePods::new(client.clone(), &gate.namespace, &gate.name)),
        scraper: Arc::new(PrometheusText::new().map_err(anyhow::Error::from_boxed)?),
        webhooks: Arc::new(HttpWebhooks::new().map_err(anyhow::Error::from_boxed)?),
        alarms: catalog,
        cursor_key: CursorKey::new(cursor_key(key)),
        clock,
        bounds: monitor::Bounds::default(),
        scrape_interval: monitor::SCRAPE_INTERVAL,
    };
    Ok(Monitor::new(parts, registry)?)
}
