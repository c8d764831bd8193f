//! H.264 from start codes to lengths: the avcC record of an encoder's headers, NAL units of a
//! picture behind their lengths, and the RFC 6381 name.

use crate::error::EngineError;

const SPS: u8 = 7;
const PPS: u8 = 8;

/// NAL units of a byte stream with start codes.
fn units(stream: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at + 3 <= stream.len() {
        if stream[at..at + 3] == [0, 0, 1] {
            starts.push((at, at + 3));
            at += 3;
        } else {
            at += 1;
        }
    }
    let ends = starts.iter().skip(1).map(|s| s.0).chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|((_, start), end)| trim(&stream[*start..end]))
        .filter(|unit| !unit.is_empty())
        .collect()
}

/// A longer start code leaves zeros at the end of the unit before it.
fn trim(unit: &[u8]) -> &[u8] {
    let end = unit
        .iter()
        .rposition(|b| *b != 0)
        .map_or(0, |last| last + 1);
    &unit[..end]
}

/// The avcC record of an encoder's headers.
pub fn config(headers: &[u8]) -> Result<Vec<u8>, EngineError> {
    let units = units(headers);
    let find = |kind: u8| units.iter().find(|u| u[0] & 0x1f == kind).copied();
    let (Some(sps), Some(pps)) = (find(SPS), find(PPS)) else {
        return Err(EngineError::Internal("x264 gave no SPS and PPS".into()));
    };
    if sps.len() < 4 {
        return Err(EngineError::Internal("x264 gave a short SPS".into()));
    }
    let length = |unit: &[u8]| u16::try_from(unit.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut record = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
    record.extend(length(sps));
    record.extend(sps);
    record.push(1);
    record.extend(length(pps));
    record.extend(pps);
    // High profile says its chroma format and depths: 4:2:0 with 8 bits.
    record.extend([0xfd, 0xf8, 0xf8, 0]);
    Ok(record)
}

/// The name in a codecs parameter.
pub fn codecs(config: &[u8]) -> String {
    let hex: String = config
        .iter()
        .skip(1)
        .take(3)
        .map(|b| format!("{b:02X}"))
        .collect();
    format!("avc1.{hex}")
}

/// A picture's NAL units behind four-byte lengths.
pub fn sample(stream: &[u8]) -> Vec<u8> {
    let mut sample = Vec::with_capacity(stream.len() + 16);
    for unit in units(stream) {
        sample.extend(u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
        sample.extend(unit);
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_start_codes_become_lengths() {
        let stream = [0, 0, 0, 1, 6, 5, 0, 0, 1, 0x65, 9, 8, 0, 0, 0, 1, 0x41, 7];
        assert_eq!(
            sample(&stream),
            [
                0, 0, 0, 2, 6, 5, 0, 0, 0, 3, 0x65, 9, 8, 0, 0, 0, 2, 0x41, 7
            ]
        );
    }

    #[test]
    fn headers_become_a_record_with_its_name() {
        let headers = [0, 0, 0, 1, 0x67, 0x64, 0, 0x1f, 0xac, 0, 0, 1, 0x68, 0xeb];
        let record = config(&headers).unwrap();
        assert_eq!(codecs(&record), "avc1.64001F");
        assert!(config(&[0, 0, 1, 0x68]).is_err());
    }
}
