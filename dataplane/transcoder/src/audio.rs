//! Audio tracks: each decoded, resampled and encoded once over the whole source, so that nothing
//! drifts and no chunk has priming of its own; cut at the audio frames nearest to the video's
//! boundaries and delivered as it goes.

mod aac;
mod timeline;

use std::thread;

use ffmpeg_next as ff;
use sha2::{Digest, Sha256};
use streamgate_contract::plan::{AudioFacts, Media, Plan, TrackPlan};

use crate::error::{During, EngineError};
use crate::events::Outbox;
use crate::input::{Depth, MediaInput};
use crate::package::segment::{self, Sample};
use crate::plan::audio_cuts::{FRAME, samples};
use crate::source::Source;
pub use aac::{AacEncoder, init_segment};
use timeline::Timeline;

/// Encodes the audio tracks of `plan` side by side, so that all of them grow together.
pub fn encode(plan: &Plan, source: &Source, outbox: &Outbox) -> Result<(), EngineError> {
    let tracks = plan.tracks.iter().filter_map(|t| match t.media {
        Media::Audio { kbps, .. } => Some((t, kbps)),
        Media::Video { .. } => None,
    });
    let work: Vec<Work> = tracks
        .zip(&plan.source.audio)
        .map(|((track, kbps), facts)| Work { track, kbps, facts })
        .collect();
    if work.is_empty() {
        return Err(EngineError::Settings(
            "the plan has no audio to encode".into(),
        ));
    }
    thread::scope(|scope| {
        let threads: Vec<_> = work
            .iter()
            .map(|work| scope.spawn(move || one_track(plan, source, work, outbox)))
            .collect();
        let panicked = || Err(EngineError::Internal("an audio thread panicked".into()));
        threads
            .into_iter()
            .try_for_each(|t| t.join().unwrap_or_else(|_| panicked()))
    })
}

/// A track and the stream it is made of.
struct Work<'a> {
    track: &'a TrackPlan,
    kbps: u32,
    facts: &'a AudioFacts,
}

/// Encodes one track, unless all of it is committed.
fn one_track(
    plan: &Plan,
    source: &Source,
    work: &Work,
    outbox: &Outbox,
) -> Result<(), EngineError> {
    let Work { track, kbps, facts } = *work;
    let frames = track.starts.last().copied().unwrap_or(0) / FRAME;
    let numbers = 0..track.starts.len().saturating_sub(1);
    let all = numbers
        .into_iter()
        .all(|n| outbox.has(&track.id, u32::try_from(n).unwrap_or(0)));
    outbox.expect(frames, if all { frames } else { 0 });
    if all {
        return Ok(());
    }
    let cutter = Cutter::new(track, outbox);
    let encoder = AacEncoder::open(kbps)?;
    let init = init_segment(&encoder, kbps, &facts.language)?;
    let init = outbox.sealed_init(&track.id, init)?;
    if hex::encode(Sha256::digest(&init)) != track.init_sha256 {
        return Err(EngineError::InitMismatch(track.id.clone()));
    }
    let total = frames * FRAME;
    let mut timeline = Timeline::new(encoder, cutter, total);
    decode(plan, source, facts.stream as usize, &mut timeline)?;
    timeline.finish()
}

