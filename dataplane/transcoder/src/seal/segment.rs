//! Encrypts the samples of a segment and says in each fragment how. Source: ISO/IEC 23001-7, 7.

use mp4_atom::{Decode, Encode, Moof, Saio, Saiz, Senc};

use super::cipher::Cipher;
use super::samples::{Part, Shape, ranges};
use crate::error::EngineError;

/// The segment with its samples encrypted.
pub(super) fn protect(bytes: &[u8], cipher: &Cipher, shape: Shape) -> Result<Vec<u8>, EngineError> {
    let mut sealed = Vec::with_capacity(bytes.len() + bytes.len() / 64);
    let (mut rest, mut first) = (bytes, 0);
    while !rest.is_empty() {
        let (kind, whole) = head(rest)?;
        if kind != *b"moof" {
            sealed.extend(&rest[..whole]);
            rest = &rest[whole..];
            continue;
        }
        let (data_kind, data) = head(&rest[whole..])?;
        if data_kind != *b"mdat" {
            return Err(broken("a fragment has no data behind it"));
        }
        let (moof, mdat) = (&rest[..whole], &rest[whole..whole + data]);
        first += fragment(&mut sealed, moof, mdat, first, cipher, shape)?;
        rest = &rest[whole + data..];
    }
    Ok(sealed)
}

fn broken(what: &str) -> EngineError {
    EngineError::Internal(format!("cannot encrypt a segment: {what}"))
}

/// Kind and size of the box at the head.
fn head(bytes: &[u8]) -> Result<([u8; 4], usize), EngineError> {
    let Some(([s0, s1, s2, s3, k0, k1, k2, k3], _)) = bytes.split_first_chunk() else {
        return Err(broken("a box is cut off"));
    };
    let size = u32::from_be_bytes([*s0, *s1, *s2, *s3]) as usize;
    match (8..=bytes.len()).contains(&size) {
        true => Ok(([*k0, *k1, *k2, *k3], size)),
        false => Err(broken("a box is larger than what holds it")),
    }
}

/// Writes one fragment; returns how many samples it has.
fn fragment(
    sealed: &mut Vec<u8>,
    moof: &[u8],
    mdat: &[u8],
    first: u64,
    cipher: &Cipher,
    shape: Shape,
) -> Result<u64, EngineError> {
    let mut moof = Moof::decode(&mut &moof[..]).map_err(|e| broken(&e.to_string()))?;
    let mut data = mdat.to_vec();
    let sizes = sizes(&moof)?;
    let (mut at, mut parts) = (8, Vec::with_capacity(sizes.len()));
    for (number, size) in sizes.iter().enumerate() {
        let sample = data.get_mut(at..at + size);
        let sample = sample.ok_or_else(|| broken("a sample is cut off"))?;
        let split = shape.parts(sample)?;
        let number = first + number as u64;
        cipher.sample(number, &mut ranges(sample, &split), shape.is_pictures());
        parts.push(split);
        at += size;
    }
    describe(&mut moof, &parts, first, cipher, shape)?;
    let whole = |e: mp4_atom::Error| broken(&e.to_string());
    moof.encode(sealed).map_err(whole)?;
    sealed.extend(data);
    Ok(sizes.len() as u64)
}

fn sizes(moof: &Moof) -> Result<Vec<usize>, EngineError> {
    let traf = moof.traf.first().ok_or_else(|| broken("no track"))?;
    let trun = traf.trun.first().ok_or_else(|| broken("no samples"))?;
    let mp4_atom::TrunSamples::Explicit(entries) = &trun.samples else {
        return Err(broken("samples without sizes"));
    };
    let size = |entry: &mp4_atom::TrunEntry| entry.size.map(|size| size as usize);
    let sizes: Option<Vec<usize>> = entries.iter().map(size).collect();
    sizes.ok_or_else(|| broken("samples without sizes"))
}

/// Puts into a fragment what a player needs to decrypt it. Sound in cbcs needs nothing: its one
/// vector stands in the init segment.
fn describe(
    moof: &mut Moof,
    parts: &[Vec<Part>],
    first: u64,
    cipher: &Cipher,
    shape: Shape,
) -> Result<(), EngineError> {
    let samples = parts.iter().zip(first..);
    let entries: Vec<Vec<u8>> = samples
        .map(|(parts, number)| entry(parts, cipher.vector(number), shape))
        .collect();
    let traf = moof.traf.first_mut().ok_or_else(|| broken("no track"))?;
    if entries.iter().any(|entry| !entry.is_empty()) {
        let count = u32::try_from(entries.len()).map_err(|_| broken("too many samples"))?;
        let sizes: Result<Vec<u8>, _> = entries.iter().map(|e| u8::try_from(e.len())).collect();
        let sizes = sizes.map_err(|_| broken("a picture has too many slices"))?;
        traf.senc = Some(Senc {
            use_subsamples: shape.is_pictures(),
            data: [count.to_be_bytes().to_vec(), entries.concat()].concat(),
            ..Senc::default()
        });
        traf.saiz = vec![Saiz {
            sample_count: count,
            sample_info_size: sizes,
            ..Saiz::default()
        }];
        traf.saio = vec![Saio {
            offsets: vec![0],
            ..Saio::default()
        }];
    }
    place(moof)
}

/// What stands in `senc` of one sample.
fn entry(parts: &[Part], vector: Option<u64>, shape: Shape) -> Vec<u8> {
    let mut entry = vector.map_or(Vec::new(), |v| v.to_be_bytes().to_vec());
    if shape.is_pictures() {
        let count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
        entry.extend(count.to_be_bytes());
        for part in parts {
            entry.extend(u16::try_from(part.clear).unwrap_or(u16::MAX).to_be_bytes());
            entry.extend(
                u32::try_from(part.protected)
                    .unwrap_or(u32::MAX)
                    .to_be_bytes(),
            );
        }
    }
    entry
}

/// Sets the offsets that count the box itself: its size does not depend on them.
fn place(moof: &mut Moof) -> Result<(), EngineError> {
    let mut measured = Vec::new();
    moof.encode(&mut measured)
        .map_err(|e| broken(&e.to_string()))?;
    let data = i32::try_from(measured.len() + 8).map_err(|_| broken("it is too large"))?;
    let traf = moof.traf.first_mut().ok_or_else(|| broken("no track"))?;
    if let Some(trun) = traf.trun.first_mut() {
        trun.data_offset = Some(data);
    }
    if let Some(saio) = traf.saio.first_mut() {
        // Behind its header, version and flags, and number of samples.
        saio.offsets = vec![find(&measured, b"senc")? as u64 + 16];
    }
    Ok(())
}

/// Where a box of the fragment's track begins.
fn find(moof: &[u8], wanted: &[u8; 4]) -> Result<usize, EngineError> {
    let mut at = 8;
    while at < moof.len() {
        let (kind, size) = head(&moof[at..])?;
        if kind == *wanted {
            return Ok(at);
        }
        at += if kind == *b"traf" { 8 } else { size };
    }
    Err(broken("a box is missing"))
}
