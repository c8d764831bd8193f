//! Routes of the public listener that other roles answer: those of the list that have a role and are
//! not internal. Which methods there are, the role says.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use streamgate_contract::limits::Scope;
use streamgate_contract::roles::Role;
use tower::service_fn;

use crate::layers::around::Serves;
use crate::layers::routes::{self, ROUTES, Route};
use crate::services::gateway::proxy::Proxy;

/// Routes of the API.
pub fn routes(proxy: Arc<Proxy>) -> Router {
    let api = ROUTES.iter().filter(|route| is_api(route));
    let pass = |router: Router<Arc<Proxy>>, route: &Route| router.route(route.template, any(pass));
    api.fold(Router::new(), pass).with_state(proxy)
}

/// Everything below `/v/`.
pub fn playback(proxy: Arc<Proxy>) -> impl Serves {
    service_fn(move |request: Request| {
        let proxy = proxy.clone();
        async move { Ok::<_, Infallible>(proxy.forward(Role::Streaming, request).await) }
    })
}

fn is_api(route: &Route) -> bool {
    let internal = route.template.starts_with("/internal/");
    let playback = route.template.starts_with("/v/");
    role(route).is_some() && !internal && !playback
}

fn role(route: &Route) -> Option<Role> {
    match route.scope {
        Scope::Role(role) => Some(role),
        // Jobs are submitted to the one door there is to them.
        Scope::Jobs => Some(Role::Worker),
        Scope::Edge => None,
    }
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    // The router took it for a route that has a role.
    let role = role(routes::known(&request)).unwrap_or(Role::Metadata);
    proxy.forward(role, request).await
}
