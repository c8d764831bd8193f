//! Role `streaming`: playlists and segments, each guarded by a playback handle and an entitlement
//! that is asked anew with every lease. Holds public keys only.

use std::sync::Arc;
use std::time::Duration;

use streamgate_contract::TrackId;
use streamgate_contract::encryption::{ContentKey, Scheme};
use streamgate_contract::playback::PlaybackSettings;
use streamgate_contract::stills::Still;
use tokio_util::sync::CancellationToken;

use crate::ports::catalog::Catalog;
use crate::ports::clock::Clock;
use crate::ports::identity::Entitlements;
use crate::ports::objects::Objects;
use crate::ports::shared_streams::SharedStreams;
use crate::tokens::{Verifier, Viewing};

mod admission;
mod error;
mod fragments;
pub mod http;
mod info;
mod keys;
mod manifest;
mod metrics;
pub(crate) mod name;
mod page;
pub(crate) mod page_name;
pub(crate) mod path;
mod playlist;
pub(crate) mod range;
mod storyboard;
mod text;
mod view;

pub use admission::Pass;
pub use error::StreamingError;
pub use fragments::Fragment;
pub use name::FileName;
pub use page::Page;
pub use page_name::PageName;

use admission::{Admission, Shared, TELLS};
use fragments::Fragments;
use metrics::Metrics;
use view::Views;

/// How often the revocation epoch is read: with the watch on chains, a transfer ends a stream within
/// a second of its block.
const EPOCH_INTERVAL: Duration = Duration::from_millis(250);

/// What the role is made of.
pub struct Parts {
    /// Outputs and their committed segments.
    pub catalog: Arc<dyn Catalog>,
    /// Their bytes.
    pub objects: Arc<dyn Objects>,
    /// Says who may watch.
    pub entitlements: Arc<dyn Entitlements>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Verifies playback handles.
    pub playback_key: Verifier,
    /// The gate's public URL: issuer of handles.
    pub public_url: String,
    /// Bytes of segments kept in memory.
    pub cache_bytes: u64,
    /// What viewings are held to.
    pub settings: PlaybackSettings,
    /// Counts streams over all replicas; without it each counts alone.
    pub shared_streams: Option<Arc<dyn SharedStreams>>,
}

/// The role.
pub struct Streaming {
    /// What viewings are held to.
    pub settings: PlaybackSettings,
    /// The gate's public URL.
    pub public_url: String,
    admission: Admission,
    views: Views,
    fragments: Fragments,
}

