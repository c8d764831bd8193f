//! The roles of this process, made of adapters, and what they serve.

use std::path::Path;
use std::sync::Arc;

use prometheus::Registry;
use streamgate_contract::config::RoleConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::token_keys::TokenKeys;
use crate::adapters::alert_policies::KubernetesPolicies;
use crate::adapters::gate_pods::GatePods;
use crate::adapters::kubernetes::Kubernetes;
use crate::adapters::kubernetes::tokens::ClusterTokens;
use crate::adapters::moka_cache::Families;
use crate::adapters::moka_cache::bytes::MokaCaches;
use crate::adapters::prometheus_text::PrometheusText;
use crate::adapters::redis::RedisLimits;
use crate::adapters::webhook::HttpWebhooks;
use crate::config::{Keys, audit_key, cursor_key};
use crate::edge::Edge;
use crate::layers::around::Serves;
use crate::layers::audit::Audit;
use crate::ports::audit_log::AuditLog;
use crate::ports::catalog::Catalog;
use crate::ports::chain::Chain;
use crate::ports::chain::moves::Moves;
use crate::ports::clock::Clock;
use crate::ports::objects::Objects;
use crate::services::auth::{self, Auth};
use crate::services::cache::{self, CacheService};
use crate::services::gateway::{self, Gateway};
use crate::services::metadata::cursor::CursorKey;
use crate::services::metadata::plays::CountedEntitlements;
use crate::services::metadata::{self, Metadata};
use crate::services::monitor::{self, Monitor};
use crate::services::streaming::{self, Streaming};
use crate::services::upload::{self, UploadService};
use crate::services::worker::{self, Worker, signature::UrlKey};

/// Bytes of segments kept in memory; the measured default of the pod's memory limit allows it.
const SEGMENT_CACHE_BYTES: u64 = 256 << 20;

/// What the roles work on.
#[derive(Clone)]
pub struct Adapters {
    /// The store.
    pub objects: Arc<dyn Objects>,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// Blockchains.
    pub chain: Arc<dyn Chain>,
    /// What moves on them.
    pub moves: Arc<dyn Moves>,
    /// Providers and services of others.
    pub outside: auth::Outside,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The Kubernetes API.
    pub client: kube::Client,
}

/// Every role.
pub struct Roles {
    audit: Arc<dyn AuditLog>,
    auth: Arc<Auth>,
    plays: Arc<CountedEntitlements>,
    moves: Arc<dyn Moves>,
    cache: Arc<CacheService>,
    metadata: Arc<Metadata>,
    streaming: Arc<Streaming>,
    upload: Arc<UploadService>,
    jobs: Arc<Kubernetes>,
    worker: Arc<Worker>,
    policies: Arc<KubernetesPolicies>,
    monitor: Arc<Monitor>,
    keys: TokenKeys,
}

impl Roles {
    /// Makes them.
    ///
    /// # Errors
    /// When a key is not valid.
    pub fn new(
        on: Adapters,
        config: &RoleConfig,
        keys: &Keys,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let tokens = TokenKeys::new(keys)?;
        let auth = Arc::new(auth(&on, config, &tokens, registry)?);
        let (catalog, clock) = (on.catalog.clone(), on.clock.clone());
        let plays = Arc::new(CountedEntitlements::new(auth.clone(), catalog, clock));
        let caches = Families::new(registry)?;
        let caches = Arc::new(MokaCaches(caches.of("service")));
        let jobs = Arc::new(jobs(&on, config));
        let policies = Arc::new(policies(&on, config));
        Ok(Self {
            monitor: Arc::new(monitor(&on, config, policies.clone(), registry)?),
            policies,
            audit: on.audit.clone(),
            cache: Arc::new(CacheService::new(caches)),
            worker: Arc::new(worker(&on, config, keys, jobs.clone(), registry)?),
            jobs,
            streaming: Arc::new(streaming(&on, config, &tokens, plays.clone(), registry)?),
            upload: Arc::new(upload(&on, config, registry)?),
            metadata: Arc::new(metadata(&on, config, keys)),
            auth,
            plays,
            moves: on.moves,
            keys: tokens,
        })
    }

    /// What the public and the internal listener serve.
    ///
    /// # Errors
    /// When metrics are registered already.
    pub fn routes(
        &self,
        config: &RoleConfig,
        keys: &Keys,
        registry: &Registry,
        checks: Arc<dyn gateway::Checks>,
    ) -> anyhow::Result<(impl Serves + use<>, impl Serves + use<>)> {
        let key = audit_key(&keys.object_url);
        let audit = Audit::new(self.audit.clone(), &config.audit, key);
        let mut edge = Edge::new(&config.limits, self.auth.clone(), audit, registry)?;
        if let Some(path) = &config.limits.shared_store {
            let url = crate::config::read_url(path.as_ref())?;
            let store = RedisLimits::new(&url).map_err(anyhow::Error::from_boxed)?;
            edge = edge.sharing(Arc::new(store), &config.gate.uid, registry)?;
        }
        let api = auth::http::routes(self.auth.clone())
            .merge(cache::http::routes(self.cache.clone()))
            .merge(gateway::http::routes(Arc::new(Gateway::new(checks))))
            .merge(metadata::http::routes(self.metadata.clone()))
            .merge(upload::http::routes(self.upload.clone()));
        let playback = streaming::http::service(self.streaming.clone());
        Ok((
            edge.public(api, playback),
            edge.internal(worker::http::internal_routes(self.worker.clone())),
        ))
    }

