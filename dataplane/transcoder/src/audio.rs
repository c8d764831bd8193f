//! Audio tracks: each decoded, resampled and encoded once over the whole source, so that nothing
//! drifts and no chunk has priming of its own; cut at the audio frames nearest to the video's
//! boundaries and delivered as it goes. AC-3 may be passed through besides.

mod cutter;
mod encoder;
mod loudness;
mod passthrough;
mod sink;
mod timeline;
mod track;

use std::collections::BTreeMap;
use std::thread;

use ffmpeg_next as ff;
use sha2::{Digest, Sha256};
use streamgate_contract::plan::{AudioFacts, Media, Plan, Ratio, SourceFacts, TrackPlan};
use streamgate_contract::renditions::{AudioCodec, AudioSettings, SoundCodec};

use crate::error::{During, EngineError};
use crate::events::Outbox;
use crate::input::{Depth, MediaInput};
use crate::plan::audio_cuts::{RATE, samples};
use crate::probe::Scan;
use crate::source::Source;
use cutter::Cutter;
use encoder::SoundEncoder;
use loudness::Meter;
use sink::{Encoding, Sink};
use timeline::Timeline;
use track::Make;

/// The audio tracks of a source with their init segments: every stream encoded, the main one
/// first, then those that are passed through. `boundaries` are the starts of the segments and the
/// end, in ticks of `timescale`.
pub fn tracks(
    source: &Source,
    scan: &Scan,
    settings: &AudioSettings,
    boundaries: (&[u64], u32),
) -> Result<Vec<(TrackPlan, Vec<u8>)>, EngineError> {
    let mut tracks = Vec::new();
    let mut names = BTreeMap::new();
    let mut nth = |facts: &AudioFacts, codec: SoundCodec| {
        let language = crate::plan::language::bcp47(&facts.language);
        let count = names.entry((language, format!("{codec:?}"))).or_insert(0);
        *count += 1;
        *count
    };
    for facts in &scan.facts.audio {
        let encoder = SoundEncoder::of(settings)?;
        let headers = encoder.headers();
        let make = Make::encoded(settings, &encoder, &headers);
        let (mut track, init) = make.track(facts, nth(facts, make.codec), boundaries)?;
        measure(source, &scan.facts, settings, (&mut track, facts))?;
        tracks.push((track, init));
    }
    if !settings.passthrough {
        return Ok(tracks);
    }
    for (facts, packets) in scan.facts.audio.iter().zip(&scan.audio) {
        let origin = origin(&scan.facts);
        if let Some(pass) = passthrough::examine(source, facts, packets, origin)? {
            let (mut track, init) = pass
                .make()
                .track(facts, nth(facts, pass.codec), boundaries)?;
            if pass.fit(&mut track.starts) {
                tracks.push((track, init));
            }
        }
    }
    Ok(tracks)
}

/// Hears a track's stream through to its end, if `settings` want to know how loud it is.
fn measure(
    source: &Source,
    all: &SourceFacts,
    settings: &AudioSettings,
    (track, facts): (&mut TrackPlan, &AudioFacts),
) -> Result<(), EngineError> {
    let end = track.starts.last().copied().unwrap_or(0);
    let (Some(wanted), Media::Audio { level, codec, .. }) = (&settings.loudness, &mut track.media)
    else {
        return Ok(());
    };
    let mut meter = Meter::new()?;
    let mut timeline = Timeline::new(&mut meter, codec.frame_samples().into(), end);
    decode(source, facts, origin(all), &mut timeline)?;
    timeline.finish()?;
    *level = Some(meter.level(wanted)?);
    Ok(())
}

/// Encodes the audio tracks of `plan` side by side, so that all of them grow together.
pub fn encode(plan: &Plan, source: &Source, outbox: &Outbox) -> Result<(), EngineError> {
    let work = plan.tracks.iter().filter_map(|track| Work::of(plan, track));
    let work: Vec<Work> = work.collect::<Result<_, _>>()?;
    if work.is_empty() {
        return Err(EngineError::Settings(
            "the plan has no audio to encode".into(),
        ));
    }
    thread::scope(|scope| {
        let threads: Vec<_> = work
            .iter()
            .map(|work| scope.spawn(move || work.encode(source, outbox)))
            .collect();
        let panicked = || Err(EngineError::Internal("an audio thread panicked".into()));
        threads
            .into_iter()
            .try_for_each(|t| t.join().unwrap_or_else(|_| panicked()))
    })
}

/// When the timeline begins on the container's clock: with the first picture, else with the first
/// sound.
pub(crate) fn origin(facts: &SourceFacts) -> (i64, Ratio) {
    match &facts.video {
        Some(video) => (video.pts.first().copied().unwrap_or(0), video.time_base),
        None => {
            let micros = Ratio {
                num: 1,
                den: 1_000_000,
            };
            (facts.start_microseconds(), micros)
        }
    }
}

