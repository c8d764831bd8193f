//! What of an output is committed, as playlists and requests need it. Whole outputs never change
//! and are kept; those in work are read anew every second.

use std::sync::Arc;

use moka::future::Cache;
use streamgate_contract::encryption::{ContentKey, Protected, Scheme};
use streamgate_contract::plan::{Media, Plan, TrackPlan};
use streamgate_contract::stills::{Still, Tiles};
use streamgate_contract::text::TextPlan;
use streamgate_contract::{OutputId, TrackId};

use super::error::StreamingError;
use super::fragments::Fragment;
use super::name::FileName;
use super::page::Once;
use super::text::TextView;
use crate::ports::catalog::{Catalog, CatalogError, Segment};
use crate::ports::clock::{Clock, UnixSeconds};

/// Most segments over all outputs that are remembered, some 200 bytes each.
const MAX_SEGMENTS: u64 = 250_000;

/// What of a plan a view is made of.
struct Plans {
    tracks: Vec<TrackPlan>,
    text: Vec<TextPlan>,
    captions: bool,
    protected: Option<Protected>,
    tiles: Option<Tiles>,
}

impl Plans {
    /// Those of a view that was made before.
    fn of(view: &View) -> Self {
        Self {
            tracks: view.tracks.iter().map(|t| t.plan.clone()).collect(),
            text: view.texts.iter().map(|t| t.plan.clone()).collect(),
            captions: view.captions,
            protected: view.protected,
            tiles: view.tiles,
        }
    }
}

impl From<Plan> for Plans {
    fn from(plan: Plan) -> Self {
        Self {
            tracks: plan.tracks,
            text: plan.text,
            captions: plan.captions,
            protected: plan.protected,
            tiles: plan.stills.map(|stills| stills.tiles),
        }
    }
}

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
    /// Subtitles and captions.
    pub texts: Vec<TextView>,
    /// Captions ride in the pictures.
    pub captions: bool,
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
    /// What there is.
    pub info: Once,
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
            texts: Vec::new(),
            captions: false,
            protected: None,
            master: Once::default(),
            manifest: Once::default(),
            info: Once::default(),
            read,
        }
    }

    /// The same view of an output that is encrypted, or not.
    pub fn protected(self, protected: Option<Protected>) -> Self {
        Self { protected, ..self }
    }

    /// The same view of an output with text; `captions` ride in its pictures.
    pub fn worded(self, plans: Vec<TextPlan>, committed: &[Segment], captions: bool) -> Self {
        let texts = plans.into_iter().map(|plan| TextView::new(plan, committed));
        Self {
            texts: texts.collect(),
            captions,
            ..self
        }
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

    /// The text track of this name.
    pub fn text(&self, id: &TrackId) -> Option<&TextView> {
        self.texts.iter().find(|t| t.plan.id == *id)
    }

    /// Everything is committed: nothing will ever change.
    pub fn is_whole(&self) -> bool {
        self.tracks.iter().all(TrackView::is_whole) && self.texts.iter().all(TextView::is_there)
    }

    /// Segments that every track has; a track that ends early holds nobody up. Text is made before
    /// anything else: until it is there nothing is, for a list once read is not read again.
    pub fn playable(&self) -> usize {
        if !self.texts.iter().all(TextView::is_there) {
            return 0;
        }
        let longest = self.tracks.iter().map(|t| t.segments.len()).max();
        let unfinished = self.tracks.iter().filter(|t| !t.is_whole());
        let shortest = unfinished.map(TrackView::run).min();
        shortest.or(longest).unwrap_or(0)
    }

    /// A committed file of a track.
    pub fn find(&self, track: &str, name: FileName) -> Option<Arc<Fragment>> {
        let text = self.texts.iter().find(|t| t.plan.id.as_str() == track);
        if let Some(text) = text {
            return text.find(name);
        }
        let track = self.tracks.iter().find(|t| t.plan.id.as_str() == track)?;
        if name.webvtt {
            return None;
        }
        let fragment = match name.number {
            None => track.init.as_ref(),
            Some(number) => track.segments.get(number as usize)?.as_ref(),
        };
        let same = |f: &&Arc<Fragment>| name.hash.is_none_or(|hash| hash == f.short());
        fragment.filter(same).cloned()
    }

    fn weight(&self) -> u32 {
        let segments: usize = self.tracks.iter().map(|t| t.segments.len() + 1).sum();
        // Two places of pieces weigh less than a segment.
        let text: usize = self.texts.iter().map(|t| t.plan.vtt.len() / 4 + 1).sum();
        u32::try_from(segments + text).unwrap_or(u32::MAX)
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
                Some(Plans::of(&view))
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
        let plans = match plans {
            Some(plans) => plans,
            None => self.catalog.output(output).await?.plan.into(),
        };
        let committed = self.catalog.segments(output).await?;
        let view = View::new(plans.tracks, &committed, now)
            .worded(plans.text, &committed, plans.captions)
            .protected(plans.protected)
            .tiled(plans.tiles);
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
