//! Makes a plan out of a scan: grid, ladder, tracks with their init segments, spans with their
//! bytes. Encoders are opened with the real settings, so the init segments are the true ones.

use std::path::Path;

use sha2::{Digest, Sha256};
use streamgate_contract::ids::TrackId;
use streamgate_contract::knobs;
use streamgate_contract::plan::{
    Grid, Media, Plan, PlanRequest, Ratio, SourceFacts, TrackPlan, VideoFacts,
};
use streamgate_contract::renditions::Ladder;

use super::ranges;
use crate::encode::{VideoEncoder, VideoSettings};
use crate::error::EngineError;
use crate::events::Outbox;
use crate::plan::grid;
use crate::plan::ladder::{Rung, ladder};
use crate::plan::timeline::timeline;
use crate::probe::Scan;
use crate::source::Source;
use crate::{audio, engine, fit, package, stills, text};

/// A plan without its stills, and the init segments of its tracks, in order.
pub(super) struct Made {
    pub(super) plan: Plan,
    pub(super) inits: Vec<Vec<u8>>,
    pub(super) text: Vec<text::Made>,
}

pub(super) fn plan(
    source: &Source,
    scan: Scan,
    request: &PlanRequest,
    (work, outbox): (&Path, &Outbox),
) -> Result<Made, EngineError> {
    refuse_unmet(request)?;
    let facts = &scan.facts;
    let grid = grid::grid(facts.grid_frames(), grid_rate(facts), &request.grid);
    let (timescale, starts) = boundaries(facts, &grid)?;
    let mut made = pictures(source, &scan, request, &grid, (timescale, &starts))?;
    let boundaries = (starts.as_slice(), timescale);
    made.extend(audio::tracks(source, &scan, &request.audio, boundaries)?);
    let (tracks, inits) = made.into_iter().unzip();
    let mut plan = Plan {
        engine: engine::name()?.to_owned(),
        source: scan.facts.clone(),
        grid,
        tracks,
        spans: Vec::new(),
        protected: outbox.protected(),
        stills: None,
        text: Vec::new(),
        captions: false,
        notes: Vec::new(),
    };
    plan.spans = ranges::spans(source, &scan, &plan)?;
    let inits = sealed(&mut plan, inits, outbox)?;
    let text = text::tracks(work, &request.subtitles, &scan.text, &mut plan)?;
    Ok(Made { plan, inits, text })
}

/// Stills of an output in the clear: an encrypted one would show in them what it keeps shut. A source
/// of which they cannot be made may still be good for everything else.
pub(super) fn stills(source: &Source, plan: &Plan) -> Option<stills::Made> {
    let sizes = plan.tracks.iter().filter_map(|track| match track.media {
        Media::Video { width, height, .. } => Some((width, height)),
        Media::Audio { .. } => None,
    });
    let tallest = sizes.max_by_key(|size| size.1)?;
    let video = plan.source.video.as_ref()?;
    if plan.protected.is_some() {
        return None;
    }
    let made = stills::make(source, video, tallest);
    made.map_err(|error| eprintln!("no stills: {error}")).ok()
}

/// The init segments as they leave, which the plan's hashes are of.
fn sealed(
    plan: &mut Plan,
    inits: Vec<Vec<u8>>,
    outbox: &Outbox,
) -> Result<Vec<Vec<u8>>, EngineError> {
    outbox.learn(&plan.tracks)?;
    let mut sealed = Vec::with_capacity(inits.len());
    for (track, init) in plan.tracks.iter_mut().zip(inits) {
        let init = outbox.sealed_init(&track.id, init)?;
        track.init_sha256 = hex::encode(Sha256::digest(&init));
        track.init_bytes = init.len() as u64;
        sealed.push(init);
    }
    Ok(sealed)
}

/// Frames a second of the grid: sound alone is cut in milliseconds.
pub(super) fn grid_rate(facts: &SourceFacts) -> Ratio {
    let milliseconds = Ratio { num: 1_000, den: 1 };
    facts.video.as_ref().map_or(milliseconds, |v| v.frame_rate)
}

