//! H.264: the avcC record of an encoder's headers (ISO/IEC 14496-15) and its RFC 6381 name.

use super::nal::{length, units};
use crate::error::EngineError;

const SPS: u8 = 7;
const PPS: u8 = 8;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_a_record_with_its_name() {
        let headers = [0, 0, 0, 1, 0x67, 0x64, 0, 0x1f, 0xac, 0, 0, 1, 0x68, 0xeb];
        let record = config(&headers).unwrap();
        assert_eq!(codecs(&record), "avc1.64001F");
        assert!(config(&[0, 0, 1, 0x68]).is_err());
    }
}
