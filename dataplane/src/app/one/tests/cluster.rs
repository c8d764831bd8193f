//! What roles need of a cluster: an API server that publishes the keys of its tokens, and a Service
//! that spreads connections over the pods that are ready.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

/// The API server.
pub struct Cluster {
    key: EncodingKey,
    /// Where it is.
    pub url: String,
}

impl Cluster {
    /// Publishes a key of its own, and knows nothing else.
    pub async fn start() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        // An uncompressed point: a byte that says so, then both coordinates.
        let (x, y) = pair.public_key_raw()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
            "kid": "one", "x": x, "y": y}]});
        let discovery = json!({"issuer": "https://cluster"});
        let app = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(|| async { Json(discovery) }),
            )
            .route("/openid/v1/jwks", get(|| async { Json(jwks) }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { key, url }
    }

    /// A token of the account of a pod, as kubelet projects it.
    pub fn token(&self, audience: &str, account: &str) -> String {
        let header = Header {
            kid: Some("one".into()),
            ..Header::new(Algorithm::ES256)
        };
        let until = jiff::Timestamp::now().as_second() + 3_600;
        let claims = json!({"iss": "https://cluster", "aud": [audience], "exp": until,
            "kubernetes.io": {"namespace": "default", "pod": {"name": format!("{account}-x")},
                "serviceaccount": {"name": account}}});
        encode(&header, &claims, &self.key).unwrap()
    }
}

/// A Service.
#[derive(Clone)]
pub struct Service {
    ready: Arc<Mutex<Vec<SocketAddr>>>,
    /// Where it is.
    pub address: SocketAddr,
}

impl Service {
    /// Spreads connections over whoever is ready, one after the other.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            ready: Arc::default(),
            address: listener.local_addr().unwrap(),
        };
        let ready = service.ready.clone();
        tokio::spawn(async move {
            for n in 0usize.. {
                let (mut caller, _) = listener.accept().await.unwrap();
                let pods = ready.lock().unwrap().clone();
                let Some(pod) = pods.get(n % pods.len().max(1)).copied() else {
                    continue;
                };
                tokio::spawn(async move {
                    let mut pod = TcpStream::connect(pod).await?;
                    tokio::io::copy_bidirectional(&mut caller, &mut pod).await
                });
            }
        });
        service
    }

    /// New connections go to these from now on.
    pub fn set(&self, pods: Vec<SocketAddr>) {
        *self.ready.lock().unwrap() = pods;
    }
}