impl Streaming {
    /// Makes the role.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn new(parts: Parts, registry: &prometheus::Registry) -> Result<Self, prometheus::Error> {
        let metrics = Arc::new(Metrics::new(registry)?);
        let shared = parts.shared_streams;
        let shared = shared
            .map(|store| Shared::new(store, registry))
            .transpose()?;
        Ok(Self {
            public_url: parts.public_url.clone(),
            admission: Admission::new(
                parts.playback_key,
                parts.public_url,
                parts.entitlements,
                parts.clock.clone(),
                metrics.clone(),
                (&parts.settings, shared),
            ),
            views: Views::new(parts.catalog, parts.clock),
            fragments: Fragments::new(parts.objects, parts.cache_bytes, metrics),
            settings: parts.settings,
        })
    }

    /// Keeps the revocation epoch fresh, and the other replicas in the know, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::join!(self.follow_epoch(&stop), self.tell_of_streams(&stop));
    }

    async fn tell_of_streams(&self, stop: &CancellationToken) {
        let pause = Duration::from_secs(TELLS);
        while stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_some()
        {
            self.admission.tell().await;
        }
    }

    async fn follow_epoch(&self, stop: &CancellationToken) {
        let mut failing = false;
        loop {
            let outcome = self.admission.refresh_epoch().await;
            if let (Err(error), false) = (&outcome, failing) {
                tracing::warn!(%error, "the revocation epoch cannot be read; playback stops soon");
            }
            failing = outcome.is_err();
            let pause = tokio::time::sleep(EPOCH_INTERVAL);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// May this replica serve anybody? Not before it knows the revocation epoch.
    pub fn ready(&self) -> bool {
        self.admission.moment().is_ok()
    }

    /// Who may watch what by this handle, now.
    pub async fn admit(&self, handle: &str) -> Result<Arc<Pass>, StreamingError> {
        self.admission.admit(handle).await
    }

    /// Whether somebody who was admitted still is; their pass, or a new one.
    pub async fn admit_again(&self, pass: &Arc<Pass>) -> Result<Arc<Pass>, StreamingError> {
        self.admission.admit_again(pass).await
    }

    /// A playlist or manifest of what is watched.
    pub async fn page(&self, viewing: &Viewing, name: &PageName) -> Result<Page, StreamingError> {
        let view = self.views.current(&viewing.output).await?;
        let serves = |scheme: Scheme| match name {
            PageName::Manifest => scheme.serves_dash(),
            PageName::Storyboard | PageName::Info => true,
            _ => scheme.serves_hls(),
        };
        if !view.scheme().is_none_or(serves) {
            return Err(StreamingError::NotOffered);
        }
        let track = |id| view.track(id).ok_or(StreamingError::NoSuchFile);
        let page = match name {
            PageName::Master => view.master.get(|| playlist::master(&view)),
            PageName::Manifest => view.manifest.get(|| manifest::mpd(&view)),
            PageName::Info => view.info.get(|| info::info(&view)),
            PageName::Storyboard => {
                let tiles = view.tiles.ok_or(StreamingError::NoSuchFile)?;
                view.tile_list.get(|| Some(storyboard::tiles(&tiles)))
            }
            PageName::Media(id) => match view.text(id) {
                Some(text) => text.playlist.get(|| playlist::text(&view, text)),
                None => track(id)?.playlist.get(|| playlist::media(&view, id)),
            },
            PageName::IFrames(id) => {
                let video = Some(track(id)?).filter(|track| track.is_video());
                let video = video.ok_or(StreamingError::NoSuchFile)?;
                video.iframes.get(|| playlist::iframes(&view, id))
            }
        };
        page.ok_or(StreamingError::NotReady)
    }

    /// A still image of what is watched.
    pub async fn still(
        &self,
        viewing: &Viewing,
        still: Still,
    ) -> Result<Arc<Fragment>, StreamingError> {
        let view = self.views.current(&viewing.output).await?;
        view.still(still).ok_or(StreamingError::NoSuchFile)
    }

    /// The key of what is watched.
    pub async fn key(&self, viewing: &Viewing) -> Result<ContentKey, StreamingError> {
        let key = self.views.key(&viewing.output).await?;
        key.ok_or(StreamingError::NoSuchFile)
    }

    /// Finds a segment or init segment of what is watched.
    pub async fn fragment(
        &self,
        pass: &Pass,
        track: &str,
        name: FileName<'_>,
    ) -> Result<Arc<Fragment>, StreamingError> {
        let known = pass.view().and_then(|view| view.find(track, name));
        match known {
            Some(fragment) => Ok(fragment),
            // Boxed: a request whose file is known carries nothing of this.
            None => Box::pin(self.look_up(pass, track, name)).await,
        }
    }

    async fn look_up(
        &self,
        pass: &Pass,
        track: &str,
        name: FileName<'_>,
    ) -> Result<Arc<Fragment>, StreamingError> {
        track
            .parse::<TrackId>()
            .map_err(|_| StreamingError::NoSuchFile)?;
        let (view, found) = self.views.find(&pass.viewing.output, track, name).await?;
        pass.keep(&view);
        // A hash names an object, perhaps of another content; a number is a place in this one.
        found.ok_or(match name.hash {
            Some(_) => StreamingError::OutsideHandle,
            None => StreamingError::NoSuchFile,
        })
    }

    /// Its bytes.
    pub async fn bytes(&self, fragment: &Fragment) -> Result<bytes::Bytes, StreamingError> {
        self.fragments.bytes(fragment).await
    }
}

#[cfg(test)]
mod tests;
