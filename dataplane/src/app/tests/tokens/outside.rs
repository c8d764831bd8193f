//! Who stands outside of the gate and makes tokens: the provider and the cluster.

use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use reqwest::Url;
use serde_json::{Value, json};

use super::stage::{Stage, binding};
use crate::adapters::openid::browser::Browser;
use crate::adapters::system_clock::SystemClock;
use crate::ports::clock::Clock;
use crate::services::auth::fixture::GATE;

/// A browser that is at the provider, and what it will bring back.
pub struct Away {
    pub cookie: String,
    pub state: String,
    pub code: String,
}

/// Tokens that a provider gives to its clients.
pub struct Given {
    pub id_token: String,
    pub access_token: String,
}

/// Where the provider sends browsers back to.
pub fn callback() -> String {
    format!("{GATE}/api/v1/auth/oidc/corp/callback")
}

/// A cluster that publishes a key, and a token of one of its pods.
pub async fn cluster() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let point = key.public_key_raw();
    let coordinate = |at: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[at]);
    let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "cluster", "alg": "ES256",
        "x": coordinate(1..33), "y": coordinate(33..65)});
    let keys = json!({"keys": [jwk]});
    let router = axum::Router::new()
        .route("/openid/v1/jwks", get(async || axum::Json(keys)))
        .route(
            "/.well-known/openid-configuration",
            get(async || axum::Json(json!({"issuer": "https://cluster"}))),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("cluster".into());
    let claims = json!({"iss": "https://cluster", "aud": ["uid"], "exp": SystemClock.now() + 600,
        "kubernetes.io": {"namespace": "default", "pod": {"name": "a-pod"},
            "serviceaccount": {"name": "default"}}});
    let signing = EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    (
        url,
        jsonwebtoken::encode(&header, &claims, &signing).unwrap(),
    )
}

impl Stage {
    /// Sends a browser to the provider and stops where it would come back.
    pub async fn depart(&self) -> Away {
        let path = "/api/v1/auth/oidc/corp/login";
        let answer = self
            .public(Request::get(path).body(Body::empty()).unwrap())
            .await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap();
        let location = answer.headers["location"].to_str().unwrap();
        let back = follow(location).await;
        Away {
            cookie: cookie.split_once('=').unwrap().1.to_owned(),
            state: queried(&back, "state"),
            code: queried(&back, "code"),
        }
    }

    /// What the provider gives to the client `gate` itself, for a sign-in of our own.
    pub async fn tokens_of_the_provider(&self) -> Given {
        let (verifier, issuer) = ("v".repeat(43), &self.provider.issuer);
        let mut url: Url = format!("{issuer}/auth").parse().unwrap();
        url.query_pairs_mut().extend_pairs([
            ("client_id", "gate"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("redirect_uri", &callback()),
            ("code_challenge", &binding(&verifier)),
            ("code_challenge_method", "S256"),
            ("nonce", "n"),
            ("state", "s"),
        ]);
        let back = follow(url.as_str()).await;
        let (code, uri) = (queried(&back, "code"), callback());
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs([
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &uri),
            ("code_verifier", &verifier),
        ]);
        let request = reqwest::Client::new()
            .post(format!("{issuer}/token"))
            .basic_auth("gate", Some("the+secret+of+the+gate"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.finish());
        let given: Value = request.send().await.unwrap().json().await.unwrap();
        let text = |name: &str| given[name].as_str().expect(name).to_owned();
        Given {
            id_token: text("id_token"),
            access_token: text("access_token"),
        }
    }
}

/// Where the provider sends a browser that comes with this.
async fn follow(location: &str) -> Url {
    Browser::start()
        .until(location.parse().unwrap(), "/callback")
        .await
}

fn queried(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.unwrap().1.into_owned()
}
