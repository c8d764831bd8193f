//! A whole gate with everything that makes tokens: wallets, a provider, a cluster, and a content to
//! watch.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::super::*;
use crate::adapters::openid::OpenId;
use crate::adapters::openid::browser::Browser;
use crate::adapters::openid::server::{Server, free_port};
use crate::layers::client_address::Peer;
use crate::ports::catalog::{Content, ContentState, Contents, Outputs, suite};
use crate::ports::clock::Clock;
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::{Account, GATE, admin, owner, text};

/// An object of the store.
const OBJECT: &str = "contents/c/object";
/// What programs bind a challenge to.
pub fn binding(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// What a request was answered.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

/// A challenge with everything that answers it.
pub struct Login {
    pub message: String,
    pub signature: String,
    pub secret: String,
}

impl Login {
    /// The number in the message.
    pub fn nonce(&self) -> &str {
        let rest = self.message.split("Nonce: ").nth(1).unwrap();
        rest.lines().next().unwrap()
    }
}

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

/// The gate.
pub struct Stage {
    process: Process,
    pub provider: Server,
    pub pod_token: String,
    pub session: String,
    pub login: Login,
    pub away: Away,
    _secrets: tempfile::TempDir,
    _stop: tokio_util::sync::DropGuard,
}

fn callback() -> String {
    format!("{GATE}/api/v1/auth/oidc/corp/callback")
}

/// A cluster that publishes a key, and a token of one of its pods.
async fn cluster() -> (String, String) {
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
        "kubernetes.io": {"namespace": "default", "pod": {"name": "a-pod"}}});
    let signing = EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    (
        url,
        jsonwebtoken::encode(&header, &claims, &signing).unwrap(),
    )
}

