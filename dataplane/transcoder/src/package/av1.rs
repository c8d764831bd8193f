//! AV1: the av1C record of an encoder's sequence header, samples without temporal delimiters, and
//! the codecs name. Source: AV1 Codec ISO Media File Format Binding.

use streamgate_contract::plan::Colour;

use crate::bits::Bits;
use crate::error::EngineError;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;

/// An OBU: its type, itself with its header, what is in it.
struct Obu<'a> {
    kind: u8,
    whole: &'a [u8],
    payload: &'a [u8],
}

/// OBUs of a temporal unit; what is not one ends them.
fn units(mut stream: &[u8]) -> Vec<Obu<'_>> {
    let mut units = Vec::new();
    while let Some(unit) = first(stream) {
        stream = &stream[unit.whole.len()..];
        units.push(unit);
    }
    units
}

fn first(stream: &[u8]) -> Option<Obu<'_>> {
    let header = *stream.first()?;
    let (extended, sized) = (header & 4 != 0, header & 2 != 0);
    let head = 1 + usize::from(extended);
    let (size, coded) = match sized {
        true => leb128(stream.get(head..)?)?,
        false => (stream.len().checked_sub(head)?, 0),
    };
    let start = head + coded;
    let end = start.checked_add(size)?;
    Some(Obu {
        kind: header >> 3 & 15,
        whole: stream.get(..end)?,
        payload: stream.get(start..end)?,
    })
}

/// A number and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (n, byte) in bytes.iter().take(8).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((value, n + 1));
        }
    }
    None
}

/// Profile, level and tier of the first operating point (AV1 specification, 5.5.1).
fn level(header: &[u8]) -> Option<(u8, u8, bool)> {
    let mut bits = Bits::new(header);
    let profile = bits.byte(3)?;
    let (_still, reduced) = (bits.take(1)?, bits.take(1)?);
    if reduced == 1 {
        return Some((profile, bits.byte(5)?, false));
    }
    if bits.take(1)? == 1 {
        bits.take(64)?;
        if bits.take(1)? == 1 {
            let mut zeros = 0;
            while bits.take(1)? == 0 {
                zeros += 1;
            }
            bits.take(zeros)?;
        }
        if bits.take(1)? == 1 {
            bits.take(47)?;
        }
    }
    let (_delay, _points, _idc) = (bits.take(1)?, bits.take(5)?, bits.take(12)?);
    let level = bits.byte(5)?;
    let tier = level > 7 && bits.take(1)? == 1;
    Some((profile, level, tier))
}

/// The av1C record of an encoder's headers: 4:2:0, 8 bits.
pub(super) fn config(headers: &[u8]) -> Result<Vec<u8>, EngineError> {
    let missing = || EngineError::Internal("SVT-AV1 gave no sequence header".into());
    let units = units(headers);
    let header = units.iter().find(|u| u.kind == SEQUENCE_HEADER);
    let header = header.ok_or_else(missing)?;
    let (profile, level, tier) = level(header.payload).ok_or_else(missing)?;
    let mut record = vec![0x81, profile << 5 | level, u8::from(tier) << 7 | 0b1100, 0];
    record.extend(header.whole);
    Ok(record)
}

/// The name in a codecs parameter; colour is said unless it is BT.709.
pub(super) fn codecs(record: &[u8], colour: Colour) -> String {
    let at = |n: usize| record.get(n).copied().unwrap_or(0);
    let (profile, level) = (at(1) >> 5, at(1) & 31);
    let tier = if at(2) & 0x80 == 0 { 'M' } else { 'H' };
    let name = format!("av01.{profile}.{level:02}{tier}.08");
    if colour == Colour::default() {
        return name;
    }
    let Colour {
        primaries,
        transfer,
        matrix,
    } = colour;
    format!("{name}.0.110.{primaries:02}.{transfer:02}.{matrix:02}.0")
}

/// A temporal unit as a sample.
pub(super) fn sample(stream: &[u8]) -> Vec<u8> {
    let kept = units(stream)
        .into_iter()
        .filter(|u| u.kind != TEMPORAL_DELIMITER);
    kept.flat_map(|u| u.whole.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_header_becomes_a_record_with_its_name() {
        // Profile 0, no timing, one operating point of level index 5 (3.1); then a delimiter.
        let header = [0x0a, 4, 0, 0, 0x00, 0b0010_1000];
        let mut stream = vec![0x12, 0];
        stream.extend(header);
        let record = config(&stream).unwrap();
        assert_eq!(record[..4], [0x81, 5, 0b1100, 0]);
        assert_eq!(record[4..], header);
        assert_eq!(codecs(&record, Colour::default()), "av01.0.05M.08");
        let sd = Colour {
            primaries: 6,
            transfer: 6,
            matrix: 6,
        };
        assert_eq!(codecs(&record, sd), "av01.0.05M.08.0.110.06.06.06.0");
        assert_eq!(sample(&stream), header);
        assert!(config(&[0x12, 0]).is_err());
    }
}
