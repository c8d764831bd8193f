//! What of an output is committed, as playlists and requests need it. Whole outputs never change
//! and are kept; those in work are read anew every second.

use std::sync::Arc;

use moka::future::Cache;
use streamgate_contract::encryption::{ContentKey, Protected, Scheme};
use streamgate_contract::plan::{Media, TrackPlan};
use streamgate_contract::stills::{Still, Tiles};
use streamgate_contract::{OutputId, TrackId};

use super::error::StreamingError;
use super::fragments::Fragment;
use super::name::FileName;
use super::page::Once;
use crate::ports::catalog::{Catalog, CatalogError, Segment};
use crate::ports::clock::{Clock, UnixSeconds};

/// Most segments over all outputs that are remembered, some 200 bytes each.
const MAX_SEGMENTS: u64 = 250_000;

/// What of a plan a view is made of.
type Plans = (Vec<TrackPlan>, Option<Protected>, Option<Tiles>);

/// A track and what of it is committed.
#[derive(Debug)]
pub struct TrackView {
    /// How it is cut.
    pub plan: TrackPlan,
    /// The init segment.
    pub init: Option<Arc<Fragment>>,
    /// Segments by number.
    pub segments: Vec<Option<Arc<Fragment>>>,
    /// Its media playlist.
    pub playlist: Once,
    /// Its list of I-frames.
    pub iframes: Once,
}

/// An output and what of it is committed.
#[derive(Debug)]
pub struct View {
    /// Video tallest first, then audio.
    pub tracks: Vec<TrackView>,
    /// How it is encrypted, if it is.
    pub protected: Option<Protected>,
    /// How the storyboard is divided, if there is one.
    pub tiles: Option<Tiles>,
    poster: Option<Arc<Fragment>>,
    storyboard: Option<Arc<Fragment>>,
    /// The storyboard's tiles in time.
    pub tile_list: Once,
    /// The master playlist.
    pub master: Once,
    /// The manifest.
    pub manifest: Once,
    /// When it was read.
    pub read: UnixSeconds,
}

impl TrackView {
    fn new(plan: TrackPlan) -> Self {
        let segments = vec![None; plan.starts.len().saturating_sub(1)];
        Self {
            plan,
            init: None,
            segments,
            playlist: Once::default(),
            iframes: Once::default(),
        }
    }

    fn place(&mut self, segment: &Segment) {
        let fragment = Some(Arc::new(Fragment::of(segment, &self.plan.media)));
        match segment.number {
            None => self.init = fragment,
            Some(number) => {
                let place = self.segments.get_mut(number as usize);
                if let Some(place) = place {
                    *place = fragment;
                }
            }
        }
    }

    /// It is one of pictures.
    pub fn is_video(&self) -> bool {
        matches!(self.plan.media, Media::Video { .. })
    }

    /// Segments that follow each other from the first one.
    pub fn run(&self) -> usize {
        match self.init {
            Some(_) => self.segments.iter().take_while(|s| s.is_some()).count(),
            None => 0,
        }
    }

    /// Everything is committed.
    pub fn is_whole(&self) -> bool {
        self.init.is_some() && self.run() == self.segments.len()
    }
}

impl View {
    /// A view of tracks and what is committed of them.
    pub fn new(tracks: Vec<TrackPlan>, committed: &[Segment], read: UnixSeconds) -> Self {
        let mut tracks: Vec<_> = tracks.into_iter().map(TrackView::new).collect();
        for segment in committed {
            let track = tracks.iter_mut().find(|t| t.plan.id == segment.track);
            if let Some(track) = track {
                track.place(segment);
            }
        }
        let still = |still: Still| {
            let found = committed.iter().find(|s| s.track == still.track());
            found.map(|segment| Arc::new(Fragment::still(segment)))
        };
        Self {
            tiles: None,
            poster: still(Still::Poster),
            storyboard: still(Still::Storyboard),
            tile_list: Once::default(),
            tracks,
            protected: None,
            master: Once::default(),
            manifest: Once::default(),
            read,
        }
    }

    /// The same view of an output that is encrypted, or not.
    pub fn protected(self, protected: Option<Protected>) -> Self {
        Self { protected, ..self }
    }

    /// The same view of an output with a storyboard, or without.
    pub fn tiled(self, tiles: Option<Tiles>) -> Self {
        Self { tiles, ..self }
    }