/// Feeds every decoded frame to the timeline at its place relative to the first picture.
fn decode(
    plan: &Plan,
    source: &Source,
    stream: usize,
    timeline: &mut Timeline,
) -> Result<(), EngineError> {
    let mut input = MediaInput::open(source, Depth::Index)?;
    input.select(stream);
    let (mut decoder, time_base) = decoder(&input, stream)?;
    let video = &plan.source.video;
    let origin = video.pts.first().copied().unwrap_or(0);
    let zero = i64::try_from(samples(origin.max(0), video.time_base)).unwrap_or(0)
        - i64::try_from(samples((-origin).max(0), video.time_base)).unwrap_or(0);
    let mut place = |frame: &ff::frame::Audio| -> Result<(), EngineError> {
        let at = frame.pts().or_else(|| frame.timestamp()).map(|pts| {
            let scaled = i128::from(pts) * i128::from(time_base.numerator()) * 48_000;
            i64::try_from(scaled / i128::from(time_base.denominator().max(1))).unwrap_or(0) - zero
        });
        timeline.place(frame, at)
    };
    while let Some(packet) = input.read()? {
        if packet.stream() != stream {
            continue;
        }
        match decoder.send_packet(&packet) {
            // A damaged frame becomes silence, because what follows is placed by its time.
            Ok(()) | Err(ff::Error::InvalidData) => {}
            Err(e) => return Err(e).of_source("decode an audio packet"),
        }
        drain(&mut decoder, &mut place)?;
    }
    decoder.send_eof().of_source("finish decoding audio")?;
    drain(&mut decoder, &mut place)
}

fn drain(
    decoder: &mut ff::decoder::Audio,
    place: &mut impl FnMut(&ff::frame::Audio) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    loop {
        let mut frame = ff::frame::Audio::empty();
        match decoder.receive_frame(&mut frame) {
            Ok(()) => place(&frame)?,
            Err(ff::Error::InvalidData) => {}
            Err(ff::Error::Eof) => return Ok(()),
            Err(ff::Error::Other { errno }) if errno == libc::EAGAIN => return Ok(()),
            Err(e) => return Err(e).of_source("take decoded audio"),
        }
    }
}

fn decoder(
    input: &MediaInput,
    stream: usize,
) -> Result<(ff::decoder::Audio, ff::Rational), EngineError> {
    let stream = input.context().stream(stream).ok_or_else(|| {
        EngineError::Settings("the plan names an audio stream that is not there".into())
    })?;
    let time_base = stream.time_base();
    let context = ff::codec::Context::from_parameters(stream.parameters())
        .of_source("set up audio decoding")?;
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(time_base);
    Ok((
        decoder.audio().of_source("open the audio decoder")?,
        time_base,
    ))
}

/// Collects AAC frames into segments. Frame 0 is the encoder's priming and rides in segment 0;
/// the edit list of the init segment skips it, and later segments start that much later.
struct Cutter<'a> {
    track: &'a TrackPlan,
    outbox: &'a Outbox,
    segment: usize,
    frames: u64,
    samples: Vec<Sample>,
}

impl<'a> Cutter<'a> {
    fn new(track: &'a TrackPlan, outbox: &'a Outbox) -> Self {
        Self {
            track,
            outbox,
            segment: 0,
            frames: 0,
            samples: Vec::new(),
        }
    }

    /// Takes one AAC frame.
    fn push(&mut self, data: Vec<u8>) -> Result<(), EngineError> {
        self.samples.push(Sample {
            data,
            duration: u32::try_from(FRAME).unwrap_or(1_024),
            offset: 0,
            sync: true,
        });
        self.frames += 1;
        self.outbox.encoded(u64::from(self.frames > 1));
        match self.track.starts.get(self.segment + 1) {
            Some(end) if self.frames == end / FRAME + 1 => self.cut(),
            _ => Ok(()),
        }
    }

    fn cut(&mut self) -> Result<(), EngineError> {
        let samples = std::mem::take(&mut self.samples);
        let start = (self.frames - samples.len() as u64) * FRAME;
        let number = u32::try_from(self.segment).unwrap_or(u32::MAX);
        let bytes = segment::audio(number, start, &samples)?;
        self.segment += 1;
        self.outbox.segment(&self.track.id, number, &bytes)
    }

    /// Every segment must be out.
    fn finish(&self) -> Result<(), EngineError> {
        if self.segment + 1 == self.track.starts.len() && self.samples.is_empty() {
            return Ok(());
        }
        Err(EngineError::Internal(format!(
            "audio ended after {} frames in segment {}",
            self.frames, self.segment
        )))
    }
}
