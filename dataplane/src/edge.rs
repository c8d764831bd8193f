//! The request path: one list of layers for every role, in order, with the reason of each place.
//! Audit and limits by principal join it with the issues that build them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use streamgate_contract::config::Limits;
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::{Kind, Problem};
use crate::layers::authenticate::authenticate;
use crate::layers::cache::{Answers, cache};
use crate::layers::deadline::{Deadline, deadline};
use crate::layers::limit::{Limit, limit};
use crate::layers::metrics::{Families, metrics};
use crate::layers::request_id::request_id;
use crate::layers::trace::trace;
use crate::ports::identity::Identities;

/// Route templates whose bodies may take longer than any deadline of an answer.
const LONG: &[&str] = &[
    "/api/v1/uploads",
    "/api/v1/uploads/{id}",
    "/internal/v1/objects/{*key}",
];

/// What the layers need.
pub struct Edge {
    families: Arc<Families>,
    deadline: Arc<Deadline>,
    limit: Arc<Limit>,
    answers: Arc<Answers>,
    identities: Arc<dyn Identities>,
}

impl Edge {
    /// Prepares the layers.
    ///
    /// # Errors
    /// When the families are registered already.
    pub fn new(
        limits: &Limits,
        identities: Arc<dyn Identities>,
        registry: &prometheus::Registry,
    ) -> Result<Self, prometheus::Error> {
        let after = Duration::from_secs(limits.request_timeout_seconds);
        Ok(Self {
            families: Arc::new(Families::new(registry)?),
            deadline: Arc::new(Deadline::new(after, LONG)),
            limit: Arc::new(Limit::new(limits.requests_per_second, limits.request_burst)),
            answers: Arc::default(),
            identities,
        })
    }

    /// The public listener: `api` for people with sessions, `playback` for handles in the path.
    pub fn public(&self, api: Router, playback: Router) -> Router {
        let api = api.layer(
            ServiceBuilder::new()
                // Inside the limit, so that forged tokens cost their sender.
                .layer(from_fn_with_state(self.identities.clone(), authenticate))
                // Inside authenticate: an answer is kept for the one who asked.
                .layer(from_fn_with_state(self.answers.clone(), cache)),
        );
        let all = with_fallbacks(api.merge(playback)).layer(
            // Outside authenticate, which may cost a lookup.
            from_fn_with_state(self.limit.clone(), limit),
        );
        self.outer(all)
    }

    /// The internal listener: callers prove themselves to each route.
    pub fn internal(&self, routes: Router) -> Router {
        self.outer(with_fallbacks(routes))
    }

    /// What every request passes first.
    fn outer(&self, routes: Router) -> Router {
        routes.layer(
            ServiceBuilder::new()
                // First, so that everything later can name the request.
                .layer(from_fn(request_id))
                // Around everything that may refuse, so that refusals are logged.
                .layer(from_fn(trace))
                // Around everything that may refuse, so that refusals count.
                .layer(from_fn_with_state(self.families.clone(), metrics))
                .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
                .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                // Around all work, so that no place is held for ever.
                .layer(from_fn_with_state(self.deadline.clone(), deadline)),
        )
    }
}

fn fixed(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
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
    use super::*;
    use async_trait::async_trait;
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    use axum::routing::get;
    use tower::ServiceExt;

    use crate::layers::authenticate::Caller;
    use crate::layers::request_id::REQUEST_ID;
    use crate::ports::chain::Wallet;
    use crate::ports::identity::{IdentityError, Principal};

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

    async fn wallet(caller: Caller) -> Result<String, Problem> {
        Ok(caller.signed_in()?.wallet.to_string())
    }

    async fn slow() {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    fn app(registry: &prometheus::Registry) -> Router {
        let limits = Limits {
            max_upload_bytes: 1,
            requests_per_second: 10,
            request_burst: 10,
            request_timeout_seconds: 1,
        };
        let edge = Edge::new(&limits, Arc::new(OnlyAlice), registry).unwrap();
        let api = Router::new()
            .route("/me", get(wallet))
            .route("/slow", get(slow));
        edge.public(api, Router::new())
    }

    async fn ask(app: &Router, path: &str, token: Option<&str>) -> (StatusCode, String) {
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
            text.contains(r#"method="GET",route="unmatched",status="404"} 1"#),
            "{text}"
        );
    }
}
