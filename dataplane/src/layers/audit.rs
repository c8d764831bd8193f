//! Writes the audit log: outside authenticate, so that refusals are recorded too. What the policy
//! does not want recorded passes through without an allocation.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use pin_project_lite::pin_project;
use streamgate_contract::audit::{AuditLevel, AuditMode, AuditSettings};
use tower::{Layer, Service};

use super::authenticate::Witness;
use super::client_address::Peer;
use super::routes::{ROUTES, Route, known};
use crate::ports::audit_log::{AuditLog, Stage};

pub mod body;
pub mod pseudonym;
mod record;

use pseudonym::Pseudonyms;
use record::Facts;

/// Routes that job pods ask so often that only a rule of its own records them.
const QUIET: [&str; 5] = [
    "/internal/v1/tickets",
    "/internal/v1/commits",
    "/internal/v1/progress",
    "/internal/v1/assignment",
    "/internal/v1/objects/{*key}",
];
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What the layer works with.
pub struct Shared {
    log: Arc<dyn AuditLog>,
    mode: AuditMode,
    pseudonyms: Pseudonyms,
    /// By route and method; the last is for methods nobody knows.
    levels: Vec<[AuditLevel; METHODS.len() + 1]>,
    limited: LimitHits,
}

/// The layer.
#[derive(Clone)]
pub struct Audit(Arc<Shared>);

impl Audit {
    /// Records what `settings` ask for.
    pub fn new(log: Arc<dyn AuditLog>, settings: &AuditSettings, key: [u8; 32]) -> Self {
        let levels = |route: &Route| {
            let level =
                |n: usize| level(settings, route, METHODS.get(n).copied().unwrap_or("other"));
            std::array::from_fn(level)
        };
        Self(Arc::new(Shared {
            log,
            mode: settings.mode,
            pseudonyms: Pseudonyms::new(key),
            levels: ROUTES.iter().map(levels).collect(),
            limited: LimitHits::default(),
        }))
    }
}

fn level(settings: &AuditSettings, route: &Route, method: &str) -> AuditLevel {
    let level = settings.level(route.scope.name(), method);
    let named = settings.rules.iter().any(|rule| rule.role.is_some());
    match level {
        AuditLevel::Metadata if !named && QUIET.contains(&route.template) => AuditLevel::None,
        level => level,
    }
}

/// One record of limit hits per second: a flood must not fill the log.
#[derive(Default)]
struct LimitHits {
    second: AtomicI64,
    more: AtomicU64,
}

impl LimitHits {
    /// How many hits the record stands for, if this one is recorded.
    fn recorded(&self, now: i64) -> Option<u64> {
        if self.second.swap(now, Ordering::Relaxed) == now {
            self.more.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(1 + self.more.swap(0, Ordering::Relaxed))
    }
}

impl<S> Layer<S> for Audit {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Audited<S> {
        let shared = self.0.clone();
        Audited { shared, inner }
    }
}

/// The inner service under audit.
#[derive(Clone)]
pub struct Audited<S> {
    shared: Arc<Shared>,
    inner: S,
}

impl<S> Service<Request> for Audited<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answer<S::Future, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let route = known(&request);
        let method = METHODS.iter().position(|m| *m == request.method().as_str());
        let level = self.shared.levels[route.number][method.unwrap_or(METHODS.len())];
        let peer = request.extensions().get::<Peer>().map(|peer| peer.client);
        if level == AuditLevel::None {
            return Answer::Unrecorded {
                inner: self.inner.call(request),
                shared: self.shared.clone(),
                route,
                peer,
            };
        }
        // The one that is ready goes, its copy stays.
        let copy = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, copy);
        let recorded = recorded(self.shared.clone(), inner, request, route, level, peer);
        Answer::Recorded {
            recorded: Box::pin(recorded),
        }
    }
}

async fn recorded<S>(
    shared: Arc<Shared>,
    mut inner: S,
    mut request: Request,
    route: &'static Route,
    level: AuditLevel,
    peer: Option<IpAddr>,
) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response>,
{
    let mut facts = Facts::of(&request, route, level, peer, &shared.pseudonyms);
    let witness = Witness::default();
    request.extensions_mut().insert(witness.clone());
    if level >= AuditLevel::Request {
        let (whole, seen) = body::of_request(request).await;
        request = whole;
        facts.detail("request", seen, &shared.pseudonyms);
    }
    if shared.mode == AuditMode::BlockingStrict {
        let record = facts.record(Stage::RequestReceived, None, None);
        if let Err(error) = shared.log.append(&record).await {
            let detail = "the audit log cannot be written, so nothing was done";
            return Ok(
                crate::error::unavailable(&error, "AuditUnavailable", detail).into_response(),
            );
        }
    }
    let mut response = inner.call(request).await?;
    if level >= AuditLevel::RequestResponse {
        let (whole, seen) = body::of_response(response).await;
        response = whole;
        facts.detail("response", seen, &shared.pseudonyms);
    }
    let wallet = witness
        .wallet()
        .map(|wallet| shared.pseudonyms.wallet(&wallet));
    let record = facts.record(Stage::ResponseStarted, wallet, Some(&response));
    let written = match shared.mode {
        AuditMode::Batch => shared.log.enqueue(&record),
        AuditMode::Blocking | AuditMode::BlockingStrict => {
            shared.log.append(&record).await.map(|_| ())
        }
    };
    if let Err(error) = written {
        // The deed is done; the figures of the log say what is missing.
        tracing::error!(
            error = crate::ports::causes(&error),
            "an audit record is missing"
        );
    }
    Ok(response)
}

pin_project! {
    /// The answer in the making.
    // Fields of variants cannot carry documentation here.
    #[allow(missing_docs)]
    #[project = AnswerProjection]
    pub enum Answer<F, E> {
        /// Nobody wants it recorded, unless it is refused by a limit.
        Unrecorded {
            #[pin] inner: F,
            shared: Arc<Shared>,
            route: &'static Route,
            peer: Option<IpAddr>,
        },
        /// It is recorded.
        Recorded {
            recorded: BoxFuture<'static, Result<Response, E>>,
        },
    }
}

impl<F, E> Future for Answer<F, E>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnswerProjection::Recorded { recorded } => recorded.as_mut().poll(context),
            AnswerProjection::Unrecorded {
                inner,
                shared,
                route,
                peer,
            } => {
                let response = ready!(inner.poll(context))?;
                if response.status() == StatusCode::TOO_MANY_REQUESTS {
                    shared.limit_hit(route, *peer, &response);
                }
                Poll::Ready(Ok(response))
            }
        }
    }
}

impl Shared {
    fn limit_hit(&self, route: &'static Route, peer: Option<IpAddr>, response: &Response) {
        let now = jiff::Timestamp::now().as_second();
        let Some(hits) = self.limited.recorded(now) else {
            return;
        };
        let mut facts = Facts::limited(route, peer, &self.pseudonyms);
        facts.details.insert("hits".to_owned(), hits.into());
        let record = facts.record(Stage::ResponseStarted, None, Some(response));
        // Dropped records are counted by the log.
        let _ = self.log.enqueue(&record);
    }
}

#[cfg(test)]
mod tests;
