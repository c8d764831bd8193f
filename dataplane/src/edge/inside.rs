//! The request path of a role in pods of its own: the gateway has looked at addresses, limits and
//! load; what is left is to name, trace and count the request. Who asks, each route finds out.

use std::sync::Arc;

use axum::Router;
use tower::ServiceBuilder;

use super::{Guarded, with_fallbacks};
use crate::layers::around::{Layered, Serves};
use crate::layers::arrival::Arrivals;
use crate::layers::audit::Audit;
use crate::layers::farewell::Farewell;
use crate::layers::metrics::{Families, Metrics};
use crate::layers::trace::Trace;

/// What the layers need.
pub struct Inside {
    families: Arc<Families>,
    farewell: Farewell,
}

impl Inside {
    /// Prepares the layers; `farewell` is said when the process is told to end.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn new(registry: &prometheus::Registry, farewell: Farewell) -> prometheus::Result<Self> {
        Ok(Self {
            families: Arc::new(Families::new(registry)?),
            farewell,
        })
    }

    /// The internal listener. With `audit` where requests enter that the gateway does not see.
    pub fn listener(&self, routes: Router, audit: Option<Audit>) -> impl Serves + use<> {
        let routes = with_fallbacks(routes);
        let routes = match audit {
            Some(audit) => routes.layer(audit),
            None => routes,
        };
        ServiceBuilder::new()
            // First, so that everything later can name the request.
            .layer(Layered(Arrivals))
            // Around everything that may refuse, so that refusals are logged.
            .layer(Layered(Trace))
            // Around everything that may refuse, so that refusals count.
            .layer(Layered(Metrics(self.families.clone())))
            .layer(Layered(Guarded))
            // On every answer, refusals too.
            .layer(Layered(self.farewell.clone()))
            .service(routes)
    }
}
