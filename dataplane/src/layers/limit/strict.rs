//! Limits that hold over all replicas, by a store they share. Each costs a question to that store, so
//! they are for what people and programs ask of the API; players and the limit of an address stay
//! with each replica. When the store does not answer, the replica's own limit decides: nobody is locked
//! out by it, and nobody is unlimited.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus::{IntCounter, Opts, Registry};
use streamgate_contract::limits::{LimitMode, Scope};

use super::Limit;
use super::table::Key;
use crate::layers::around::Around;
use crate::layers::routes::{Class, known};
use crate::ports::shared_limits::{Quota, Shared, SharedLimits, SharedLimitsError};

/// The layer: `axum::middleware::from_fn_with_state(strict, strict::limit)`, inside authenticate.
pub struct Strict {
    local: Limit,
    store: Arc<dyn SharedLimits>,
    /// Distinguishes gates that share a store.
    prefix: String,
    alone: IntCounter,
}

impl Strict {
    /// Limits of the gate `uid` in `store`; `local` decides without it.
    ///
    /// # Errors
    /// When its metric is registered already.
    pub fn new(
        local: Limit,
        store: Arc<dyn SharedLimits>,
        uid: &str,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let alone = Opts::new(
            "streamgate_limit_store_failures_total",
            "Requests that a replica limited alone because the shared store did not answer.",
        );
        let alone = IntCounter::with_opts(alone)?;
        registry.register(Box::new(alone.clone()))?;
        Ok(Self {
            local,
            store,
            prefix: format!("streamgate:{uid}"),
            alone,
        })
    }

    /// Name and quota of a caller in the store.
    fn counted(&self, scope: Scope, request: &Request) -> Option<(String, Quota)> {
        let Key([high, low]) = self.local.key(request)?;
        let (burst, per_second) = self.local.policies.of(scope)?.quota;
        let name = format!("{}:{}:{high:x}.{low:x}", self.prefix, scope.name());
        Some((name, Quota { burst, per_second }))
    }

    /// What the shared count says; `None` when it is not asked or does not answer.
    async fn ask(&self, counted: Option<(String, Quota)>) -> Option<Shared> {
        let (name, quota) = counted?;
        let taken = self.store.take(&name, quota).await;
        let alone = |error: &SharedLimitsError| {
            self.alone.inc();
            tracing::debug!(
                error = crate::ports::causes(error),
                "a replica limits alone"
            );
        };
        taken.inspect_err(alone).ok()
    }
}

/// The layer.
pub async fn limit(
    State(strict): State<Arc<Strict>>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = known(&request);
    if route.scope == Scope::Edge || route.class == Class::Playback {
        return match strict.local.before(&mut request) {
            Ok(told) => told_after(&strict.local, told, next.run(request).await),
            Err(refusal) => refusal,
        };
    }
    let scope = route.counted(request.method());
    let policy = strict.local.policies.of(scope);
    let counted = strict.counted(scope, &request);
    match (strict.ask(counted).await, policy) {
        (Some(Shared::Allowed { left }), Some(policy)) => {
            policy.allowed.inc();
            let told = policy
                .values
                .left(left)
                .map(|left| (policy.values.policy(), left));
            told_after(&strict.local, told, next.run(request).await)
        }
        (Some(Shared::Limited { wait }), Some(policy)) if policy.mode == LimitMode::Enforce => {
            policy.limited.inc();
            policy.refusal(wait).into_response()
        }
        (Some(Shared::Limited { .. }), Some(policy)) => {
            policy.shadowed.inc();
            next.run(request).await
        }
        _ => match strict.local.before(&mut request) {
            Ok(told) => told_after(&strict.local, told, next.run(request).await),
            Err(refusal) => refusal,
        },
    }
}

fn told_after(local: &Limit, told: <Limit as Around>::Kept, mut response: Response) -> Response {
    local.after(told, &mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::super::{By, headers};
    use super::*;
    use async_trait::async_trait;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use std::time::Duration;
    use tower::ServiceExt;

    use crate::layers::client_address::Peer;

    /// A store that lets three pass over all, and then fails when it is told to.
    struct Three {
        left: std::sync::Mutex<u32>,
        fails: bool,
    }

    #[async_trait]
    impl SharedLimits for Three {
        async fn take(&self, key: &str, quota: Quota) -> Result<Shared, SharedLimitsError> {
            assert_eq!((quota.burst, quota.per_second), (500, 50), "{key}");
            assert!(key.starts_with("streamgate:uid:metadata:4."), "{key}");
            if self.fails {
                return Err(SharedLimitsError("away".into()));
            }
            let mut left = self.left.lock().unwrap();
            Ok(match left.checked_sub(1) {
                Some(rest) => {
                    *left = rest;
                    Shared::Allowed { left: rest }
                }
                None => Shared::Limited {
                    wait: Duration::from_millis(1_500),
                },
            })
        }
    }

    fn app(fails: bool) -> (Router, IntCounter) {
        let limits = serde_json::json!({"maxUploadBytes": 1, "requestsPerSecond": 1,
            "requestBurst": 1, "requestTimeoutSeconds": 1});
        let (registry, limits) = (Registry::new(), serde_json::from_value(limits).unwrap());
        let local = Limit::new(Limit::policies(&limits, &registry).unwrap(), By::Principal);
        let store = Arc::new(Three {
            left: 3.into(),
            fails,
        });
        let strict = Arc::new(Strict::new(local, store, "uid", &registry).unwrap());
        let alone = strict.alone.clone();
        let layer = axum::middleware::from_fn_with_state(strict, limit);
        let answer = get(|| async { "answer" });
        (
            Router::new().route("/api/v1/contents", answer).layer(layer),
            alone,
        )
    }

    async fn ask(app: &Router) -> Response {
        let mut request = Request::get("/api/v1/contents")
            .body(Body::empty())
            .unwrap();
        request
            .extensions_mut()
            .insert(Peer::new("192.0.2.1:1".parse().unwrap()));
        app.clone().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn the_store_decides() {
        let (app, _) = app(false);
        for left in [2, 1, 0] {
            let response = ask(&app).await;
            assert_eq!(response.status(), 200);
            let told = response.headers()[headers::LEFT].to_str().unwrap();
            assert!(told.contains(&format!("r={left};")), "{told}");
        }
        let refused = ask(&app).await;
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.headers()["retry-after"], "2");
    }

    #[tokio::test]
    async fn without_the_store_each_replica_limits_alone() {
        let (app, alone) = app(true);
        for n in 0..501 {
            let status = ask(&app).await.status();
            assert_eq!(status, if n < 500 { 200 } else { 429 }, "{n}");
        }
        assert_eq!(alone.get(), 501);
    }
}