/// A time as samples, before zero too.
fn signed_samples((ticks, time_base): (i64, Ratio), rate: u32) -> i64 {
    let positive = |ticks: i64| i64::try_from(samples(ticks.max(0), time_base, rate)).unwrap_or(0);
    positive(ticks) - positive(ticks.saturating_neg())
}

/// A track, the stream it is made of, and where the timeline begins.
struct Work<'a> {
    track: &'a TrackPlan,
    codec: SoundCodec,
    kbps: u32,
    /// In hundredths of a decibel.
    gain: i32,
    facts: &'a AudioFacts,
    origin: (i64, Ratio),
}

impl<'a> Work<'a> {
    /// The work of an audio track; none for others.
    fn of(plan: &'a Plan, track: &'a TrackPlan) -> Option<Result<Self, EngineError>> {
        let Media::Audio {
            codec,
            stream,
            kbps,
            level,
            ..
        } = track.media
        else {
            return None;
        };
        let facts = plan.source.audio.iter().find(|a| a.stream == stream);
        let missing =
            || EngineError::Settings("the plan names an audio stream it does not list".into());
        Some(facts.ok_or_else(missing).map(|facts| Self {
            track,
            codec,
            kbps,
            gain: level.map_or(0, |level| level.gain),
            facts,
            origin: origin(&plan.source),
        }))
    }

    /// Makes the track, unless all of it is committed.
    fn encode(&self, source: &Source, outbox: &Outbox) -> Result<(), EngineError> {
        let track = self.track;
        let end = track.starts.last().copied().unwrap_or(0);
        let frames = end / u64::from(self.codec.frame_samples());
        let numbers = 0..track.starts.len().saturating_sub(1);
        let all = numbers
            .into_iter()
            .all(|n| outbox.has(&track.id, u32::try_from(n).unwrap_or(0)));
        outbox.expect(frames, if all { frames } else { 0 });
        if all {
            return Ok(());
        }
        match self.codec {
            SoundCodec::Aac => self.encoded(source, outbox, AudioCodec::Aac),
            SoundCodec::Opus => self.encoded(source, outbox, AudioCodec::Opus),
            SoundCodec::Ac3 | SoundCodec::Eac3 => self.passed(source, outbox),
        }
    }

    fn encoded(
        &self,
        source: &Source,
        outbox: &Outbox,
        codec: AudioCodec,
    ) -> Result<(), EngineError> {
        let settings = AudioSettings {
            kbps: self.kbps,
            codec,
            ..AudioSettings::default()
        };
        let encoder = SoundEncoder::of(&settings)?;
        let headers = encoder.headers();
        self.check_init(&Make::encoded(&settings, &encoder, &headers), outbox)?;
        let cutter = Cutter::new(self.track, encoder.framing(), outbox);
        let end = self.track.starts.last().copied().unwrap_or(0);
        let (frame, gain) = (encoder.framing().frame, self.gain);
        let factor = (gain != 0).then(|| loudness::factor(gain));
        let mut encoding = Encoding::new(encoder, cutter, factor);
        let mut timeline = Timeline::new(&mut encoding, frame, end);
        decode(source, self.facts, self.origin, &mut timeline)?;
        timeline.finish()
    }

    fn passed(&self, source: &Source, outbox: &Outbox) -> Result<(), EngineError> {
        let pass = passthrough::open(source, self.facts, self.origin)?;
        self.check_init(&pass.make_as(self.kbps), outbox)?;
        let mut cutter = Cutter::new(self.track, pass.framing, outbox);
        pass.copy(source, &mut cutter)?;
        cutter.finish()
    }

    /// The init segment this run would need must be the one that was published.
    fn check_init(&self, make: &Make, outbox: &Outbox) -> Result<(), EngineError> {
        let init = make.init(&self.facts.language)?;
        let init = outbox.sealed_init(&self.track.id, init)?;
        match hex::encode(Sha256::digest(&init)) == self.track.init_sha256 {
            true => Ok(()),
            false => Err(EngineError::InitMismatch(self.track.id.clone())),
        }
    }
}

/// Feeds every decoded frame to the timeline at its place.
fn decode(
    source: &Source,
    facts: &AudioFacts,
    origin: (i64, Ratio),
    timeline: &mut Timeline<impl Sink>,
) -> Result<(), EngineError> {
    let stream = facts.stream as usize;
    let mut input = MediaInput::open(source, Depth::Index)?;
    input.select(stream);
    let (mut decoder, time_base) = decoder(&input, stream)?;
    let zero = signed_samples(origin, RATE);
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
