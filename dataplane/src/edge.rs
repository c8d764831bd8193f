//! The request path: one list of layers for every role, in order, with the reason of each place.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use streamgate_contract::config::Limits;
use tower::ServiceBuilder;

use crate::error::{Kind, Problem};
use crate::layers::around::{Around, Layered, Serves};
use crate::layers::arrival::Arrivals;
use crate::layers::audit::Audit;
use crate::layers::authenticate::authenticate;
use crate::layers::cache::{Answers, cache};
use crate::layers::client_address::{InvalidNetwork, TrustedProxies};
use crate::layers::deadline::Deadline;
use crate::layers::limit::strict::{self, Strict};
use crate::layers::limit::{By, Limit, Policies};
use crate::layers::metrics::{Families, Metrics};
use crate::layers::shed::Shed;
use crate::layers::shed::idle::Idle;
use crate::layers::split::Split;
use crate::layers::trace::Trace;
use crate::ports::identity::Identities;
use crate::ports::shared_limits::SharedLimits;

pub mod inside;

/// Route templates whose bodies may take longer than any deadline of an answer.
const LONG: &[&str] = &[
    "/api/v1/uploads",
    "/api/v1/uploads/{id}",
    "/api/v1/uploads/{id}/events",
    "/api/v1/files",
    "/api/v1/files/{id}",
    "/internal/v1/objects/{*key}",
];

/// What the layers need.
pub struct Edge {
    families: Arc<Families>,
    trusted: TrustedProxies,
    shed: Shed,
    deadline: Deadline,
    policies: Arc<Policies>,
    strict: Option<Arc<Strict>>,
    audit: Audit,
    answers: Arc<Answers>,
    identities: Arc<dyn Identities>,
}

