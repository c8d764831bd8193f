//! The roles auth and streaming on loopback, with one published content.

use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, Signature, eip191_hash_message};
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use streamgate_contract::config::RoleConfig;
use streamgate_contract::encryption::Protection;
use streamgate_contract::job_files::{init_name, segment_name, text_name};
use streamgate_contract::names;
use streamgate_contract::plan::{Plan, TrackPlan};
use streamgate_contract::stills::Still;
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
    catalog: Arc<Sqlite3Catalog>,
    objects: Arc<Filesystem>,
    output: Output,
    /// Tokens of the sessions that asked for playback.
    sessions: Mutex<Vec<String>>,
    _stop: DropGuard,
    _folder: tempfile::TempDir,
}

/// SHA-256 of the word `secret`, which the sign-in shows.
const BINDING: &str = "K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol_pe_Unols";

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

/// Seconds of a lease; `LEASE_SECONDS` says another number.
fn lease() -> u64 {
    let asked = std::env::var("LEASE_SECONDS").ok();
    asked.map_or(60, |seconds| seconds.parse().unwrap())
}

fn config(url: &str) -> RoleConfig {
    serde_json::from_value(json!({
        "gate": {"namespace": "default", "name": "gate", "uid": "uid", "allowedNamespaces": []},
        "publicUrl": url, "chains": [], "rules": [], "log": "info",
        "storage": {"filesystem": {"path": "/"}}, "database": {"sqlite": {"path": "/"}},
        "auth": {"domain": url.trim_start_matches("http://"), "challengeSeconds": 300,
            "sessionSeconds": 3_600, "leaseSeconds": lease(), "pauseAllowanceSeconds": 600},
        "people": {"creators": [], "admins": []},
        "limits": {"maxUploadBytes": 1, "requestsPerSecond": 1, "requestBurst": 1,
            "requestTimeoutSeconds": 1},
        "transcode": {"renditions": [], "audio": {"kbps": 128}, "limits": {"maxSide": 1,
            "maxFrameRate": 1, "maxDurationSeconds": 1, "maxStreams": 1}, "grid": {}},
    }))
    .unwrap()
}

impl Gate {
    /// Starts the roles with this output, whole, as the content `clip`.
    pub async fn with(plan: &Plan, files: &Files) -> Self {
        let gate = Self::planned(plan, files, None).await;
        for number in 0..plan.grid.segments {
            gate.commit(number, files).await;
        }
        gate.publish().await;
        gate
    }

    /// Starts the roles with the content `clip`, of which nothing but init segments is committed.
    pub async fn planned(plan: &Plan, files: &Files, protection: Option<Protection>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await;
        let catalog = Arc::new(catalog.unwrap());
        let objects = Arc::new(Filesystem::open(folder.path().join("objects")).unwrap());
        let output = add(&catalog, plan).await;
        if let Some(protection) = protection {
            let kept = catalog.keep_key(&output.job, &protection.key).await;
            assert_eq!(kept.unwrap(), protection.key);
        }

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
            outside: auth::Outside::nobody(),
            session_key: signer(1),
            playback_key,
        };
        let auth = Arc::new(auth::Auth::new(parts, &config, &registry).unwrap());
        let parts = streaming::Parts {
            catalog: catalog.clone(),
            objects: objects.clone(),
            entitlements: auth.clone(),
            clock: Arc::new(SystemClock),
            playback_key: public,
            public_url: url.clone(),
            cache_bytes: 64 << 20,
            settings: Default::default(),
            shared_streams: None,
        };
        let streaming = Arc::new(streaming::Streaming::new(parts, &registry).unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(streaming.clone().run(stop.clone()));
        let router = auth::http::routes(auth).fallback_service(streaming::http::service(streaming));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let gate = Self {
            url,
            catalog,
            objects,
            output,
            sessions: Mutex::default(),
            _stop: stop.drop_guard(),
            _folder: folder,
        };
        gate.commit_all(None, files).await;
        gate.commit_texts(files).await;
        gate.commit_stills(files).await;
        gate
    }

