//! Which treatment a source's pictures need, from what its headers say.

use ffmpeg_next as ff;
use ffmpeg_next::codec::packet::side_data::Type;
use streamgate_contract::plan::Treatment;

/// Transfer characteristics of H.273 that mean a high dynamic range: PQ and HLG.
const HIGH_RANGE: [u8; 2] = [16, 18];

/// The treatment of a stream: `transfer` is its transfer characteristics, `interlaced` what its
/// field order says.
pub(super) fn treatment(stream: &ff::Stream, transfer: u8, interlaced: bool) -> Treatment {
    let matrix = stream.side_data().find(|s| s.kind() == Type::DisplayMatrix);
    let (quarter_turns, mirrored) = matrix.map_or((0, false), |m| orientation(m.data()));
    Treatment {
        deinterlace: interlaced,
        tone_map: HIGH_RANGE.contains(&transfer).then_some(transfer),
        quarter_turns,
        mirrored,
    }
}

/// Quarter turns clockwise and whether the picture is mirrored after them, of a display matrix
/// (ISO 14496-12, 8.3.2: nine integers, the upper left four turn and scale).
fn orientation(matrix: &[u8]) -> (u8, bool) {
    let mut numbers = matrix.chunks_exact(4).map(|bytes| {
        let bytes = bytes.try_into().unwrap_or([0; 4]);
        i64::from(i32::from_ne_bytes(bytes))
    });
    let mut next = || numbers.next().unwrap_or(0);
    let (a, b, _, c, d) = (next(), next(), next(), next(), next());
    let mirrored = i128::from(a) * i128::from(d) < i128::from(b) * i128::from(c);
    let a = if mirrored { -a } else { a };
    let turns = match (a.abs() >= b.abs(), a >= 0, b > 0) {
        (true, true, _) => 0,
        (true, false, _) => 2,
        (false, _, true) => 1,
        (false, _, false) => 3,
    };
    (turns, mirrored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_of_cameras_are_read_as_players_do() {
        let one = 1 << 16;
        let table = [
            ([one, 0, 0, one], (0, false)),
            ([0, one, -one, 0], (1, false)),
            ([-one, 0, 0, -one], (2, false)),
            ([0, -one, one, 0], (3, false)),
            ([-one, 0, 0, one], (0, true)),
        ];
        for ([a, b, c, d], expected) in table {
            let numbers: [i32; 9] = [a, b, 0, c, d, 0, 0, 0, 1 << 30];
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_ne_bytes()).collect();
            assert_eq!(orientation(&bytes), expected);
        }
        assert_eq!(orientation(&[]), (0, false));
    }
}
