//! Each role behind the gateway, made of what it needs and of nothing else: auth alone reads the keys
//! that sign, and has no store; streaming reads the public one; those with lists
//! read the one that cursors are signed by; cache reads none.

use std::sync::Arc;

use axum::Router;
use streamgate_contract::roles::Role;

use super::super::roles::Ground;
use super::super::token_keys::{self, TokenKeys};
use super::super::{all, make};
use super::{Made, Start};
use crate::adapters::ethereum::Ethereum;
use crate::adapters::moka_cache::Families;
use crate::adapters::moka_cache::bytes::MokaCaches;
use crate::config;
use crate::health::Needs;
use crate::ports::catalog::Catalog;
use crate::services::auth::remote::{RemoteEntitlements, RemoteIdentities};
use crate::services::cache::CacheService;
use crate::services::metadata::plays::CountedEntitlements;
use crate::services::{auth, cache, metadata, monitor, streaming, upload, worker};

type Result<T> = anyhow::Result<T>;

/// Makes a role.
pub(super) async fn made(role: Role, start: &Start<'_>) -> Result<Made> {
    match role {
        Role::Auth => auth_role(start).await,
        Role::Upload => upload_role(start).await,
        Role::Metadata => metadata_role(start).await,
        Role::Streaming => streaming_role(start).await,
        Role::Cache => cache_role(start),
        Role::Worker => worker_role(start).await,
        Role::Monitor => monitor_role(start).await,
        Role::All | Role::Gateway => anyhow::bail!("role {role} is not one behind the gateway"),
    }
}

impl Start<'_> {
    async fn catalog(&self) -> Result<Arc<dyn Catalog>> {
        all::catalog(&self.config.database).await
    }

    async fn ground(&self) -> Result<Ground> {
        Ok(Ground {
            objects: all::objects(&self.config.storage, self.args)?,
            catalog: self.catalog().await?,
            clock: self.clock.clone(),
        })
    }

    /// Sessions, as auth knows them.
    fn identities(&self) -> Result<Arc<RemoteIdentities>> {
        Ok(Arc::new(RemoteIdentities::new(self.roles()?)))
    }

    fn follow(&self, keys: TokenKeys) -> futures::future::BoxFuture<'static, ()> {
        Box::pin(keys.follow(self.args.keys.clone(), self.stop.clone()))
    }
}

fn needs(catalog: &Arc<dyn Catalog>) -> Needs {
    Needs {
        catalog: Some(catalog.clone()),
        streaming: None,
    }
}

async fn auth_role(start: &Start<'_>) -> Result<Made> {
    let catalog = start.catalog().await?;
    let chain = Ethereum::new(&start.config.chains, start.clock.clone(), start.registry);
    let chain = Arc::new(chain.map_err(anyhow::Error::from_boxed)?);
    let signers = token_keys::signers(&start.args.keys)?;
    let outside = all::outside(
        start.config,
        start.args,
        start.clock.clone(),
        start.registry,
    );
    let asked = make::Asked {
        catalog: catalog.clone(),
        chain: chain.clone(),
        outside: outside.map_err(anyhow::Error::from_boxed)?,
        clock: start.clock.clone(),
    };
    let role = Arc::new(make::auth(asked, start.config, &signers, start.registry)?);
    let keys = TokenKeys {
        signers: Some(signers),
        verifier: None,
    };
    Ok(Made {
        api: auth::http::routes(role.clone()),
        questions: auth::http::roles::routes(role.clone()),
        identities: Some(role.clone()),
        needs: needs(&catalog),
        work: vec![
            start.follow(keys),
            Box::pin(role.watch(chain, start.stop.clone())),
        ],
        ..Made::default()
    })
}

async fn upload_role(start: &Start<'_>) -> Result<Made> {
    let ground = start.ground().await?;
    let key = config::read_url_key(&start.args.keys)?;
    let role = make::upload(&ground, start.config, &key, start.registry)?;
    let role = Arc::new(role);
    Ok(Made {
        api: upload::http::routes(role.clone()),
        identities: Some(start.identities()?),
        needs: needs(&ground.catalog),
        work: vec![Box::pin(role.run(start.stop.clone()))],
        ..Made::default()
    })
}

