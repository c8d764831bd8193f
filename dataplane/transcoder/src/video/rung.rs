//! One rung: pictures in, segments out. Opens an encoder run per chunk, holds it against the
//! track's init segment, and cuts at the groups the grid says.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use sha2::{Digest, Sha256};
use streamgate_contract::job_files::Event;
use streamgate_contract::plan::{Plan, TrackPlan, VideoFacts};
use streamgate_contract::quality::{Nearness, TrackQuality};

use super::quality::{self, Spot};
use super::{Work, facts};
use crate::encode::{Encoded, VideoEncoder, VideoSettings};
use crate::error::EngineError;
use crate::events::Outbox;
use crate::package::segment::{self, Sample};
use crate::package::{self, init};
use crate::plan::grid;
use crate::plan::timeline::{Timeline, timeline};

/// A rung and what it has to do.
pub(super) struct Rung<'a> {
    plan: &'a Plan,
    video: &'a VideoFacts,
    track: &'a TrackPlan,
    settings: VideoSettings,
    /// Chunks to encode, ascending.
    pub(super) todo: Vec<u32>,
    outbox: &'a Outbox,
    /// Which of the rungs it is, and how many there are.
    place: (u32, u32),
    timeline: Timeline,
}

/// A run in progress.
struct Run {
    encoder: VideoEncoder,
    chunk: u32,
    frames: Range<u64>,
    segment: u32,
    pictures: Vec<Encoded>,
    spot: Option<Spot>,
}

impl Run {
    /// How near what was compared comes.
    fn nearness(self) -> Nearness {
        self.spot.map(Spot::finish).unwrap_or_default()
    }
}

