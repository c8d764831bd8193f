//! Makes a plan out of a scan: grid, ladder, tracks with their init segments, spans with their
//! bytes. Encoders are opened with the real settings, so the init segments are the true ones.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use streamgate_contract::ids::TrackId;
use streamgate_contract::plan::{
    AudioFacts, Grid, Media, Plan, PlanRequest, SourceFacts, TrackPlan,
};

use super::ranges;
use crate::encode::{VideoEncoder, VideoSettings};
use crate::engine;
use crate::error::EngineError;
use crate::events::Outbox;
use crate::package::avc;
use crate::plan::audio_cuts::{self, FRAME, RATE};
use crate::plan::ladder::{Rung, ladder};
use crate::plan::timeline::{Timeline, timeline};
use crate::plan::{grid, language};
use crate::probe::Scan;
use crate::source::Source;
use crate::{audio, stills, video};

/// A plan and the init segments of its tracks, in order.
pub(super) struct Made {
    pub(super) plan: Plan,
    pub(super) inits: Vec<Vec<u8>>,
    pub(super) stills: Option<stills::Made>,
}

pub(super) fn plan(
    source: &Source,
    scan: Scan,
    request: &PlanRequest,
    outbox: &Outbox,
) -> Result<Made, EngineError> {
    refuse_unmet(request)?;
    let facts = &scan.facts.video;
    let grid = grid::grid(facts.frames, facts.frame_rate, &request.grid);
    let mut plan = Plan {
        engine: engine::name()?.to_owned(),
        source: scan.facts.clone(),
        grid,
        tracks: Vec::new(),
        spans: Vec::new(),
        protected: outbox.protected(),
        stills: None,
    };
    let mut inits = Vec::new();
    let mut add = |(track, init): (TrackPlan, Vec<u8>)| {
        plan.tracks.push(track);
        inits.push(init);
    };
    let timeline =
        timeline(facts).ok_or_else(|| EngineError::Truncated("its times do not rise".into()))?;
    let starts = starts(&timeline, &scan.facts, &grid);
    for rung in ladder(scan.picture, &request.renditions) {
        add(video_track(
            &scan.facts,
            &grid,
            (timeline.timescale, &starts),
            rung,
        )?);
    }
    let cuts = audio_cuts::cuts(&starts, timeline.timescale);
    let mut names = BTreeMap::new();
    for facts in &scan.facts.audio {
        let language = language::bcp47(&facts.language);
        let nth = names.entry(language.clone()).or_insert(0);
        *nth += 1;
        let id = match nth {
            1 => format!("a-{language}-aac"),
            n => format!("a-{language}-aac-{n}"),
        };
        add(audio_track(id, facts, request.audio.kbps, &cuts)?);
    }
    plan.spans = ranges::spans(source, &scan, &plan)?;
    let inits = sealed(&mut plan, inits, outbox)?;
    let stills = stills(source, &plan);
    plan.stills = stills.as_ref().map(|made| made.plan.clone());
    Ok(Made {
        plan,
        inits,
        stills,
    })
}

/// Stills of an output in the clear: an encrypted one would show in them what it keeps shut. A source
/// of which they cannot be made may still be good for everything else.
fn stills(source: &Source, plan: &Plan) -> Option<stills::Made> {
    let sizes = plan.tracks.iter().filter_map(|track| match track.media {
        Media::Video { width, height, .. } => Some((width, height)),
        Media::Audio { .. } => None,
    });
    let tallest = sizes.max_by_key(|size| size.1)?;
    if plan.protected.is_some() {
        return None;
    }
    let made = stills::make(source, &plan.source.video, tallest);
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

fn refuse_unmet(request: &PlanRequest) -> Result<(), EngineError> {
    if request.renditions.is_empty() {
        return Err(EngineError::Settings(
            "the order names no renditions; name at least one".into(),
        ));
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

/// Times of the segments' first pictures and of the end.
fn starts(timeline: &Timeline, facts: &SourceFacts, grid: &Grid) -> Vec<u64> {
    let head = |n: u32| grid::segment(grid, facts.video.frames, n).start;
    (0..grid.segments)
        .map(head)
        .chain([facts.video.frames])
        .map(|frame| timeline.at(frame))
        .collect()
}

fn video_track(
    facts: &SourceFacts,
    grid: &Grid,
    (timescale, starts): (u32, &[u64]),
    rung: Rung,
) -> Result<(TrackPlan, Vec<u8>), EngineError> {
    let settings = VideoSettings {
        width: rung.width,
        height: rung.height,
        max_kbps: rung.max_kbps,
        crf: rung.crf,
        rate: facts.video.frame_rate,
        gop_frames: grid.gop_frames,
        segment_frames: grid.segment_frames,
        colour: facts.video.colour,
    };
    let encoder = VideoEncoder::open(&settings)?;
    let init = video::init_segment(&settings, &encoder, timescale)?;
    let track = TrackPlan {
        id: track_id(format!("v{}", rung.height))?,
        codecs: avc::codecs(&encoder.config()?),
        timescale,
        init_sha256: hex::encode(Sha256::digest(&init)),
        init_bytes: init.len() as u64,
        media: Media::Video {
            width: rung.width,
            height: rung.height,
            max_kbps: rung.max_kbps,
            crf: rung.crf,
            frame_rate: facts.video.frame_rate,
        },
        starts: starts.to_vec(),
    };
    Ok((track, init))
}

fn audio_track(
    id: String,
    facts: &AudioFacts,
    kbps: u32,
    cuts: &[u64],
) -> Result<(TrackPlan, Vec<u8>), EngineError> {
    let encoder = audio::AacEncoder::open(kbps)?;
    let init = audio::init_segment(&encoder, kbps, &facts.language)?;
    let track = TrackPlan {
        id: track_id(id)?,
        codecs: "mp4a.40.2".to_owned(),
        timescale: RATE,
        init_sha256: hex::encode(Sha256::digest(&init)),
        init_bytes: init.len() as u64,
        media: Media::Audio {
            kbps,
            sample_rate: RATE,
            channels: 2,
            language: language::bcp47(&facts.language),
        },
        starts: cuts.iter().map(|cut| cut * FRAME).collect(),
    };
    Ok((track, init))
}

fn track_id(text: String) -> Result<TrackId, EngineError> {
    TrackId::try_from(text).map_err(|e| EngineError::Internal(e.to_string()))
}
