//! The roles auth and streaming on loopback, with one published content.

use std::sync::Arc;

use alloy_primitives::{Address, Signature, eip191_hash_message};
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use streamgate_contract::config::RoleConfig;
use streamgate_contract::job_files::{init_name, segment_name};
use streamgate_contract::names;
use streamgate_contract::plan::{Plan, TrackPlan};
use streamgate_dataplane::adapters::ethereum::Ethereum;
use streamgate_dataplane::adapters::filesystem::Filesystem;
use streamgate_dataplane::adapters::sqlite::Sqlite3Catalog;
use streamgate_dataplane::adapters::system_clock::SystemClock;
use streamgate_dataplane::ports::catalog::{
    Content, ContentState, Contents, Output, Outputs, Segment,
};
use streamgate_dataplane::ports::objects::{ObjectKey, Objects};
use streamgate_dataplane::services::{auth, streaming};
use streamgate_dataplane::tokens::Signer;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::engine::Files;

/// The gate.
pub struct Gate {
    /// Its address.
    pub url: String,
    _stop: DropGuard,
    _folder: tempfile::TempDir,
}

/// The wallet that owns the content.
fn wallet() -> k256::ecdsa::SigningKey {
    k256::ecdsa::SigningKey::from_slice(&[1; 32]).unwrap()
}

fn owner() -> String {
    Address::from_private_key(&wallet())
        .to_string()
        .to_lowercase()
}

fn signer(seed: u8) -> Signer {
    let pem = SigningKey::from_bytes(&[seed; 32]).to_pkcs8_pem(Default::default());
    Signer::from_pem(&pem.unwrap()).unwrap()
}

fn config(url: &str) -> RoleConfig {
    serde_json::from_value(json!({
        "gate": {"namespace": "default", "name": "gate", "uid": "uid", "allowedNamespaces": []},
        "publicUrl": url, "chains": [], "rules": [], "log": "info",
        "storage": {"filesystem": {"path": "/"}}, "database": {"sqlite": {"path": "/"}},
        "auth": {"domain": url.trim_start_matches("http://"), "challengeSeconds": 300,
            "sessionSeconds": 3_600, "leaseSeconds": 60, "pauseAllowanceSeconds": 600},
        "people": {"creators": [], "admins": []},
        "limits": {"maxUploadBytes": 1, "requestsPerSecond": 1, "requestBurst": 1,
            "requestTimeoutSeconds": 1},
        "transcode": {"renditions": [], "audio": {"kbps": 128}, "limits": {"maxSide": 1,
            "maxFrameRate": 1, "maxDurationSeconds": 1, "maxStreams": 1}, "grid": {}},
    }))
    .unwrap()
}

impl Gate {
    /// Starts the roles with this output as the content `clip`.
    pub async fn with(plan: &Plan, files: &Files) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await;
        let catalog = Arc::new(catalog.unwrap());
        let objects = Arc::new(Filesystem::open(folder.path().join("objects")).unwrap());
        publish(&catalog, &objects, plan, files).await;

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = config(&url);
        let registry = prometheus::Registry::new();
        let playback_key = signer(2);
        let public = playback_key.verifier().clone();
        let parts = auth::Parts {
            catalog: catalog.clone(),
            chain: Arc::new(
                Ethereum::new(&config.chains, Arc::new(SystemClock), &registry).unwrap(),
            ),
            clock: Arc::new(SystemClock),
            session_key: signer(1),
            playback_key,
        };
        let auth = Arc::new(auth::Auth::new(parts, &config, &registry).unwrap());
        let parts = streaming::Parts {
            catalog,
            objects,
            entitlements: auth.clone(),
            clock: Arc::new(SystemClock),
            playback_key: public,
            public_url: url.clone(),
            cache_bytes: 64 << 20,
        };
        let streaming = Arc::new(streaming::Streaming::new(parts, &registry).unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(streaming.clone().run(stop.clone()));
        let router = auth::http::routes(auth).fallback_service(streaming::http::service(streaming));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            _stop: stop.drop_guard(),
            _folder: folder,
        }
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}/api/v1/{path}", self.url));
        let request = match token {
            "" => request,
            token => request.bearer_auth(token),
        };
        let response = request.json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}");
        response.json().await.unwrap()
    }

    /// Signs the owner in and asks for playback; the URL of the master playlist.
    pub async fn playback(&self) -> String {
        let challenge = self
            .post("auth/challenge", "", json!({"address": owner()}))
            .await;
        let message = challenge["message"].as_str().unwrap();
        let hash = eip191_hash_message(message);
        let signature = wallet().sign_prehash_recoverable(hash.as_slice()).unwrap();
        let signature = hex::encode(Signature::from(signature).as_bytes());
        let login = json!({"message": message, "signature": format!("0x{signature}")});
        let session = self.post("auth/login", "", login).await;
        let token = session["token"].as_str().unwrap();
        let playback = self
            .post("playback", token, json!({"content": "clip"}))
            .await;
        playback["url"].as_str().unwrap().to_owned()
    }
}

async fn publish(catalog: &Sqlite3Catalog, objects: &Filesystem, plan: &Plan, files: &Files) {
    let content = Content {
        id: "clip".parse().unwrap(),
        title: "Clip".into(),
        owner: owner(),
        rule: None,
        state: ContentState::Processing,
        current_output: None,
    };
    catalog.create_content(&content).await.unwrap();
    let output = Output {
        id: "output".parse().unwrap(),
        content: content.id,
        job: "job".into(),
        plan: plan.clone(),
        complete: false,
    };
    let output = catalog.plan_output(&output).await.unwrap();
    for track in &plan.tracks {
        let segments = 0..track.starts.len() as u32 - 1;
        for number in std::iter::once(None).chain(segments.map(Some)) {
            let segment = store(objects, &output, track, number, files).await;
            assert!(catalog.commit(&output.id, &segment).await.unwrap());
        }
    }
    catalog.publish(&output.id).await.unwrap();
}

async fn store(
    objects: &Filesystem,
    output: &Output,
    track: &TrackPlan,
    number: Option<u32>,
    files: &Files,
) -> Segment {
    let name = match number {
        None => init_name(&track.id),
        Some(number) => segment_name(&track.id, number),
    };
    let bytes = Bytes::from(files[&name].clone());
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let (content, id) = (&output.content, &output.id);
    let key = match number {
        None => names::init_key(content, id, &track.id, &sha256),
        Some(number) => names::segment_key(content, id, &track.id, number, &sha256),
    };
    let length = bytes.len() as u64;
    objects
        .put(&ObjectKey::parse(&key).unwrap(), bytes)
        .await
        .unwrap();
    let (track, bytes) = (track.id.clone(), length);
    Segment {
        track,
        number,
        key,
        bytes,
        sha256,
    }
}