    /// The role whose readiness is the process's.
    pub fn streaming(&self) -> Arc<Streaming> {
        self.streaming.clone()
    }

    /// Starts what the roles do without being asked; `keys` is the folder of the keys.
    pub fn start(&self, keys: &Path, tasks: &TaskTracker, stop: &CancellationToken) {
        tasks.spawn(self.keys.clone().follow(keys.to_owned(), stop.clone()));
        let (auth, moves) = (self.auth.clone(), self.moves.clone());
        tasks.spawn(auth.watch(moves, stop.clone()));
        tasks.spawn(self.streaming.clone().run(stop.clone()));
        tasks.spawn(self.upload.clone().run(stop.clone()));
        tasks.spawn(self.worker.clone().run(stop.clone()));
        tasks.spawn(self.monitor.clone().run(stop.clone()));
        tasks.spawn(self.metadata.clone().run(stop.clone()));
        tasks.spawn(self.plays.clone().run(stop.clone()));
        let (jobs, ended) = (self.jobs.clone(), stop.clone());
        tasks.spawn(async move { jobs.run(ended).await });
        let (policies, ended) = (self.policies.clone(), stop.clone());
        tasks.spawn(async move { policies.run(ended).await });
    }
}

fn auth(
    on: &Adapters,
    config: &RoleConfig,
    keys: &TokenKeys,
    registry: &Registry,
) -> anyhow::Result<Auth> {
    let parts = auth::Parts {
        catalog: on.catalog.clone(),
        chain: on.chain.clone(),
        clock: on.clock.clone(),
        outside: on.outside.clone(),
        session_key: keys.session.clone(),
        playback_key: keys.playback.clone(),
    };
    Ok(Auth::new(parts, config, registry)?)
}

fn streaming(
    on: &Adapters,
    config: &RoleConfig,
    keys: &TokenKeys,
    entitlements: Arc<CountedEntitlements>,
    registry: &Registry,
) -> anyhow::Result<Streaming> {
    let parts = streaming::Parts {
        catalog: on.catalog.clone(),
        objects: on.objects.clone(),
        entitlements,
        clock: on.clock.clone(),
        playback_key: keys.playback_public.clone(),
        public_url: config.public_url.clone(),
        cache_bytes: SEGMENT_CACHE_BYTES,
        settings: config.playback.clone(),
    };
    Ok(Streaming::new(parts, registry)?)
}

fn metadata(on: &Adapters, config: &RoleConfig, keys: &Keys) -> Metadata {
    let parts = metadata::Parts {
        catalog: on.catalog.clone(),
        objects: on.objects.clone(),
        clock: on.clock.clone(),
        cursor_key: CursorKey::new(cursor_key(&keys.object_url)),
    };
    Metadata::new(parts, &config.rules, config.default_rule.clone())
}

fn upload(
    on: &Adapters,
    config: &RoleConfig,
    registry: &Registry,
) -> anyhow::Result<UploadService> {
    let settings = upload::Settings {
        max_upload_bytes: config.limits.max_upload_bytes,
        limits: config.limits.uploads.clone(),
        rules: config.rules.clone(),
        default_rule: config.default_rule.clone(),
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
fn jobs(on: &Adapters, config: &RoleConfig) -> Kubernetes {
    let allowed = config.gate.allowed_namespaces.iter().cloned();
    let own = std::iter::once(config.gate.namespace.clone());
    Kubernetes::new(on.client.clone(), own.chain(allowed))
}

fn worker(
    on: &Adapters,
    config: &RoleConfig,
    keys: &Keys,
    jobs: Arc<Kubernetes>,
    registry: &Registry,
) -> anyhow::Result<Worker> {
    let audience = config.gate.uid.clone();
    let parts = worker::Parts {
        catalog: on.catalog.clone(),
        objects: on.objects.clone(),
        jobs,
        tokens: Arc::new(ClusterTokens::new(
            on.client.clone(),
            audience,
            on.clock.clone(),
        )),
        clock: on.clock.clone(),
        url_key: UrlKey::new(keys.object_url.to_vec())?,
    };
    Ok(Worker::new(parts, config, registry)?)
}

/// AlertPolicies of this gate, and Events on them in the name of this pod.
fn policies(on: &Adapters, config: &RoleConfig) -> KubernetesPolicies {
    let gate = &config.gate;
    let pod = std::env::var("HOSTNAME").unwrap_or_else(|_| gate.name.clone());
    KubernetesPolicies::new(on.client.clone(), &gate.namespace, &gate.name, &pod)
}

fn monitor(
    on: &Adapters,
    config: &RoleConfig,
    policies: Arc<KubernetesPolicies>,
    registry: &Registry,
) -> anyhow::Result<Monitor> {
    let gate = &config.gate;
    let parts = monitor::Parts {
        events: policies.clone(),
        policies,
        gate: Arc::new(GatePods::new(
            on.client.clone(),
            &gate.namespace,
            &gate.name,
        )),
        scraper: Arc::new(PrometheusText::new().map_err(anyhow::Error::from_boxed)?),
        webhooks: Arc::new(HttpWebhooks::new().map_err(anyhow::Error::from_boxed)?),
        clock: on.clock.clone(),
        bounds: monitor::Bounds::default(),
        scrape_interval: monitor::SCRAPE_INTERVAL,
    };
    Ok(Monitor::new(parts, registry)?)
}