impl<'a> Rung<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        track: &'a TrackPlan,
        settings: VideoSettings,
        todo: Vec<u32>,
        (outbox, place): (&'a Outbox, (u32, u32)),
    ) -> Result<Self, EngineError> {
        let video = facts(plan)?;
        Ok(Self {
            plan,
            video,
            track,
            settings,
            todo,
            outbox,
            place,
            timeline: timeline(video)
                .ok_or_else(|| EngineError::Settings("the plan's times do not rise".into()))?,
        })
    }

    pub(super) fn name(&self) -> &'a str {
        self.track.id.as_str()
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.settings.width, self.settings.height)
    }

    /// Encodes what comes until the queue closes.
    pub(super) fn run(self, work: Receiver<Work>) -> Result<(), EngineError> {
        let mut run: Option<Run> = None;
        let mut quality = Nearness::default();
        for Work { number, picture } in work {
            let current = match run.as_mut() {
                Some(current) => current,
                None => run.insert(self.open(number)?),
            };
            let chunk = current.chunk;
            self.encode(current, &picture)
                .map_err(|e| e.in_chunk(chunk))?;
            if number + 1 == current.frames.end {
                self.close(current).map_err(|e| e.in_chunk(chunk))?;
                quality = quality.and(run.take().map(Run::nearness).unwrap_or_default());
            }
        }
        self.report(quality)
    }

    /// Says how near what was compared comes; nothing when nothing was.
    fn report(&self, nearness: Nearness) -> Result<(), EngineError> {
        if nearness.pictures == 0 {
            return Ok(());
        }
        let track = self.track.id.clone();
        let quality = TrackQuality { track, nearness };
        self.outbox.event(&Event::Quality(quality))
    }

    fn open(&self, number: u64) -> Result<Run, EngineError> {
        let grid = &self.plan.grid;
        let segment = u32::try_from(number / u64::from(grid.segment_frames)).unwrap_or(u32::MAX);
        let chunk = segment / grid.segments_per_chunk;
        let encoder = VideoEncoder::open(&self.settings).map_err(|e| e.in_chunk(chunk))?;
        self.check_init(&encoder).map_err(|e| e.in_chunk(chunk))?;
        let frames = grid::chunk(grid, self.video.frames, chunk);
        let length = frames.end - frames.start;
        let looks = quality::looks(self.place, (chunk, grid.chunks()));
        Ok(Run {
            spot: looks.then(|| Spot::new(length, grid.gop_frames, chunk)),
            encoder,
            chunk,
            frames,
            segment,
            pictures: Vec::new(),
        })
    }

    /// The init segment this run would need must be the one that was published.
    fn check_init(&self, encoder: &VideoEncoder) -> Result<(), EngineError> {
        let config = encoder.config(&self.settings)?;
        let bytes = init_segment(&self.settings, &config, self.track.timescale)?;
        let bytes = self.outbox.sealed_init(&self.track.id, bytes)?;
        if hex::encode(Sha256::digest(&bytes)) == self.track.init_sha256 {
            return Ok(());
        }
        Err(EngineError::InitMismatch(self.track.id.clone()))
    }

    fn encode(
        &self,
        run: &mut Run,
        picture: &Arc<ffmpeg_next::frame::Video>,
    ) -> Result<(), EngineError> {
        if let Some(spot) = &mut run.spot {
            spot.given(picture);
        }
        run.encoder.send(picture)?;
        self.outbox.encoded(1);
        self.drain(run)
    }

    fn close(&self, run: &mut Run) -> Result<(), EngineError> {
        run.encoder.finish()?;
        self.drain(run)?;
        if run.pictures.is_empty() {
            return Ok(());
        }
        let left = run.pictures.len();
        Err(EngineError::Internal(format!(
            "{left} pictures are left over in a chunk"
        )))
    }

    fn drain(&self, run: &mut Run) -> Result<(), EngineError> {
        while let Some(encoded) = run.encoder.receive()? {
            if let Some(spot) = &mut run.spot {
                spot.made(&run.encoder, &encoded);
            }
            run.pictures.push(encoded);
            let frames = grid::segment(&self.plan.grid, self.video.frames, run.segment);
            if run.pictures.len() as u64 == frames.end - frames.start {
                let pictures = std::mem::take(&mut run.pictures);
                let samples = self.samples(run, &frames, pictures)?;
                let bytes = segment::video(run.segment, self.timeline.at(frames.start), &samples)?;
                self.outbox.segment(&self.track.id, run.segment, &bytes)?;
                run.segment += 1;
            }
        }
        Ok(())
    }

    /// Samples of a segment; refuses a group that reaches over the segment's borders.
    fn samples(
        &self,
        run: &Run,
        frames: &Range<u64>,
        pictures: Vec<Encoded>,
    ) -> Result<Vec<Sample>, EngineError> {
        let mut samples = Vec::with_capacity(pictures.len());
        for (decode, picture) in frames.clone().zip(pictures) {
            let shown = u64::try_from(picture.number)
                .map(|n| n + run.frames.start)
                .ok()
                .filter(|n| frames.contains(n))
                .ok_or_else(|| EngineError::Internal("a group crosses a segment".into()))?;
            if decode == frames.start && !(picture.key && shown == frames.start) {
                return Err(EngineError::Internal(
                    "a segment has no IDR at its head".into(),
                ));
            }
            let offset = self.timeline.at(shown) as i64 - self.timeline.at(decode) as i64;
            samples.push(Sample {
                data: package::sample(self.settings.codec, picture.data),
                duration: small(self.timeline.at(decode + 1) - self.timeline.at(decode))?,
                offset: small(offset)?,
                sync: picture.key,
            });
        }
        Ok(samples)
    }
}

fn small<T, U: TryFrom<T>>(ticks: T) -> Result<U, EngineError> {
    U::try_from(ticks)
        .map_err(|_| EngineError::Truncated("a picture lasts longer than a box can say".into()))
}

/// The init segment of a rung.
pub(crate) fn init_segment(
    settings: &VideoSettings,
    config: &[u8],
    timescale: u32,
) -> Result<Vec<u8>, EngineError> {
    init::video(&init::VideoInit {
        codec: settings.codec,
        config,
        width: settings.width,
        height: settings.height,
        timescale,
        colour: settings.colour,
    })
}
