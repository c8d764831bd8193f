//! A gate that streams over HTTP on loopback.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use sha2::{Digest, Sha256};
use streamgate_contract::names;
use streamgate_contract::playback::PlaybackSettings;

use crate::ports::catalog::{Outputs, Segment};
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::{GATE, World};
use crate::services::streaming::{Parts, Streaming, http};
use crate::tokens::fixture::signer;

/// Tracks of every content and their segments.
pub const TRACKS: [&str; 2] = ["v720", "a-en-aac"];
/// Segments of each track.
pub const SEGMENTS: u32 = 2;

/// The gate with its streaming role.
pub struct Stage {
    /// The gate.
    pub world: World,
    /// Its streaming role.
    pub streaming: Arc<Streaming>,
    /// Where it answers.
    pub url: String,
}

/// Bytes of a segment, different for each.
pub fn bytes(content: &str, track: &str, number: Option<u32>) -> Bytes {
    format!("{content} {track} {number:?} ").repeat(50).into()
}

impl Stage {
    pub async fn new(world: World) -> Self {
        Self::with(world, PlaybackSettings::default()).await
    }

    /// A gate whose viewings are held to more than their rule.
    pub async fn with(world: World, settings: PlaybackSettings) -> Self {
        let parts = Parts {
            catalog: world.catalog.clone(),
            objects: world.objects.clone(),
            entitlements: world.auth.clone(),
            clock: world.clock.clone(),
            playback_key: signer(2).verifier().clone(),
            public_url: GATE.into(),
            cache_bytes: 1 << 20,
            settings,
            shared_streams: None,
        };
        let streaming = Streaming::new(parts, &prometheus::Registry::new()).unwrap();
        let streaming = Arc::new(streaming);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback_service(http::service(streaming.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let stage = Self {
            world,
            streaming,
            url,
        };
        stage.hear().await;
        stage
    }

    /// Reads the revocation epoch, as the role does each second.
    pub async fn hear(&self) {
        self.streaming.admission.refresh_epoch().await.unwrap();
    }

    /// Moves the clock on, as a second after the other.
    pub async fn wait(&self, seconds: i64) {
        self.world.clock.advance(seconds);
        self.hear().await;
    }

    /// Commits one object; returns its path below the handle.
    pub async fn commit(&self, content: &str, track: &str, number: Option<u32>) -> String {
        let bytes = bytes(content, track, number);
        self.commit_bytes(content, track, number, bytes).await
    }

    /// Commits an object of these bytes.
    pub async fn commit_bytes(
        &self,
        content: &str,
        track: &str,
        number: Option<u32>,
        bytes: Bytes,
    ) -> String {
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let (id, output) = (
            content.parse().unwrap(),
            format!("{content}-o").parse().unwrap(),
        );
        let track = track.parse().unwrap();
        let key = match number {
            None => names::init_key(&id, &output, &track, &sha256),
            Some(n) => names::segment_key(&id, &output, &track, n, &sha256),
        };
        let size = bytes.len() as u64;
        self.world
            .objects
            .put(&ObjectKey::parse(&key).unwrap(), bytes)
            .await
            .unwrap();
        let name = key.rsplit('/').next().unwrap().to_owned();
        let path = format!("{track}/{name}");
        let (bytes, key) = (size, key.clone());
        let segment = Segment {
            track,
            number,
            key,
            bytes,
            sha256,
            head_bytes: number.map(|_| 40),
        };
        assert!(self.world.catalog.commit(&output, &segment).await.unwrap());
        path
    }

    /// A published content; returns the paths of its objects below the handle.
    pub async fn published(&self, content: &str, rule: Option<&str>) -> Vec<String> {
        self.world.content(content, rule).await;
        let mut paths = Vec::new();
        for track in TRACKS {
            for number in std::iter::once(None).chain((0..SEGMENTS).map(Some)) {
                paths.push(self.commit(content, track, number).await);
            }
        }
        let output = format!("{content}-o").parse().unwrap();
        self.world.catalog.publish(&output).await.unwrap();
        paths
    }

    /// A request below `/v/`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::new().request(method, format!("{}/v/{path}", self.url))
    }

    /// Status of a GET, with the problem's body if it is one.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.request(Method::GET, path).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }
}

/// Every file of a content: playlists and objects.
pub fn files(objects: &[String]) -> Vec<String> {
    let playlists = ["master", "v720", "a-en-aac"].map(|name| format!("{name}.m3u8"));
    playlists
        .into_iter()
        .chain(objects.iter().cloned())
        .collect()
}
