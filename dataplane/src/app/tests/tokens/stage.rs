//! A whole gate with everything that makes tokens: wallets, a provider, a cluster, and a content to
//! watch.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::super::*;
use super::outside::{Away, callback, cluster};
use crate::adapters::openid::OpenId;
use crate::adapters::openid::server::{Server, free_port};
use crate::layers::client_address::Peer;
use crate::ports::catalog::{Content, ContentState, Contents, Outputs, suite};
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::{Account, admin, owner, text};
use crate::services::auth::siwe::Signable;

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
        let limit = |role| json!({"role": role, "requestsPerSecond": 100_000, "burst": 100_000});
        let roles = ["auth", "metadata", "streaming", "worker"].map(limit);
        config.limits.roles = serde_json::from_value(json!(roles)).unwrap();
        config.auth.oidc = serde_json::from_value(json!([{"name": "corp",
            "issuer": provider.issuer, "clientId": "gate", "hasSecret": true, "scopes": ["openid"]}]))
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
            for track in ["v720", "a-en-aac"] {
                for number in [None, Some(0)] {
                    let hash = hex::encode(Sha256::digest(format!("{id} {track} {number:?}")));
                    let segment = suite::segment(track, number, &hash);
                    let committed = self.process.catalog.commit(&output.id, &segment);
                    assert!(committed.await.unwrap());
                }
            }
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
        self.challenge_in("eip4361", account, secret).await
    }

    /// The same in a form.
    pub async fn challenge_in(&self, form: &str, account: &Account, secret: &str) -> Login {
        let address = account.wallet().to_string();
        let body = json!({"address": address, "signType": form, "binding": binding(secret)});
        let answer = self.post("/api/v1/auth/challenge", None, &body).await;
        let message = answer.body["message"].as_str().unwrap().to_owned();
        let signed: Signable = message.parse().unwrap();
        let signature = text(&account.sign_hash(signed.hash()));
        let secret = secret.to_owned();
        Login {
            message,
            signature,
            secret,
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
    // A refusal counts when it is one of the token, not of haste or trouble.
    let haste = parts.status == StatusCode::TOO_MANY_REQUESTS;
    let told = String::from_utf8_lossy(&bytes);
    assert!(!haste && !parts.status.is_server_error(), "{told}");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    }
}
