//! HEVC: the hvcC record of an encoder's headers and its RFC 6381 name (both ISO/IEC 14496-15).

use super::nal::{length, units};
use crate::error::EngineError;

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |b| b >> 1 & 0x3f)
}

/// A unit without the bytes that keep start codes out of it.
fn payload(unit: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut plain = Vec::with_capacity(unit.len());
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

/// The hvcC record of an encoder's headers: Main profile, 4:2:0, 8 bits.
pub(super) fn config(headers: &[u8]) -> Result<Vec<u8>, EngineError> {
    let units = units(headers);
    let find = |wanted: u8| units.iter().find(|u| kind(u) == wanted).copied();
    let (Some(vps), Some(sps), Some(pps)) = (find(VPS), find(SPS), find(PPS)) else {
        return Err(EngineError::Internal(
            "x265 gave no VPS, SPS and PPS".into(),
        ));
    };
    // After the header of two bytes: four bits of VPS id, three of layers, one of nesting, then
    // the profile, tier and level of twelve bytes.
    let plain = payload(sps);
    let (Some(first), Some(level)) = (plain.get(2), plain.get(3..15)) else {
        return Err(EngineError::Internal("x265 gave a short SPS".into()));
    };
    let layers = (first >> 1 & 7) + 1;
    let nested = first & 1;
    let mut record = vec![1];
    record.extend(level);
    // No spatial segmentation, parallelism unknown, 4:2:0, 8 bits, frame rate not said.
    record.extend([0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0]);
    record.push(layers << 3 | nested << 2 | 3);
    record.push(3);
    for unit in [vps, sps, pps] {
        record.push(0x80 | kind(unit));
        record.extend([0, 1]);
        record.extend(length(unit));
        record.extend(unit);
    }
    Ok(record)
}

/// The name in a codecs parameter: profile, compatibility in reverse bit order, tier and level,
/// constraints without trailing zeros.
pub(super) fn codecs(record: &[u8]) -> String {
    let Some(general) = record.get(1..13).and_then(|g| <[u8; 12]>::try_from(g).ok()) else {
        return "hvc1".to_owned();
    };
    let space = ["", "A", "B", "C"][usize::from(general[0] >> 6)];
    let tier = if general[0] & 0x20 == 0 { 'L' } else { 'H' };
    let [_, c0, c1, c2, c3, ..] = general;
    let compatible = u32::from_be_bytes([c0, c1, c2, c3]).reverse_bits();
    let constraints = &general[5..11];
    let kept = constraints
        .iter()
        .rposition(|b| *b != 0)
        .map_or(0, |n| n + 1);
    let constraints: String = constraints[..kept]
        .iter()
        .map(|b| format!(".{b:X}"))
        .collect();
    let (profile, level) = (general[0] & 0x1f, general[11]);
    format!("hvc1.{space}{profile}.{compatible:X}.{tier}{level}{constraints}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_a_record_with_its_name() {
        // Main profile, level 3.1, progressive frames only; the SPS has inserted bytes.
        let sps = [
            0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x5d, 0xa0,
        ];
        let mut headers = vec![0, 0, 0, 1, 0x40, 1, 0xc, 0, 0, 1];
        headers.extend(sps);
        headers.extend([0, 0, 1, 0x44, 1, 0xc1]);
        let record = config(&headers).unwrap();
        assert_eq!(codecs(&record), "hvc1.1.6.L93.90");
        assert_eq!((record[22], record[21]), (3, 0x0f));
        assert!(config(&headers[..12]).is_err());
    }
}
