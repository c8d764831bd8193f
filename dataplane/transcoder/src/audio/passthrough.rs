//! AC-3 and E-AC-3 as they are: frames of the source become samples. Only where every frame
//! follows the one before and there is one substream; anything else is left to the encode.
//! Source of the headers: ETSI TS 102 366, annexes E and F.

use streamgate_contract::plan::{AudioFacts, Ratio};
use streamgate_contract::renditions::SoundCodec;

use super::cutter::Cutter;
use super::signed_samples;
use super::track::Make;
use crate::bits::Bits;
use crate::error::EngineError;
use crate::input::{Depth, MediaInput};
use crate::plan::audio_cuts::Framing;
use crate::plan::byte_map::PacketInfo;
use crate::source::Source;

/// Seconds over which times may stray before a gap counts: containers round.
const TOLERANCE_SECONDS: f64 = 0.02;

/// A stream that is passed through.
pub(super) struct Pass {
    pub(super) codec: SoundCodec,
    pub(super) framing: Framing,
    stream: usize,
    channels: u32,
    kbps: u32,
    config: Vec<u8>,
    /// Frames there are; unknown to Encode, which has the plan.
    frames: u64,
    first: i64,
}

/// The codec of a stream, if it is one that is passed through.
fn codec(name: &str) -> Option<SoundCodec> {
    match name {
        "ac3" => Some(SoundCodec::Ac3),
        "eac3" => Some(SoundCodec::Eac3),
        _ => None,
    }
}

/// What the head of a frame says: the record for the sample entry and kbit/s.
fn config(codec: SoundCodec, frame: &[u8]) -> Option<(Vec<u8>, u32)> {
    let mut bits = Bits::new(frame);
    if bits.take(16)? != 0x0b77 {
        return None;
    }
    match codec {
        SoundCodec::Ac3 => ac3(bits),
        _ => eac3(bits, frame.len()),
    }
}

fn ac3(mut bits: Bits) -> Option<(Vec<u8>, u32)> {
    const KBPS: [u32; 19] = [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
    ];
    bits.take(16)?;
    let (rate, size, id, mode) = (bits.take(2)?, bits.take(6)?, bits.take(5)?, bits.take(3)?);
    let layout = bits.take(3)?;
    let centre = layout & 1 == 1 && layout != 1;
    let mixes = [centre, layout & 4 != 0, layout == 2];
    bits.take(mixes.iter().filter(|there| **there).count() * 2)?;
    let low = bits.take(1)?;
    let code = size >> 1;
    let kbps = *KBPS.get(usize::try_from(code).ok()?)?;
    let record = rate << 22 | id << 17 | mode << 14 | layout << 11 | low << 10 | code << 5;
    let record = u32::try_from(record).ok()?.to_be_bytes();
    Some((record[1..].to_vec(), kbps))
}

fn eac3(mut bits: Bits, length: usize) -> Option<(Vec<u8>, u32)> {
    let (kind, _substream, size) = (bits.take(2)?, bits.take(3)?, bits.take(11)?);
    let (rate, blocks) = (bits.take(2)?, bits.take(2)?);
    let (layout, low, id) = (bits.take(3)?, bits.take(1)?, bits.take(5)?);
    let alone = kind == 0 && usize::try_from((size + 1) * 2).ok()? == length;
    // Frames of six blocks, 1536 samples, at one of the three full rates.
    if !alone || rate == 3 || blocks != 3 {
        return None;
    }
    let per_second = [48_000, 44_100, 32_000][usize::try_from(rate).ok()?];
    let kbps = length as u64 * 8 * per_second / 1_536 / 1_000;
    let record = kbps << 27 | rate << 22 | id << 17 | layout << 9 | low << 8;
    let record = record.to_be_bytes();
    Some((record[3..].to_vec(), u32::try_from(kbps).ok()?))
}

/// The stream if it can be passed through over the whole timeline.
pub(super) fn examine(
    source: &Source,
    facts: &AudioFacts,
    packets: &[PacketInfo],
    origin: (i64, Ratio),
) -> Result<Option<Pass>, EngineError> {
    if codec(&facts.codec).is_none() || facts.sample_rate == 0 {
        return Ok(None);
    }
    let Ok(mut pass) = open(source, facts, origin) else {
        return Ok(None);
    };
    let mut times: Vec<i64> = packets
        .iter()
        .map(|p| p.pts)
        .filter(|pts| *pts >= pass.first)
        .collect();
    times.sort_unstable();
    pass.frames = times.len() as u64;
    let Some(last) = times.last() else {
        return Ok(None);
    };
    // Evenly spaced from the first to the last, and the first is there when the timeline begins.
    let ticks = seconds_per_tick(facts, packets);
    let step = pass.framing.frame as f64 / f64::from(pass.framing.rate);
    let even = times.iter().enumerate().all(|(n, pts)| {
        let off = (pts - pass.first) as f64 * ticks - n as f64 * step;
        off.abs() <= TOLERANCE_SECONDS
    });
    let there = ticks > 0.0 && *last >= pass.first;
    Ok((even && there).then_some(pass))
}

