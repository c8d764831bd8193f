//! The roles of this process, made of adapters, and what they serve.

use std::path::Path;
use std::sync::Arc;

use prometheus::Registry;
use streamgate_contract::config::RoleConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::make::{
    Asked, auth, desk, edge, jobs, metadata, monitor, policies, streaming, upload, worker,
};
use super::token_keys::{self, TokenKeys};
use crate::adapters::alert_policies::KubernetesPolicies;
use crate::adapters::kubernetes::Kubernetes;
use crate::adapters::moka_cache::Families;
use crate::adapters::moka_cache::bytes::MokaCaches;
use crate::adapters::recent_events::RecentLog;
use crate::config::{Keys, audit_key, cursor_key};
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
use crate::services::worker::{self, Worker, desk::Desk};
use crate::tokens::Verifier;

/// What most roles work on.
#[derive(Clone)]
pub struct Ground {
    /// The store.
    pub objects: Arc<dyn Objects>,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What the roles work on.
#[derive(Clone)]
pub struct Adapters {
    /// Store, catalog and time.
    pub ground: Ground,
    /// Blockchains.
    pub chain: Arc<dyn Chain>,
    /// What moves on them.
    pub moves: Arc<dyn Moves>,
    /// Providers and services of others.
    pub outside: auth::Outside,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
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
    desk: Arc<Desk>,
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
        let signers = token_keys::signers_of(keys)?;
        let verifier = Verifier::from_pem(&keys.playback_public)?;
        let ground = &on.ground;
        let (catalog, clock) = (ground.catalog.clone(), ground.clock.clone());
        let asked = Asked {
            catalog: catalog.clone(),
            chain: on.chain.clone(),
            outside: on.outside.clone(),
            clock: clock.clone(),
        };
        let auth = Arc::new(auth(asked, config, &signers, registry)?);
        let plays = Arc::new(CountedEntitlements::new(
            auth.clone(),
            catalog,
            clock.clone(),
        ));
        let families = Families::new(registry)?;
        let caches = Arc::new(MokaCaches(families.of("service")));
        let client = &on.client;
        let jobs = Arc::new(jobs(client, config));
        let policies = Arc::new(policies(client, config));
        let monitor = monitor(
            client,
            (ground.catalog.clone(), clock),
            config,
            &keys.object_url,
            policies.clone(),
            registry,
        )?;
        let worker = worker(
            client,
            ground,
            config,
            &keys.object_url,
            jobs.clone(),
            registry,
        )?;
        let desk = desk(ground, config, &keys.object_url, jobs.clone(), registry)?;
        Ok(Self {
            monitor: Arc::new(monitor),
            policies,
            audit: on.audit.clone(),
            cache: Arc::new(CacheService::new(caches)),
            desk: Arc::new(desk),
            worker: Arc::new(worker),
            jobs,
            streaming: Arc::new(streaming(
                ground,
                config,
                // One process: what it counts is all there is.
                (&verifier, None),
                plays.clone(),
                registry,
            )?),
            upload: Arc::new(upload(ground, config, &keys.object_url, registry)?),
            metadata: Arc::new(metadata(
                ground,
                config,
                &keys.object_url,
                families.of("metadata"),
            )),
            auth,
            plays,
            moves: on.moves,
            keys: TokenKeys {
                signers: Some(signers),
                verifier: Some(verifier),
            },
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
        let log = Arc::new(RecentLog::new(self.audit.clone()));
        let audit = Audit::new(log.clone(), &config.audit, key);
        let cursors = CursorKey::new(cursor_key(&keys.object_url));
        let chains = self.auth.clone();
        let gateway = Arc::new(Gateway::new((checks, chains), log, cursors));
        let edge = edge(config, self.auth.clone(), audit, registry)?;
        let api = auth::http::routes(self.auth.clone())
            .merge(cache::http::routes(self.cache.clone()))
            .merge(gateway::http::routes(gateway))
            .merge(metadata::http::routes(self.metadata.clone()))
            .merge(monitor::http::routes(self.monitor.clone()))
            .merge(upload::http::routes(self.upload.clone()))
            .merge(worker::http::routes(self.desk.clone()));
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
        tasks.spawn(self.desk.clone().run(stop.clone()));
        tasks.spawn(self.monitor.clone().run(stop.clone()));
        tasks.spawn(self.metadata.clone().run(stop.clone()));
        tasks.spawn(self.plays.clone().run(stop.clone()));
        let (jobs, ended) = (self.jobs.clone(), stop.clone());
        tasks.spawn(async move { jobs.run(ended).await });
        let (policies, ended) = (self.policies.clone(), stop.clone());
        tasks.spawn(async move { policies.run(ended).await });
    }
}