async fn metadata_role(start: &Start<'_>) -> Result<Made> {
    let ground = start.ground().await?;
    let key = config::read_url_key(&start.args.keys)?;
    let caches = Families::new(start.registry)?;
    let role = make::metadata(&ground, start.config, &key, caches.of("metadata"));
    let role = Arc::new(role);
    Ok(Made {
        api: metadata::http::routes(role.clone()),
        identities: Some(start.identities()?),
        needs: needs(&ground.catalog),
        work: vec![Box::pin(role.run(start.stop.clone()))],
        ..Made::default()
    })
}

async fn streaming_role(start: &Start<'_>) -> Result<Made> {
    let ground = start.ground().await?;
    let (catalog, clock) = (ground.catalog.clone(), start.clock.clone());
    let leases = Arc::new(RemoteEntitlements::new(start.roles()?, catalog.clone()));
    let plays = Arc::new(CountedEntitlements::new(leases, catalog.clone(), clock));
    let key = token_keys::verifier(&start.args.keys)?;
    let counted = (&key, make::shared_streams(start.config)?);
    let role = make::streaming(
        &ground,
        start.config,
        counted,
        plays.clone(),
        start.registry,
    )?;
    let role = Arc::new(role);
    let keys = TokenKeys {
        signers: None,
        verifier: Some(key),
    };
    let playback = streaming::http::service(role.clone());
    Ok(Made {
        api: Router::new().route_service("/v/{*file}", playback),
        needs: Needs {
            catalog: Some(catalog),
            streaming: Some(role.clone()),
        },
        work: vec![
            start.follow(keys),
            Box::pin(role.run(start.stop.clone())),
            Box::pin(plays.run(start.stop.clone())),
        ],
        ..Made::default()
    })
}

fn cache_role(start: &Start<'_>) -> Result<Made> {
    let caches = Families::new(start.registry)?;
    let caches = Arc::new(MokaCaches(caches.of("service")));
    Ok(Made {
        api: cache::http::routes(Arc::new(CacheService::new(caches))),
        identities: Some(start.identities()?),
        ..Made::default()
    })
}

async fn worker_role(start: &Start<'_>) -> Result<Made> {
    let ground = start.ground().await?;
    let key = config::read_url_key(&start.args.keys)?;
    let client = start.client()?;
    let jobs = Arc::new(make::jobs(&client, start.config));
    let (config, registry) = (start.config, start.registry);
    let role = make::worker(&client, &ground, config, &key, jobs.clone(), registry)?;
    let role = Arc::new(role);
    let desk = make::desk(&ground, config, &key, jobs.clone(), registry)?;
    let desk = Arc::new(desk);
    let stop = start.stop.clone();
    Ok(Made {
        api: worker::http::routes(desk.clone()),
        open: worker::http::internal_routes(role.clone()),
        identities: Some(start.identities()?),
        audit: Some(all::audit_layer(config, &start.args.audit, &key, registry)?),
        needs: needs(&ground.catalog),
        work: vec![
            Box::pin(role.run(start.stop.clone())),
            Box::pin(desk.run(start.stop.clone())),
            Box::pin(async move { jobs.run(stop).await }),
        ],
        ..Made::default()
    })
}

async fn monitor_role(start: &Start<'_>) -> Result<Made> {
    let key = config::read_url_key(&start.args.keys)?;
    let client = start.client()?;
    let policies = Arc::new(make::policies(&client, start.config));
    let catalog = start.catalog().await?;
    let kept = (catalog.clone(), start.clock.clone());
    let (config, registry) = (start.config, start.registry);
    let role = make::monitor(&client, kept, config, &key, policies.clone(), registry)?;
    let role = Arc::new(role);
    let stop = start.stop.clone();
    Ok(Made {
        api: monitor::http::routes(role.clone()),
        identities: Some(start.identities()?),
        needs: needs(&catalog),
        work: vec![
            Box::pin(role.run(start.stop.clone())),
            Box::pin(async move { policies.run(stop).await }),
        ],
        ..Made::default()
    })
}