/// Why the layers cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// A family of metrics is there already.
    #[error("cannot register metrics")]
    Metrics(#[from] prometheus::Error),
    /// The configuration names no networks.
    #[error(transparent)]
    Proxies(#[from] InvalidNetwork),
}

impl Edge {
    /// Prepares the layers.
    ///
    /// # Errors
    /// When the families are registered already, or a trusted network is none.
    pub fn new(
        limits: &Limits,
        identities: Arc<dyn Identities>,
        audit: Audit,
        idle: Option<Arc<Idle>>,
        registry: &prometheus::Registry,
    ) -> Result<Self, EdgeError> {
        let after = Duration::from_secs(limits.request_timeout_seconds);
        let families = Arc::new(Families::new(registry)?);
        let places = limits.max_concurrent_requests;
        Ok(Self {
            trusted: TrustedProxies::parse(&limits.trusted_proxies)?,
            shed: Shed::new(places, idle, families.clone(), registry)?,
            families,
            deadline: Deadline::new(after, LONG),
            policies: Limit::policies(limits, registry)?,
            strict: None,
            audit,
            answers: Arc::default(),
            identities,
        })
    }

    /// Counts what a caller asks of the API over all replicas of the gate `uid`, in `store`.
    ///
    /// # Errors
    /// When its metric is registered already.
    pub fn sharing(
        mut self,
        store: Arc<dyn SharedLimits>,
        uid: &str,
        registry: &prometheus::Registry,
    ) -> Result<Self, EdgeError> {
        let local = Limit::new(self.policies.clone(), By::Principal);
        self.strict = Some(Arc::new(Strict::new(local, store, uid, registry)?));
        Ok(self)
    }

    /// The public listener: `api` for people with sessions, `playback` for handles in the path. One
    /// stack of values around both: whatever is asked most often meets no box and no router.
    pub fn public<P: Serves>(&self, api: Router, playback: P) -> impl Serves + use<P> {
        let api = self.limited(
            // Inside authenticate: an answer is kept for the one who asked.
            with_fallbacks(api).layer(from_fn_with_state(self.answers.clone(), cache)),
        );
        let api = api.layer(
            ServiceBuilder::new()
                // Outside authenticate, so that refusals are recorded.
                .layer(self.audit.clone())
                // Inside the limit by address, so that forged tokens cost their sender.
                .layer(from_fn_with_state(self.identities.clone(), authenticate)),
        );
        // A handle is verified by the handler; before that, an address is all that is known.
        let playback = ServiceBuilder::new()
            .layer(self.audit.clone())
            .layer(self.limit(By::Principal))
            .service(playback);
        let all = ServiceBuilder::new()
            // Outside authenticate, which may cost a lookup.
            .layer(self.limit(By::Address))
            .service(Split::new(is_playback, playback, api));
        self.outer(all)
    }

    /// The internal listener: callers prove themselves to each route.
    pub fn internal(&self, routes: Router) -> impl Serves + use<> {
        self.outer(with_fallbacks(routes).layer(self.audit.clone()))
    }

    /// Inside authenticate, so that a wallet is counted wherever it comes from.
    fn limited(&self, api: Router) -> Router {
        match &self.strict {
            Some(strict) => api.layer(from_fn_with_state(strict.clone(), strict::limit)),
            None => api.layer(self.limit(By::Principal)),
        }
    }

    fn limit(&self, by: By) -> Layered<Limit> {
        Layered(Limit::new(self.policies.clone(), by))
    }

    /// What every request passes first.
    fn outer<S: Serves>(&self, inner: S) -> impl Serves + use<S> {
        ServiceBuilder::new()
            // First, so that too much to do is refused before anything is done for it.
            .layer(self.shed.clone())
            // Before everything that names the request.
            .layer(Layered(Arrivals))
            // Around everything that may refuse, so that refusals are logged.
            .layer(Layered(Trace))
            // Around everything that may refuse, so that refusals count.
            .layer(Layered(Metrics(self.families.clone())))
            .layer(Layered(Guarded))
            // Before anybody asks for the caller's address.
            .layer(Layered(self.trusted.clone()))
            // Around all work, so that no place is held for ever.
            .layer(self.deadline)
            .service(inner)
    }
}

/// A path below `/v/`, whether or not there is such a file: nobody is signed in there.
fn is_playback(request: &Request) -> bool {
    request.uri().path().starts_with("/v/")
}

/// Headers that keep browsers from telling addresses and from guessing types.
pub(crate) const GUARDS: [(HeaderName, HeaderValue); 2] = [
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
];

/// Adds [`GUARDS`] to every response that has none of its own.
#[derive(Clone, Copy)]
struct Guarded;

impl Around for Guarded {
    type Kept = ();

    fn before(&self, _: &mut Request) -> Result<(), Response> {
        Ok(())
    }

    fn after(&self, (): (), response: &mut Response) {
        for (name, value) in GUARDS {
            response.headers_mut().entry(name).or_insert(value);
        }
    }
}

fn with_fallbacks(routes: Router) -> Router {
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

async fn not_found() -> Response {
    Problem::new(
        Kind::NotFound,
        "NoSuchRoute",
        "there is nothing at this path",
    )
    .into_response()
}

async fn method_not_allowed() -> Response {
    let detail = "this path does not take this method";
    Problem::new(Kind::MethodNotAllowed, "MethodNotAllowed", detail).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use async_trait::async_trait;
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::routing::get;
    use tower::ServiceExt;

    use crate::layers::arrival::REQUEST_ID;
    use crate::layers::authenticate::Caller;
    use crate::layers::client_address::Peer;
    use crate::ports::audit_log::{AuditError, AuditLog, Receipt, Record};
    use crate::ports::chain::Wallet;
    use crate::ports::identity::{IdentityError, Principal};
    use streamgate_contract::audit::AuditSettings;

    struct OnlyAlice;

    #[async_trait]
    impl Identities for OnlyAlice {
        async fn identify(&self, token: &str) -> Result<Principal, IdentityError> {
            match token {
                "alice" => Ok(Principal {
                    wallet: Wallet::of_key([1; 20]),
                    creator: true,
                    admin: false,
                }),
                _ => Err(IdentityError::Refused),
            }
        }
    }

    struct NoLog;

    #[async_trait]
    impl AuditLog for NoLog {
        async fn append(&self, _: &Record) -> Result<Receipt, AuditError> {
            Err(AuditError::Overflow)
        }
        fn enqueue(&self, _: &Record) -> Result<(), AuditError> {
            Err(AuditError::Overflow)
        }
    }

    async fn wallet(caller: Caller) -> Result<String, Problem> {
        Ok(caller.signed_in()?.wallet.to_string())
    }

    async fn slow() {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    fn app(registry: &prometheus::Registry) -> impl Serves + use<> {
        let limits = serde_json::json!({
            "maxUploadBytes": 1, "requestsPerSecond": 1, "requestBurst": 10,
            "requestTimeoutSeconds": 1, "trustedProxies": ["10.0.0.0/8"],
        });
        let limits = serde_json::from_value(limits).unwrap();
        let audit = Audit::new(Arc::new(NoLog), &AuditSettings::default(), [0; 32]);
        let edge = Edge::new(&limits, Arc::new(OnlyAlice), audit, None, registry).unwrap();
        let asked = Arc::new(AtomicU32::new(0));
        let kept = move || {
            let times = asked.fetch_add(1, Ordering::SeqCst);
            async move { ([(header::CACHE_CONTROL, "max-age=60")], times.to_string()) }
        };
        let api = Router::new()
            .route("/me", get(wallet))
            .route("/kept", get(kept))
            .route("/slow", get(slow));
        let played = || async { Problem::new(Kind::NotFound, "Played", "here") };
        edge.public(api, Router::new().fallback(played))
    }

    async fn ask(app: &impl Serves, path: &str, token: Option<&str>) -> (StatusCode, String) {
        let mut request = Request::get(path).header(REQUEST_ID, "r-1");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.headers()[REQUEST_ID], "r-1");
        assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
        assert_eq!(
            response.headers()[header::X_CONTENT_TYPE_OPTIONS],
            "nosniff"
        );
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn known_callers_pass_and_everybody_else_is_told_why() {
        let registry = prometheus::Registry::new();
        let app = app(&registry);
        assert_eq!(ask(&app, "/me", Some("alice")).await.0, StatusCode::OK);
        for (path, token, status, reason) in [
            ("/me", None, 401, "SignInRequired"),
            ("/me", Some("forged"), 401, "InvalidSession"),
            ("/nowhere", None, 404, "NoSuchRoute"),
            ("/v/handle/master.m3u8", None, 404, "Played"),
            ("/slow", None, 504, "Timeout"),
        ] {
            let (code, body) = ask(&app, path, token).await;
            assert_eq!(code.as_u16(), status, "{body}");
            assert!(body.contains(reason), "{body}");
        }
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        assert!(
            text.contains(r#"streamgate_http_refusals_total{reason="InvalidSession"} 1"#),
            "{text}"
        );
        assert!(
            text.contains(r#"streamgate_http_responses_total{status="404"} 2"#),
            "{text}"
        );
    }

    #[tokio::test]
    async fn an_answer_that_may_be_kept_is_asked_for_once() {
        let app = app(&prometheus::Registry::new());
        for (token, answer) in [
            (Some("alice"), "0"),
            (Some("alice"), "0"),
            // Nobody is served what another may see.
            (None, "1"),
            (None, "1"),
        ] {
            assert_eq!(ask(&app, "/kept", token).await.1, answer, "{token:?}");
        }
    }

    async fn status_of(app: &impl Serves, from: &str, forwarded: Option<&str>) -> u16 {
        let mut request = Request::get("/me").body(Body::empty()).unwrap();
        let peer = Peer::new(format!("{from}:1").parse().unwrap());
        request.extensions_mut().insert(peer);
        if let Some(forwarded) = forwarded {
            let headers = request.headers_mut();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        let response = app.clone().oneshot(request).await.unwrap();
        response.status().as_u16()
    }

    #[tokio::test]
    async fn an_address_is_limited_behind_proxies_too_and_cannot_lie_about_itself() {
        let app = app(&prometheus::Registry::new());
        for n in 0..12 {
            // The left hop is the caller's invention; the right one our proxy's.
            let forwarded = format!("198.51.100.{n}, 203.0.113.7");
            let status = status_of(&app, "10.0.0.1", Some(&forwarded)).await;
            assert_eq!(status, if n < 10 { 401 } else { 429 }, "{n}");
        }
        assert_eq!(status_of(&app, "10.0.0.1", Some("203.0.113.8")).await, 401);
        assert_eq!(
            status_of(&app, "203.0.113.7", Some("198.51.100.1")).await,
            429
        );
    }
}
