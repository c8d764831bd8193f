//! Every role in one process: configuration → adapters → roles → listeners, and the way back
//! when the process is told to end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus::Registry;
use streamgate_contract::config::{Database, RoleConfig, Storage};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::AllArgs;
use super::roles::{Adapters, Ground, Roles};
use crate::adapters::access_webhook::HttpHooks;
use crate::adapters::audit_files::{self, AuditFiles};
use crate::adapters::ethereum::Ethereum;
use crate::adapters::filesystem::Filesystem;
use crate::adapters::openid::OpenId;
use crate::adapters::postgres::PostgresCatalog;
use crate::adapters::s3::{Bucket, S3};
use crate::adapters::solana::Clusters;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::adapters::system_clock::SystemClock;
use crate::config::{self, Keys};
use crate::health::{self, Health, Needs};
use crate::layers::audit::Audit;
use crate::ports::Source;
use crate::ports::catalog::Catalog;
use crate::ports::clock::Clock;
use crate::ports::objects::Objects;
use crate::server::tls::Certificate;
use crate::server::{Listener, serve};
use crate::services::auth::Outside;

/// Time between saying "not ready" and refusing connections, so that nobody is sent here any more.
const FAREWELL: Duration = Duration::from_secs(3);

/// Serves until `terminated`, then drains.
///
/// # Errors
/// When configuration, keys, store, database or ports are not as they must be.
pub async fn run(args: AllArgs, terminated: impl Future<Output = ()>) -> anyhow::Result<()> {
    let config = config::read(&args.config)?;
    super::log(&config.log);
    let keys = config::read_keys(&args.keys)?;
    let registry = Registry::new();
    let adapters = adapters(&config, &args, &keys, &registry).await?;
    let catalog = adapters.ground.catalog.clone();
    let roles = Roles::new(adapters, &config, &keys, &registry)?;
    let figures = super::figures(&registry, &args.audit)?;
    let needs = Needs {
        catalog: Some(catalog),
        streaming: Some(roles.streaming()),
    };
    let health = Health::new(needs, registry.clone(), figures)?;

    let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
    let tasks = TaskTracker::new();
    tasks.spawn(serve(
        listen(args.admin).await?,
        health::routes(health.clone()),
        health.connections("admin"),
        stop.clone(),
    ));
    let (public, internal) = roles.routes(&config, &keys, &registry, health.clone())?;
    tasks.spawn(serve(
        public_listener(&config, &args, &tasks, &stop).await?,
        public,
        health.connections("public"),
        drain.clone(),
    ));
    tasks.spawn(serve(
        listen(args.internal).await?,
        internal,
        health.connections("internal"),
        drain.clone(),
    ));
    roles.start(&args.keys, &tasks, &stop);
    health.serving();
    tracing::info!(gate = config.gate.name, "serving");

    terminated.await;
    tracing::info!("draining");
    health.draining();
    tokio::time::sleep(FAREWELL).await;
    drain.cancel();
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(())
}

async fn adapters(
    config: &RoleConfig,
    args: &AllArgs,
    keys: &Keys,
    registry: &Registry,
) -> anyhow::Result<Adapters> {
    let clock = Arc::new(SystemClock);
    let chain = Ethereum::new(&config.chains, clock.clone(), registry);
    let chain = Arc::new(chain.map_err(anyhow::Error::from_boxed)?);
    let client = kube::Client::try_default().await;
    Ok(Adapters {
        ground: Ground {
            objects: objects(&config.storage, args)?,
            catalog: catalog(&config.database).await?,
            clock: clock.clone(),
        },
        chain: chain.clone(),
        moves: chain,
        outside: outside(config, args, clock, registry).map_err(anyhow::Error::from_boxed)?,
        audit: Arc::new(audit(config, &args.audit, &keys.object_url, registry)?),
        client: client.context("cannot reach the Kubernetes API; check the service account")?,
    })
}

/// Providers, chains and services of others, which auth asks.
pub(super) fn outside(
    config: &RoleConfig,
    args: &AllArgs,
    clock: Arc<dyn Clock>,
    registry: &Registry,
) -> Result<Outside, Source> {
    Ok(Outside {
        solana: Arc::new(Clusters::new(&config.solana, clock, registry)?),
        providers: Arc::new(OpenId::new(&config.auth.oidc, &args.oidc_secrets)?),
        hooks: Arc::new(HttpHooks::new(&config.webhooks, &config.public_url)?),
    })
}

fn audit(
    config: &RoleConfig,
    folder: &Path,
    key: &[u8; 32],
    registry: &Registry,
) -> anyhow::Result<AuditFiles> {
    let settings = audit_files::Settings::of(&config.audit, config::audit_key(key));
    let log = AuditFiles::open(folder, settings, audit_files::Figures::new(registry)?);
    log.with_context(|| format!("cannot use the folder {}", folder.display()))
}

/// The layer that writes the audit log in `folder`; its key is derived from `key`.
pub(super) fn audit_layer(
    config: &RoleConfig,
    folder: &Path,
    key: &[u8; 32],
    registry: &Registry,
) -> anyhow::Result<Audit> {
    let log = Arc::new(audit(config, folder, key, registry)?);
    Ok(Audit::new(log, &config.audit, config::audit_key(key)))
}

/// The store.
pub(super) fn objects(storage: &Storage, args: &AllArgs) -> anyhow::Result<Arc<dyn Objects>> {
    Ok(match storage {
        Storage::Filesystem { path } => {
            let opened = Filesystem::open(path);
            Arc::new(opened.with_context(|| format!("cannot use the folder {path}"))?)
        }
        Storage::S3 {
            bucket,
            region,
            endpoint,
            force_path_style,
        } => Arc::new(S3::new(Bucket {
            name: bucket.clone(),
            region: region.clone(),
            endpoint: endpoint.clone(),
            force_path_style: *force_path_style,
            credentials: args.s3_credentials.clone(),
        })),
    })
}

/// The catalog.
pub(super) async fn catalog(database: &Database) -> anyhow::Result<Arc<dyn Catalog>> {
    Ok(match database {
        Database::Sqlite { path } => {
            let catalog = Sqlite3Catalog::open(path.as_ref()).await;
            Arc::new(catalog.with_context(|| format!("cannot open {path}"))?)
        }
        Database::Postgres {
            url_file,
            connections,
        } => {
            let url = config::read_url(url_file.as_ref())?;
            let catalog = PostgresCatalog::open_with(&url, *connections).await;
            Arc::new(catalog.with_context(|| format!("cannot use the database of {url_file}"))?)
        }
    })
}

/// The public listener; with TLS when the configuration says so.
pub(super) async fn public_listener(
    config: &RoleConfig,
    args: &AllArgs,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Listener> {
    let socket = listen(args.public).await?;
    if !config.serve_tls {
        return Ok(socket.into());
    }
    let certificate = Certificate::read(&args.tls)?;
    tasks.spawn(certificate.clone().run(stop.clone()));
    Ok(Listener::with_tls(socket, certificate.acceptor()?))
}

/// A socket that listens.
pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen on {address}"))
}
