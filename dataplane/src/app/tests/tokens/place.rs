//! Places where a token is taken, and requests that show one there.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::stage::{Answer, Stage};
use crate::services::auth::fixture::owner;

/// Where a request carries a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Authorization: Bearer` of the API.
    Bearer,
    /// The session cookie.
    Cookie,
    /// The body of `POST /api/v1/auth/verify`.
    Verify,
    /// The path of a viewing.
    HandlePath,
    /// The query of a viewing.
    HandleQuery,
    /// `Authorization: Bearer` of a viewing.
    HandleHeader,
    /// The cookie of a viewing.
    HandleCookie,
    /// The message of a sign-in.
    Message,
    /// Its signature.
    Signature,
    /// What shows that the browser is the one that asked.
    Verifier,
    /// The same, as a cookie.
    ChallengeCookie,
    /// The code that comes back from a provider.
    Code,
    /// The state that comes back with it.
    State,
    /// The cookie that must be there when it comes back.
    ProviderCookie,
    /// `Authorization: Bearer` of the internal listener.
    Pod,
    /// The signature of an object's URL.
    ObjectUrl,
    /// Where a list goes on.
    Cursor,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 17] = [
        Self::Bearer,
        Self::Cookie,
        Self::Verify,
        Self::HandlePath,
        Self::HandleQuery,
        Self::HandleHeader,
        Self::HandleCookie,
        Self::Message,
        Self::Signature,
        Self::Verifier,
        Self::ChallengeCookie,
        Self::Code,
        Self::State,
        Self::ProviderCookie,
        Self::Pod,
        Self::ObjectUrl,
        Self::Cursor,
    ];

    /// Does opening it spend the token, or what must stand beside it?
    pub fn is_used_once(self) -> bool {
        use Place::*;
        matches!(
            self,
            Message | Signature | Verifier | ChallengeCookie | Code | State | ProviderCookie
        )
    }
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn post(path: &str, body: &Value) -> Request<Body> {
    let request = Request::post(path).header("content-type", "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}

/// The request with this header; `None` when no header can say so.
fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Option<Request<Body>> {
    request.headers_mut().insert(name, value.parse().ok()?);
    Some(request)
}

/// A text as part of a URL.
fn part(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Stage {
    /// Does the token open the place, where everything else is right?
    pub async fn opens(&self, place: Place, token: &str) -> bool {
        match place {
            // Whoever shows a wrong code has spent the rest, so each begins anew.
            Place::Code => {
                let fresh = self.depart().await;
                self.comes_back(&fresh.cookie, &fresh.state, token).await
            }
            _ => self.opens_once(place, token).await,
        }
    }

    /// The same with the one sign-in of this stage.
    pub async fn opens_once(&self, place: Place, token: &str) -> bool {
        let (login, away) = (&self.login, &self.away);
        let profile = || get("/api/v1/auth/profile");
        let playlist = || get("/v/c/master.m3u8");
        let bearer = format!("Bearer {token}");
        let list = "/api/v1/contents?limit=1&cursor=";
        let request = match place {
            Place::Bearer => with(profile(), "authorization", &bearer),
            Place::Cookie => with(profile(), "cookie", &format!("__Host-streamgate={token}")),
            Place::Verify => {
                let answer = self.public(post("/api/v1/auth/verify", &json!({"token": token})));
                return answer.await.body["active"] == true;
            }
            Place::HandlePath => Some(get(&format!("/v/{}/master.m3u8", part(token)))),
            Place::HandleQuery => Some(get(&format!("/v/c/master.m3u8?handle={}", part(token)))),
            Place::HandleHeader => with(playlist(), "authorization", &bearer),
            Place::HandleCookie => {
                let cookie = format!("__Secure-playback={token}");
                with(playlist(), "cookie", &cookie)
            }
            Place::Message => return self.signs_in(token, &login.signature, &login.secret).await,
            Place::Signature => return self.signs_in(&login.message, token, &login.secret).await,
            Place::Verifier => return self.signs_in(&login.message, &login.signature, token).await,
            Place::ChallengeCookie => {
                let body = json!({"message": login.message, "signature": login.signature});
                let cookie = format!("__Host-streamgate-challenge={token}");
                with(post("/api/v1/auth/login", &body), "cookie", &cookie)
            }
            Place::Code => return self.comes_back(&away.cookie, &away.state, token).await,
            Place::State => return self.comes_back(&away.cookie, token, &away.code).await,
            Place::ProviderCookie => return self.comes_back(token, &away.state, &away.code).await,
            Place::Pod => {
                let request = with(get("/internal/v1/assignment"), "authorization", &bearer);
                // Behind the token it is told that its pod is none of a job.
                return match request {
                    Some(request) => self.internal(request).await.body["reason"] == "NotAJobPod",
                    None => false,
                };
            }
            Place::ObjectUrl => {
                let (path, expires) = self.object();
                let query = format!("expires={expires}&signature={}", part(token));
                let asked = self.internal(get(&format!("{path}?{query}"))).await;
                return asked.status == StatusCode::OK;
            }
            Place::Cursor => {
                let mine = format!("Bearer {}", self.session);
                with(
                    get(&format!("{list}{}", part(token))),
                    "authorization",
                    &mine,
                )
            }
        };
        match request {
            Some(request) => self.public(request).await.is_good(),
            None => false,
        }
    }

    /// Does the secret of `place` answer a challenge that nobody has answered?
    pub async fn signs_in_anew(&mut self, place: Place, secret: &str) -> bool {
        self.login = self.challenge(&owner(), secret).await;
        self.opens_once(place, secret).await
    }

    async fn signs_in(&self, message: &str, signature: &str, verifier: &str) -> bool {
        let body = json!({"message": message, "signature": signature, "verifier": verifier});
        self.public(post("/api/v1/auth/login", &body))
            .await
            .is_good()
    }

    /// Comes back from the provider with these three.
    async fn comes_back(&self, cookie: &str, state: &str, code: &str) -> bool {
        let (state, code, issuer) = (part(state), part(code), part(&self.provider.issuer));
        let path =
            format!("/api/v1/auth/oidc/corp/callback?state={state}&code={code}&iss={issuer}");
        match with(
            get(&path),
            "cookie",
            &format!("__Host-streamgate-oidc={cookie}"),
        ) {
            Some(request) => self.public(request).await.is_good(),
            None => false,
        }
    }
}

impl Answer {
    /// Was the request granted?
    pub fn is_good(&self) -> bool {
        self.status.is_success() || self.status.is_redirection()
    }
}
