//! Media segments: `styp`, then one or two fragments. Decode times run evenly through a segment
//! (a sample lasts as long as the picture at its place in presentation order does), so `tfdt` of
//! every segment is the grid's time and offsets may be negative.

use mp4_atom::{Encode, FourCC, Mfhd, Moof, Styp, Tfdt, Tfhd, Traf, Trun, TrunEntry, TrunSamples};

use super::init::{TRACK, boxed, mp4_atom_box};
use crate::error::EngineError;

const SYNC: u32 = 0x0200_0000;
const NOT_SYNC: u32 = 0x0101_0000;

/// One sample in decode order.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Bytes as they go into `mdat`.
    pub data: Vec<u8>,
    /// Ticks to the next sample's decode time.
    pub duration: u32,
    /// Presentation time less decode time, in ticks.
    pub offset: i32,
    /// Decoding can begin here.
    pub sync: bool,
}

/// A video segment: its first picture alone in the first fragment.
pub fn video(number: u32, start: u64, samples: &[Sample]) -> Result<Vec<u8>, EngineError> {
    let mut bytes = head()?;
    let (first, rest) = samples.split_at(samples.len().min(1));
    fragment(&mut bytes, number * 2 + 1, start, first)?;
    let after = start + first.iter().map(|s| u64::from(s.duration)).sum::<u64>();
    if !rest.is_empty() {
        fragment(&mut bytes, number * 2 + 2, after, rest)?;
    }
    Ok(bytes)
}

/// An audio segment: one fragment.
pub fn audio(number: u32, start: u64, samples: &[Sample]) -> Result<Vec<u8>, EngineError> {
    let mut bytes = head()?;
    fragment(&mut bytes, number + 1, start, samples)?;
    Ok(bytes)
}

/// A text segment: one fragment of samples each of which can be shown by itself.
pub fn text(number: u32, start: u64, samples: &[Sample]) -> Result<Vec<u8>, EngineError> {
    audio(number, start, samples)
}

fn head() -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    let styp = Styp {
        major_brand: FourCC::new(b"msdh"),
        minor_version: 0,
        compatible_brands: [b"msdh", b"cmfs", b"cmff", b"iso6"]
            .map(FourCC::new)
            .to_vec(),
    };
    styp.encode(&mut bytes).map_err(boxed)?;
    Ok(bytes)
}

fn fragment(
    bytes: &mut Vec<u8>,
    sequence: u32,
    start: u64,
    samples: &[Sample],
) -> Result<(), EngineError> {
    // The offset to the data is inside the box whose size it counts: encode once to measure.
    let mut measured = Vec::new();
    moof(sequence, start, samples, 0)
        .encode(&mut measured)
        .map_err(boxed)?;
    let data = i32::try_from(measured.len() + 8).unwrap_or(i32::MAX);
    moof(sequence, start, samples, data)
        .encode(bytes)
        .map_err(boxed)?;
    let body: Vec<u8> = samples
        .iter()
        .flat_map(|s| s.data.iter().copied())
        .collect();
    bytes.extend(mp4_atom_box(b"mdat", &body));
    Ok(())
}

fn moof(sequence_number: u32, start: u64, samples: &[Sample], data_offset: i32) -> Moof {
    let entries: Vec<TrunEntry> = samples.iter().map(entry).collect();
    Moof {
        mfhd: Mfhd { sequence_number },
        traf: vec![Traf {
            tfhd: Tfhd {
                track_id: TRACK,
                default_base_is_moof: true,
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt {
                base_media_decode_time: start,
            }),
            trun: vec![Trun {
                data_offset: Some(data_offset),
                samples: TrunSamples::Explicit(entries),
            }],
            ..Traf::default()
        }],
    }
}

fn entry(sample: &Sample) -> TrunEntry {
    TrunEntry {
        duration: Some(sample.duration),
        size: Some(u32::try_from(sample.data.len()).unwrap_or(u32::MAX)),
        flags: Some(if sample.sync { SYNC } else { NOT_SYNC }),
        cts: Some(sample.offset.into()),
    }
}