    /// Commits segment `number` of every track that has one.
    pub async fn commit(&self, number: u32, files: &Files) {
        self.commit_all(Some(number), files).await;
    }

    async fn commit_all(&self, number: Option<u32>, files: &Files) {
        for track in &self.output.plan.tracks {
            if number.is_some_and(|n| n as usize + 1 >= track.starts.len()) {
                continue;
            }
            let segment = store(&self.objects, &self.output, track, number, files).await;
            assert!(
                self.catalog
                    .commit(&self.output.id, &segment)
                    .await
                    .unwrap()
            );
        }
    }

    async fn commit_texts(&self, files: &Files) {
        for text in &self.output.plan.text {
            let bytes = Bytes::from(files[&text_name(&text.id)].clone());
            let output = &self.output;
            let key = names::text_key(&output.content, &output.id, &text.id, &text.sha256);
            self.objects
                .put(&ObjectKey::parse(&key).unwrap(), bytes)
                .await
                .unwrap();
            let segment = Segment {
                track: text.id.clone(),
                number: None,
                key,
                bytes: text.bytes,
                sha256: text.sha256.clone(),
                head_bytes: None,
            };
            assert!(self.catalog.commit(&output.id, &segment).await.unwrap());
        }
    }

    async fn commit_stills(&self, files: &Files) {
        let Some(stills) = &self.output.plan.stills else {
            return;
        };
        for still in Still::ALL {
            let bytes = Bytes::from(files[&still.file()].clone());
            let (output, said) = (&self.output, stills.plan(still));
            let key = names::still_key(&output.content, &output.id, still, &said.sha256);
            let place = ObjectKey::parse(&key).unwrap();
            self.objects.put(&place, bytes).await.unwrap();
            let segment = Segment {
                track: still.track(),
                number: None,
                key,
                bytes: said.bytes,
                sha256: said.sha256.clone(),
                head_bytes: None,
            };
            assert!(self.catalog.commit(&output.id, &segment).await.unwrap());
        }
    }

    /// Closes the output.
    pub async fn publish(&self) {
        self.catalog.publish(&self.output.id).await.unwrap();
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
            .post(
                "auth/challenge",
                "",
                json!({"address": owner(), "binding": BINDING}),
            )
            .await;
        let message = challenge["message"].as_str().unwrap();
        let hash = eip191_hash_message(message);
        let signature = wallet().sign_prehash_recoverable(hash.as_slice()).unwrap();
        let signature = hex::encode(Signature::from(signature).as_bytes());
        let login = json!({"message": message, "signature": format!("0x{signature}"), "verifier": "secret"});
        let session = self.post("auth/login", "", login).await;
        let token = session["token"].as_str().unwrap();
        self.sessions.lock().unwrap().push(token.to_owned());
        let playback = self
            .post("playback", token, json!({"content": "clip"}))
            .await;
        playback["url"].as_str().unwrap().to_owned()
    }

    /// Ends every session that asked for playback, and what is watched in it.
    pub async fn end(&self) {
        let sessions = std::mem::take(&mut *self.sessions.lock().unwrap());
        for token in sessions {
            let out = reqwest::Client::new().post(format!("{}/api/v1/auth/logout", self.url));
            let out = out.bearer_auth(token).send().await.unwrap();
            assert_eq!(out.status(), 204);
        }
    }
}

async fn add(catalog: &Sqlite3Catalog, plan: &Plan) -> Output {
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
    catalog.plan_output(&output).await.unwrap()
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
    let head_bytes = number.and_then(|_| head(&bytes));
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
        head_bytes,
    }
}

/// End of the first `mdat` box, as the courier finds it; none in what is encrypted as a whole.
fn head(segment: &[u8]) -> Option<u64> {
    let mut at = 0;
    loop {
        let kind = segment.get(at + 4..at + 8)?;
        let size = segment[at..at + 4]
            .try_into()
            .ok()
            .map(u32::from_be_bytes)?;
        at += usize::try_from(size).ok().filter(|size| *size >= 8)?;
        if kind == b"mdat" {
            return Some(at as u64);
        }
    }
}
