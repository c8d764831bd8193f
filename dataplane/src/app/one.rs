//! One role in a process of its own (topology Distributed). Whoever is asked by others has an
//! internal listener and believes only tokens the cluster signed for that role; the gateway alone
//! has a public one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use clap::Subcommand;
use futures::future::BoxFuture;
use kube::Client;
use prometheus::Registry;
use streamgate_contract::config::RoleConfig;
use streamgate_contract::peers::{READY_PATH, callers};
use streamgate_contract::roles::Role;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::AllArgs;
use super::all::{listen, public_listener};
use crate::adapters::kubernetes::peers::ClusterPeers;
use crate::adapters::roles_http::HttpRoles;
use crate::adapters::system_clock::SystemClock;
use crate::config;
use crate::edge::inside::Inside;
use crate::health::{self, Health, Needs};
use crate::layers::around::Serves;
use crate::layers::audit::Audit;
use crate::layers::authenticate::authenticate;
use crate::layers::farewell::Farewell;
use crate::layers::peer::{Door, admit};
use crate::ports::clock::Clock;
use crate::ports::identity::Identities;
use crate::ports::peers::Peers;
use crate::server::serve;

mod gateway;
mod parts;

/// Time between saying "not ready" and refusing connections: what Services need to send nobody here
/// any more. Meanwhile every answer ends its connection.
const FAREWELL: Duration = Duration::from_secs(5);

/// Which role.
#[derive(Subcommand)]
pub enum OneRole {
    /// The edge: passes requests to the other roles.
    Gateway(AllArgs),
    /// Sign-in, sessions, entitlement.
    Auth(AllArgs),
    /// Uploads.
    Upload(AllArgs),
    /// Contents.
    Metadata(AllArgs),
    /// Playlists and segments.
    Streaming(AllArgs),
    /// The cache as a service.
    Cache(AllArgs),
    /// The door to jobs.
    Worker(AllArgs),
    /// Alerts.
    Monitor(AllArgs),
}

impl OneRole {
    fn parts(self) -> (Role, AllArgs) {
        match self {
            Self::Gateway(args) => (Role::Gateway, args),
            Self::Auth(args) => (Role::Auth, args),
            Self::Upload(args) => (Role::Upload, args),
            Self::Metadata(args) => (Role::Metadata, args),
            Self::Streaming(args) => (Role::Streaming, args),
            Self::Cache(args) => (Role::Cache, args),
            Self::Worker(args) => (Role::Worker, args),
            Self::Monitor(args) => (Role::Monitor, args),
        }
    }
}

/// What a role is made with.
struct Start<'a> {
    config: &'a RoleConfig,
    args: &'a AllArgs,
    registry: &'a Registry,
    clock: Arc<dyn Clock>,
    client: Option<Client>,
    stop: CancellationToken,
}

impl Start<'_> {
    /// The Kubernetes API, for roles that need it.
    fn client(&self) -> anyhow::Result<Client> {
        let none = "cannot reach the Kubernetes API; check the service account";
        self.client.clone().context(none)
    }

    /// The roles behind their Services.
    fn roles(&self) -> anyhow::Result<Arc<HttpRoles>> {
        let roles = HttpRoles::new(&self.config.peers, self.args.role_tokens.clone());
        Ok(Arc::new(roles.map_err(anyhow::Error::from_boxed)?))
    }
}

/// A role, made.
#[derive(Default)]
struct Made {
    /// What the gateway passes on.
    api: Router,
    /// What other roles ask.
    questions: Router,
    /// What callers prove themselves to, route by route.
    open: Router,
    /// Whose session it is, where that matters.
    identities: Option<Arc<dyn Identities>>,
    /// Where requests enter that the gateway does not see.
    audit: Option<Audit>,
    /// What it cannot serve without.
    needs: Needs,
    /// What it does without being asked.
    work: Vec<BoxFuture<'static, ()>>,
}

