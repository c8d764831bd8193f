//! The gateway: the whole request path, and nothing behind it but the way to the roles.

use std::sync::Arc;

use streamgate_contract::peers::callees;
use streamgate_contract::roles::Role;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceBuilder;

use super::super::{all, make};
use super::{Start, admin, public_listener};
use crate::adapters::recent_events::RecentLog;
use crate::config;
use crate::health::{Health, Needs};
use crate::layers::around::Layered;
use crate::layers::audit::Audit;
use crate::layers::farewell::Farewell;
use crate::server::serve;
use crate::services::auth::remote::{RemoteIdentities, RemoteStandings};
use crate::services::gateway::checks::RoleChecks;
use crate::services::gateway::proxy::Proxy;
use crate::services::gateway::{Gateway, http};
use crate::services::metadata::cursor::CursorKey;

/// Opens its listeners. It is ready whatever the roles are: who watches needs no more than one.
pub(super) async fn open(
    start: &Start<'_>,
    farewell: &Farewell,
    tasks: &TaskTracker,
    drain: &CancellationToken,
) -> anyhow::Result<Arc<Health>> {
    let Start {
        config,
        args,
        registry,
        ..
    } = start;
    let key = config::read_url_key(&args.keys)?;
    let log = Arc::new(all::audit(config, &args.audit, &key, registry)?);
    let log = Arc::new(RecentLog::new(log));
    let audit = Audit::new(log.clone(), &config.audit, config::audit_key(&key));
    let roles = start.roles()?;
    let identities = Arc::new(RemoteIdentities::new(roles.clone()));
    let edge = make::edge(config, identities, audit, registry)?;
    let checks = Arc::new(RoleChecks::new(roles.clone(), callees(Role::Gateway)));
    let chains = Arc::new(RemoteStandings::new(roles.clone()));
    let proxy = Arc::new(Proxy::new(roles, &config.playback));
    let cursors = CursorKey::new(config::cursor_key(&key));
    let api = http::routes(Arc::new(Gateway::new((checks, chains), log, cursors)));
    let api = api.merge(http::roles::routes(proxy.clone()));
    let public = ServiceBuilder::new()
        .layer(Layered(farewell.clone()))
        .service(edge.public(api, http::roles::playback(proxy)));
    let health = admin(start, Needs::default(), &args.audit, tasks).await?;
    tasks.spawn(serve(
        public_listener(config, args, tasks, &start.stop).await?,
        public,
        health.connections("public"),
        drain.clone(),
    ));
    Ok(health)
}