impl Stage {
    pub async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let provider = Server::start(free_port(), "ES256", "first", &callback()).await;
        let secrets = tempfile::tempdir().unwrap();
        std::fs::create_dir(secrets.path().join("corp")).unwrap();
        let secret = secrets.path().join("corp/clientSecret");
        std::fs::write(secret, "the secret of the gate").unwrap();
        let mut config = fixture::config("http://127.0.0.1:9", 1);
        // Keys sign in without a chain, and only the owner's wallet watches.
        (config.chains, config.rules) = (Vec::new(), Vec::new());
        config.gate.allowed_namespaces = vec!["default".into()];
        config.auth.oidc = serde_json::from_value(json!([{"name": "corp",
            "issuer": provider.issuer, "clientId": "gate", "hasSecret": true}]))
        .unwrap();
        let outside = Outside {
            providers: Arc::new(OpenId::new(&config.auth.oidc, secrets.path()).unwrap()),
            ..Outside::nobody()
        };
        let (cluster, pod_token) = cluster().await;
        let process = process_with(config, outside, &cluster).await;
        let stop = CancellationToken::new();
        tokio::spawn(process.roles.streaming().run(stop.clone()));
        let empty = || Login {
            message: String::new(),
            signature: String::new(),
            secret: "0123456789abcdef0123456789abcdef".into(),
        };
        let mut stage = Self {
            process,
            provider,
            pod_token,
            session: String::new(),
            login: empty(),
            away: Away {
                cookie: String::new(),
                state: String::new(),
                code: String::new(),
            },
            _secrets: secrets,
            _stop: stop.drop_guard(),
        };
        stage.fill().await;
        stage
    }

    /// Contents, an object, a session, an open challenge, a browser that comes back.
    async fn fill(&mut self) {
        for id in ["c", "d"] {
            let content = Content {
                owner: owner().wallet().to_string(),
                state: ContentState::Processing,
                ..suite::content(id)
            };
            self.process.catalog.create_content(&content).await.unwrap();
            let output = suite::output(&format!("{id}-o"), id, &format!("job-{id}"));
            self.process.catalog.plan_output(&output).await.unwrap();
        }
        let key = ObjectKey::parse(OBJECT).unwrap();
        self.process
            .objects
            .put(&key, "bytes".into())
            .await
            .unwrap();
        let secret = self.login.secret.clone();
        let login = self.challenge(&owner(), &secret).await;
        let body = json!({"message": login.message, "signature": login.signature,
            "verifier": secret});
        let answer = self.post("/api/v1/auth/login", None, &body).await;
        self.session = answer.body["token"].as_str().unwrap().to_owned();
        self.login = self.challenge(&owner(), &secret).await;
        self.away = self.depart().await;
    }

    /// A challenge that is bound to a secret, and the account's answer to it.
    pub async fn challenge(&self, account: &Account, secret: &str) -> Login {
        let address = account.wallet().to_string();
        let body = json!({"address": address, "binding": binding(secret)});
        let answer = self.post("/api/v1/auth/challenge", None, &body).await;
        let message = answer.body["message"].as_str().unwrap().to_owned();
        let signature = text(&account.sign(&message));
        let secret = secret.to_owned();
        Login {
            message,
            signature,
            secret,
        }
    }

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

    pub async fn renewed(&self) -> String {
        let path = "/api/v1/auth/refresh";
        let answer = self.post(path, Some(&self.session), &json!({})).await;
        answer.body["token"].as_str().unwrap().to_owned()
    }

    pub async fn machine_key(&self) -> String {
        let secret = "ffffffffffffffffffffffffffffffff";
        let login = self.challenge(&admin(), secret).await;
        let body = json!({"message": login.message, "signature": login.signature,
            "verifier": secret});
        let answer = self.post("/api/v1/auth/login", None, &body).await;
        let session = answer.body["token"].as_str().unwrap();
        let wish = json!({"name": "machine", "scopes": ["watch", "upload", "admin"]});
        let answer = self.post("/api/v1/auth/keys", Some(session), &wish).await;
        answer.body["key"].as_str().unwrap().to_owned()
    }

    pub async fn handle(&self) -> String {
        let wish = json!({"content": "c"});
        let answer = self
            .post("/api/v1/playback", Some(&self.session), &wish)
            .await;
        let path = answer.body["path"].as_str().unwrap();
        path.split('/').nth(2).unwrap().to_owned()
    }

    pub async fn cursor(&self) -> String {
        let request = Request::get("/api/v1/contents?limit=1")
            .header("authorization", format!("Bearer {}", self.session));
        let answer = self.public(request.body(Body::empty()).unwrap()).await;
        answer.body["next"].as_str().unwrap().to_owned()
    }

    /// Path of an object on the internal listener, and until when its URL is good.
    pub fn object(&self) -> (String, i64) {
        (format!("/internal/v1/objects/{OBJECT}"), 4_000_000_000)
    }

    /// What makes that URL good: as the gate signs it, with the gate's key.
    pub fn object_signature(&self) -> String {
        let (_, expires) = self.object();
        let mut mac = Hmac::<Sha256>::new_from_slice(&keys().object_url).unwrap();
        mac.update(format!("GET\n{OBJECT}\n{expires}\n\n").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    async fn post(&self, path: &str, session: Option<&str>, body: &Value) -> Answer {
        let mut request = Request::post(path).header("content-type", "application/json");
        if let Some(session) = session {
            request = request.header("authorization", format!("Bearer {session}"));
        }
        let answer = self
            .public(request.body(Body::from(body.to_string())).unwrap())
            .await;
        assert!(
            answer.is_good(),
            "{path}: {} {}",
            answer.status,
            answer.body
        );
        answer
    }

    pub async fn public(&self, request: Request<Body>) -> Answer {
        answer(&self.process.public, request).await
    }

    pub async fn internal(&self, request: Request<Body>) -> Answer {
        answer(&self.process.internal, request).await
    }
}

async fn answer(listener: &Listener, mut request: Request<Body>) -> Answer {
    let peer = "127.0.0.1:1".parse().unwrap();
    request.extensions_mut().insert(Peer::new(peer));
    let response = listener.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
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
