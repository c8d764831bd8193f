//! NAL units of H.264 and HEVC: from start codes to lengths.

/// NAL units of a byte stream with start codes.
pub(super) fn units(stream: &[u8]) -> Vec<&[u8]> {
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

/// Length of a parameter set in a record.
pub(super) fn length(unit: &[u8]) -> [u8; 2] {
    u16::try_from(unit.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// A picture's NAL units behind four-byte lengths.
pub(super) fn sample(stream: &[u8]) -> Vec<u8> {
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
}
