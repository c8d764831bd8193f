//! The request path of a role in pods of its own: the gateway has looked at addresses, limits and
//! load; what is left is to name, trace and count the request. Who asks, each route finds out.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use streamgate_contract::peers::ROLE_REASON;
use tower::ServiceBuilder;

use super::{Guarded, with_fallbacks};
use crate::error::Reason;
use crate::layers::around::{Around, Layered, Serves};
use crate::layers::arrival::Arrivals;
use crate::layers::farewell::Farewell;
use crate::layers::metrics::{Families, Metrics};
use crate::layers::trace::Trace;

/// The header with the reason of a refusal.
const REASON: HeaderName = HeaderName::from_static(ROLE_REASON);

/// Tells the gateway why something is refused: it counts and records that, too.
#[derive(Clone, Copy)]
struct Reasons;

impl Around for Reasons {
    type Kept = ();

    fn before(&self, _: &mut Request) -> Result<(), Response> {
        Ok(())
    }

    fn after(&self, (): (), response: &mut Response) {
        if let Some(Reason(reason)) = response.extensions().get().copied() {
            let reason = HeaderValue::from_static(reason);
            response.headers_mut().insert(REASON, reason);
        }
    }
}

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

    /// The internal listener.
    pub fn listener(&self, routes: Router) -> impl Serves + use<> {
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
            .layer(Layered(Reasons))
            .service(with_fallbacks(routes))
    }
}