/// The timescale of the video and when, in its ticks, segments start and the last one ends.
fn boundaries(facts: &SourceFacts, grid: &Grid) -> Result<(u32, Vec<u64>), EngineError> {
    let frames = facts.grid_frames();
    let head = |n: u32| grid::segment(grid, frames, n).start;
    let heads = (0..grid.segments).map(head).chain([frames]);
    let Some(video) = &facts.video else {
        return Ok((1_000, heads.collect()));
    };
    let timeline =
        timeline(video).ok_or_else(|| EngineError::Truncated("its times do not rise".into()))?;
    let starts = heads.map(|frame| timeline.at(frame)).collect();
    Ok((timeline.timescale, starts))
}

type Tracks = Vec<(TrackPlan, Vec<u8>)>;

/// The video tracks, if there are pictures.
fn pictures(
    source: &Source,
    scan: &Scan,
    request: &PlanRequest,
    grid: &Grid,
    boundaries: (u32, &[u64]),
) -> Result<Tracks, EngineError> {
    let (Some(picture), Some(video)) = (scan.picture, &scan.facts.video) else {
        return Ok(Tracks::new());
    };
    let mut rungs = ladder(picture, &request.renditions);
    if request.ladder == Ladder::Auto && rungs.len() > 1 {
        let settings: Vec<_> = rungs.iter().map(|r| settings(video, grid, r)).collect();
        rungs = fit::fit(source, (scan, video), grid, rungs, &settings)?;
    }
    rungs
        .into_iter()
        .map(|rung| video_track(video, grid, boundaries, rung))
        .collect()
}

fn settings(video: &VideoFacts, grid: &Grid, rung: &Rung) -> VideoSettings {
    VideoSettings {
        codec: rung.codec,
        width: rung.width,
        height: rung.height,
        max_kbps: rung.max_kbps,
        crf: rung.crf,
        rate: video.frame_rate,
        gop_frames: grid.gop_frames,
        segment_frames: grid.segment_frames,
        colour: video.colour,
        options: rung.options.clone(),
    }
}

fn refuse_unmet(request: &PlanRequest) -> Result<(), EngineError> {
    if request.renditions.is_empty() {
        return Err(EngineError::Settings(
            "the order names no renditions; name at least one".into(),
        ));
    }
    for rendition in &request.renditions {
        let options = knobs::check(rendition.codec, &rendition.options);
        options.map_err(|wrong| EngineError::Settings(wrong.to_string()))?;
    }
    match request
        .renditions
        .iter()
        .find(|r| r.height < 2 || r.height % 2 == 1)
    {
        Some(odd) => Err(EngineError::Settings(format!(
            "a rendition is {} pixels high; use an even height",
            odd.height
        ))),
        None => Ok(()),
    }
}

fn video_track(
    video: &VideoFacts,
    grid: &Grid,
    (timescale, starts): (u32, &[u64]),
    rung: Rung,
) -> Result<(TrackPlan, Vec<u8>), EngineError> {
    let settings = settings(video, grid, &rung);
    let encoder = VideoEncoder::open(&settings)?;
    let config = encoder.config(&settings)?;
    let init = crate::video::init_segment(&settings, &config, timescale)?;
    let track = TrackPlan {
        id: track_id(format!("v{}{}", rung.height, rung.codec.suffix()))?,
        codecs: package::codecs(&settings, &config),
        timescale,
        init_sha256: hex::encode(Sha256::digest(&init)),
        init_bytes: init.len() as u64,
        media: Media::Video {
            codec: rung.codec,
            width: rung.width,
            height: rung.height,
            max_kbps: rung.max_kbps,
            crf: rung.crf,
            frame_rate: video.frame_rate,
            options: settings.options,
        },
        starts: starts.to_vec(),
    };
    Ok((track, init))
}

fn track_id(text: String) -> Result<TrackId, EngineError> {
    TrackId::try_from(text).map_err(|e| EngineError::Internal(e.to_string()))
}
