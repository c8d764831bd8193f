//! A replica of the role with a memory of its own, whose way to auth can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use streamgate_contract::ContentId;
use streamgate_contract::playback::PlaybackSettings;
use tokio_util::sync::CancellationToken;

use super::fixture::Stage;
use crate::ports::clock::Clock;
use crate::ports::identity::{Denied, Entitlements, Lease, Viewer};
use crate::ports::shared_streams::SharedStreams;
use crate::services::auth::Auth;
use crate::services::auth::fixture::GATE;
use crate::services::streaming::{self, Streaming, http};
use crate::tokens::fixture::signer;

/// The way from a replica to auth, which can be cut.
struct Line {
    auth: Arc<Auth>,
    cut: Arc<AtomicBool>,
}

impl Line {
    fn open(&self) -> Result<(), Denied> {
        match self.cut.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Denied::Undecided {
                reason: "AuthUnreachable",
                source: "the line is cut".into(),
            }),
        }
    }
}

#[async_trait]
impl Entitlements for Line {
    async fn entitle(&self, viewer: &Viewer, content: &ContentId) -> Result<Lease, Denied> {
        self.open()?;
        self.auth.entitle(viewer, content).await
    }

    async fn epoch(&self) -> Result<u64, Denied> {
        self.open()?;
        self.auth.epoch().await
    }
}

/// A replica with its own memory of handles, leases and epoch.
pub struct Replica {
    /// Where it answers.
    pub url: String,
    /// Whether it reaches auth no more.
    pub cut: Arc<AtomicBool>,
}

impl Replica {
    /// Starts one that hears of revocations until `stop`.
    pub async fn start(
        stage: &Stage,
        auth: Arc<Auth>,
        clock: Arc<dyn Clock>,
        stop: &CancellationToken,
    ) -> Self {
        let alone = (PlaybackSettings::default(), None);
        Self::counting(stage, auth, clock, alone, stop).await
    }

    /// Starts one that counts streams in a store.
    pub async fn counting(
        stage: &Stage,
        auth: Arc<Auth>,
        clock: Arc<dyn Clock>,
        (settings, shared_streams): (PlaybackSettings, Option<Arc<dyn SharedStreams>>),
        stop: &CancellationToken,
    ) -> Self {
        let cut = Arc::new(AtomicBool::new(false));
        let line = Line {
            auth,
            cut: cut.clone(),
        };
        let parts = streaming::Parts {
            catalog: stage.world.catalog.clone(),
            objects: stage.world.objects.clone(),
            entitlements: Arc::new(line),
            clock,
            playback_key: signer(2).verifier().clone(),
            public_url: GATE.into(),
            cache_bytes: 1 << 20,
            settings,
            shared_streams,
        };
        let streaming = Streaming::new(parts, &prometheus::Registry::new()).unwrap();
        let streaming = Arc::new(streaming);
        tokio::spawn(streaming.clone().run(stop.clone()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback_service(http::service(streaming));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, cut }
    }
}