/// Seconds of a tick, told by when the stream begins and ends in microseconds.
fn seconds_per_tick(facts: &AudioFacts, packets: &[PacketInfo]) -> f64 {
    let first = packets.first().map_or(0, |p| p.pts);
    let end = packets
        .iter()
        .map(|p| p.pts.saturating_add(p.duration))
        .max();
    let ticks = end.unwrap_or(first).saturating_sub(first);
    let micros = facts
        .end_microseconds
        .saturating_sub(facts.start_microseconds);
    match ticks {
        0 => 0.0,
        ticks => micros as f64 / 1e6 / ticks as f64,
    }
}

/// Finds the first frame that reaches into the timeline and reads its head.
pub(super) fn open(
    source: &Source,
    facts: &AudioFacts,
    origin: (i64, Ratio),
) -> Result<Pass, EngineError> {
    let no = |what: &str| EngineError::Settings(format!("the sound cannot be passed on: {what}"));
    let codec = codec(&facts.codec).ok_or_else(|| no("it is neither AC-3 nor E-AC-3"))?;
    let frame = u64::from(codec.frame_samples());
    let stream = facts.stream as usize;
    let mut input = MediaInput::open(source, Depth::Index)?;
    input.select(stream);
    let rate = facts.sample_rate;
    let zero = signed_samples(origin, rate);
    let base = input.context().stream(stream).map(|s| s.time_base());
    let base = base.ok_or_else(|| no("its stream is not there"))?;
    let base = Ratio {
        num: base.numerator().into(),
        den: base.denominator().into(),
    };
    while let Some(packet) = input.read()? {
        let Some(pts) = packet.pts().filter(|_| packet.stream() == stream) else {
            continue;
        };
        let at = signed_samples((pts, base), rate) - zero;
        if at + i64::from(codec.frame_samples()) <= 0 {
            continue;
        }
        if at as f64 > TOLERANCE_SECONDS * f64::from(rate) {
            return Err(no("it begins later than the timeline"));
        }
        let head = config(codec, packet.data().unwrap_or_default());
        let (config, kbps) = head.ok_or_else(|| no("it has several substreams"))?;
        return Ok(Pass {
            codec,
            framing: Framing {
                frame,
                priming: u64::try_from(-at).unwrap_or(0),
                rate,
            },
            stream,
            channels: facts.channels,
            kbps,
            config,
            frames: 0,
            first: pts,
        });
    }
    Err(no("it has no frames"))
}

impl Pass {
    pub(super) fn make(&self) -> Make<'_> {
        self.make_as(self.kbps)
    }

    pub(super) fn make_as(&self, kbps: u32) -> Make<'_> {
        Make {
            codec: self.codec,
            kbps,
            channels: self.channels,
            framing: self.framing,
            config: &self.config,
        }
    }

    /// Ends the track with the last frame there is; false when a segment would be empty.
    pub(super) fn fit(&self, starts: &mut [u64]) -> bool {
        let end = (self.frames * self.framing.frame).saturating_sub(self.framing.priming);
        if let Some(last) = starts.last_mut() {
            *last = end.min(*last);
        }
        starts.windows(2).all(|w| w[0] < w[1])
    }

    /// Gives every frame from the first on to `cutter`.
    pub(super) fn copy(&self, source: &Source, cutter: &mut Cutter) -> Result<(), EngineError> {
        let mut input = MediaInput::open(source, Depth::Index)?;
        input.select(self.stream);
        while !cutter.is_done() {
            let Some(packet) = input.read()? else { break };
            let wanted = packet.pts().is_some_and(|pts| pts >= self.first);
            if packet.stream() == self.stream && wanted {
                cutter.push(packet.data().unwrap_or_default().to_vec())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_frames_become_records() {
        // AC-3, 48 kHz, 384 kbit/s, bsid 8, 3/2 with low frequencies.
        let ac3 = [0x0b, 0x77, 0, 0, 0x1c, 0x40, 0xe1, 0xf8];
        let (record, kbps) = config(SoundCodec::Ac3, &ac3).unwrap();
        assert_eq!((record, kbps), (vec![0x10, 0x3d, 0xc0], 384));
        // E-AC-3, 48 kHz, six blocks, 3/2 with low frequencies, bsid 16, 1536 bytes.
        let mut eac3 = vec![0x0b, 0x77, 0x02, 0xff, 0x3f, 0x84];
        eac3.resize(1_536, 0);
        let (record, kbps) = config(SoundCodec::Eac3, &eac3).unwrap();
        assert_eq!((record, kbps), (vec![0x0c, 0x00, 0x20, 0x0f, 0x00], 384));
        assert!(config(SoundCodec::Eac3, &eac3[..700]).is_none());
        assert!(config(SoundCodec::Ac3, &[0; 8]).is_none());
    }
}