    /// A still image, once it is committed.
    pub fn still(&self, still: Still) -> Option<Arc<Fragment>> {
        match still {
            Still::Poster => self.poster.clone(),
            Still::Storyboard => self.storyboard.clone(),
        }
    }

    /// Its scheme of encryption.
    pub fn scheme(&self) -> Option<Scheme> {
        self.protected.map(|protected| protected.scheme)
    }

    /// The track of this name.
    pub fn track(&self, id: &TrackId) -> Option<&TrackView> {
        self.tracks.iter().find(|t| t.plan.id == *id)
    }

    /// Everything is committed: nothing will ever change.
    pub fn is_whole(&self) -> bool {
        self.tracks.iter().all(TrackView::is_whole)
    }

    /// Segments that every track has; a track that ends early holds nobody up.
    pub fn playable(&self) -> usize {
        let longest = self.tracks.iter().map(|t| t.segments.len()).max();
        let unfinished = self.tracks.iter().filter(|t| !t.is_whole());
        let shortest = unfinished.map(TrackView::run).min();
        shortest.or(longest).unwrap_or(0)
    }

    /// A committed file of a track.
    pub fn find(&self, track: &str, name: FileName) -> Option<Arc<Fragment>> {
        let track = self.tracks.iter().find(|t| t.plan.id.as_str() == track)?;
        let fragment = match name.number {
            None => track.init.as_ref(),
            Some(number) => track.segments.get(number as usize)?.as_ref(),
        };
        let same = |f: &&Arc<Fragment>| name.hash.is_none_or(|hash| hash == f.short());
        fragment.filter(same).cloned()
    }

    fn weight(&self) -> u32 {
        let segments: usize = self.tracks.iter().map(|t| t.segments.len() + 1).sum();
        u32::try_from(segments).unwrap_or(u32::MAX)
    }
}

/// Views of outputs.
pub struct Views {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    known: Cache<OutputId, Arc<View>>,
}

impl Views {
    pub fn new(catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>) -> Self {
        let known = Cache::builder()
            .max_capacity(MAX_SEGMENTS)
            .weigher(|_, view: &Arc<View>| view.weight());
        Self {
            catalog,
            clock,
            known: known.build(),
        }
    }

    /// The output as it is now, or was less than a second ago.
    pub async fn current(&self, output: &OutputId) -> Result<Arc<View>, StreamingError> {
        let now = self.clock.now();
        let old = self.known.get(output).await;
        let usable = |view: &View| view.is_whole() || view.read == now;
        let plans = match old {
            Some(view) if usable(&view) => return Ok(view),
            Some(view) => {
                self.known.invalidate(output).await;
                let plans = view.tracks.iter().map(|t| t.plan.clone()).collect();
                Some((plans, view.protected, view.tiles))
            }
            None => None,
        };
        let read = self.read(output, plans, now);
        let view = self.known.try_get_with_by_ref(output, read).await;
        view.map_err(StreamingError::Catalog)
    }

    /// Reads what is committed, and the plan when it is not known yet.
    async fn read(
        &self,
        output: &OutputId,
        plans: Option<Plans>,
        now: UnixSeconds,
    ) -> Result<Arc<View>, CatalogError> {
        let (plans, protected, tiles) = match plans {
            Some(plans) => plans,
            None => {
                let plan = self.catalog.output(output).await?.plan;
                let tiles = plan.stills.map(|stills| stills.tiles);
                (plan.tracks, plan.protected, tiles)
            }
        };
        let committed = self.catalog.segments(output).await?;
        let view = View::new(plans, &committed, now)
            .protected(protected)
            .tiled(tiles);
        Ok(Arc::new(view))
    }

    /// The key of an output, if it is encrypted. Not remembered: memory is no place for keys.
    pub async fn key(&self, output: &OutputId) -> Result<Option<ContentKey>, StreamingError> {
        let key = self.catalog.key_of(output).await;
        key.map_err(|error| StreamingError::Catalog(Arc::new(error)))
    }

    /// A committed file of an output, and the view that shows it or does not.
    pub async fn find(
        &self,
        output: &OutputId,
        track: &str,
        name: FileName<'_>,
    ) -> Result<(Arc<View>, Option<Arc<Fragment>>), StreamingError> {
        // Segments never change, so an old view that has it is as good as a new one.
        if let Some(view) = self.known.get(output).await
            && let Some(fragment) = view.find(track, name)
        {
            return Ok((view, Some(fragment)));
        }
        let view = self.current(output).await?;
        let fragment = view.find(track, name);
        Ok((view, fragment))
    }
}