/// Serves as the role until `terminated`, then drains.
///
/// # Errors
/// When configuration, keys, store, database or ports are not as they must be.
pub async fn run(role: OneRole, terminated: impl Future<Output = ()>) -> anyhow::Result<()> {
    let (role, args) = role.parts();
    let client = match role {
        // Asks nobody but the roles.
        Role::Gateway => None,
        _ => {
            let client = Client::try_default().await;
            Some(client.context("cannot reach the Kubernetes API; check the service account")?)
        }
    };
    serve_as(role, args, client, terminated).await
}

/// The same, with this Kubernetes API.
async fn serve_as(
    role: Role,
    args: AllArgs,
    client: Option<Client>,
    terminated: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let config = config::read(&args.config)?;
    super::log(&config.log);
    let (registry, stop, drain) = Default::default();
    let start = Start {
        config: &config,
        args: &args,
        registry: &registry,
        clock: Arc::new(SystemClock),
        client,
        stop,
    };
    let (tasks, farewell) = (TaskTracker::new(), Farewell::default());
    let health = match role {
        Role::Gateway => gateway::open(&start, &farewell, &tasks, &drain).await?,
        role => open(role, &start, &farewell, &tasks, &drain).await?,
    };
    health.serving();
    tracing::info!(gate = config.gate.name, %role, "serving");

    terminated.await;
    tracing::info!("draining");
    health.draining();
    farewell.say();
    tokio::time::sleep(FAREWELL).await;
    drain.cancel();
    start.stop.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Opens the listeners of a role behind the gateway.
async fn open(
    role: Role,
    start: &Start<'_>,
    farewell: &Farewell,
    tasks: &TaskTracker,
    drain: &CancellationToken,
) -> anyhow::Result<Arc<Health>> {
    let Made {
        api,
        questions,
        open,
        identities,
        audit,
        needs,
        work,
    } = parts::made(role, start).await?;
    let health = admin(start, needs, Path::new("/"), tasks).await?;
    let gate = &start.config.gate;
    let peers = ClusterPeers::new(start.client()?, gate, role, start.clock.clone());
    peers.prepare().await;
    let peers: Arc<dyn Peers> = Arc::new(peers);
    let door = |open_to| from_fn_with_state(Door::new(peers.clone(), open_to), admit);
    let ready = Router::new().route(READY_PATH, get(health::readyz));
    let ready = ready.with_state(health.clone());
    let api = match identities {
        Some(identities) => api.layer(from_fn_with_state(identities, authenticate)),
        None => api,
    };
    // What the gateway passes on, it has recorded.
    let open = match audit {
        Some(audit) => open.layer(audit),
        None => open,
    };
    let routes = open
        .merge(api.merge(ready).layer(door(&[Role::Gateway])))
        .merge(questions.layer(door(callers(role))));
    let routes = Inside::new(start.registry, farewell.clone())?.listener(routes);
    internal(start, routes, &health, tasks, drain).await?;
    for work in work {
        tasks.spawn(work);
    }
    Ok(health)
}

async fn internal(
    start: &Start<'_>,
    routes: impl Serves,
    health: &Health,
    tasks: &TaskTracker,
    drain: &CancellationToken,
) -> anyhow::Result<()> {
    let listener = listen(start.args.internal).await?;
    let figures = health.connections("internal");
    tasks.spawn(serve(listener, routes, figures, drain.clone()));
    Ok(())
}

/// Opens the admin listener; `volume` is the folder whose free space is shown.
async fn admin(
    start: &Start<'_>,
    needs: Needs,
    volume: &Path,
    tasks: &TaskTracker,
) -> anyhow::Result<Arc<Health>> {
    let figures = super::figures(start.registry, volume)?;
    let health = Health::new(needs, start.registry.clone(), figures)?;
    tasks.spawn(serve(
        listen(start.args.admin).await?,
        health::routes(health.clone()),
        health.connections("admin"),
        start.stop.clone(),
    ));
    Ok(health)
}

#[cfg(test)]
mod tests;
