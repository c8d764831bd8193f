//! Cuts wanted byte ranges of a source that is several objects in a row into requests. Pure.

use streamgate_contract::plan::ByteRange;

use crate::courier::halt::Halt;

/// Most bytes of one request: what a broken connection costs at most.
pub(super) const MOST: u64 = 8 << 20;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Which object.
    pub(super) part: usize,
    /// Bytes within the object.
    pub(super) range: ByteRange,
    /// Where they belong in the source.
    pub(super) at: u64,
}

/// The requests for `wanted` of a source of objects with `parts` bytes each.
pub(super) fn pieces(parts: &[u64], wanted: &[ByteRange]) -> Result<Vec<Piece>, Halt> {
    let has = parts.iter().fold(0u64, |sum, b| sum.saturating_add(*b));
    if let Some(outside) = wanted.iter().find(|r| r.end > has) {
        let wanted = outside.end - 1;
        return Err(Halt::SourceTruncated { has, wanted });
    }
    let mut pieces = Vec::new();
    let mut begin = 0u64;
    for (part, bytes) in parts.iter().enumerate() {
        let end = begin.saturating_add(*bytes);
        for range in wanted {
            cut(
                part,
                begin,
                range.start.max(begin)..range.end.min(end),
                &mut pieces,
            );
        }
        begin = end;
    }
    Ok(pieces)
}

/// Cuts `span` of the source, which lies in the object that begins at `begin`.
fn cut(part: usize, begin: u64, span: std::ops::Range<u64>, pieces: &mut Vec<Piece>) {
    let mut at = span.start;
    while at < span.end {
        let end = span.end.min(at.saturating_add(MOST));
        let range = ByteRange {
            start: at - begin,
            end: end - begin,
        };
        pieces.push(Piece { part, range, at });
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_past_the_end_is_a_truncated_source() {
        let range = ByteRange { start: 3, end: 11 };
        let halt = pieces(&[4, 6], &[range]).unwrap_err();
        assert!(matches!(
            halt,
            Halt::SourceTruncated {
                has: 10,
                wanted: 10
            }
        ));
    }

    proptest! {
        #[test]
        fn pieces_give_exactly_the_wanted_bytes(
            parts in proptest::collection::vec(0u64..40, 1..6),
            ends in proptest::collection::btree_set(0u64..240, 0..9),
        ) {
            let has: u64 = parts.iter().sum();
            let ends: Vec<u64> = ends.into_iter().filter(|e| *e <= has).collect();
            let wanted: Vec<ByteRange> = ends
                .chunks_exact(2)
                .map(|pair| ByteRange { start: pair[0], end: pair[1] })
                .collect();
            let mut got = Vec::new();
            for piece in pieces(&parts, &wanted).unwrap() {
                let begin: u64 = parts[..piece.part].iter().sum();
                prop_assert!(piece.range.end <= parts[piece.part]);
                prop_assert_eq!(begin + piece.range.start, piece.at);
                got.extend(piece.at..piece.at + (piece.range.end - piece.range.start));
            }
            let all: Vec<u64> = wanted.iter().flat_map(|r| r.start..r.end).collect();
            prop_assert_eq!(got, all);
        }
    }

    #[test]
    fn long_ranges_are_cut_without_a_gap() {
        let end = 2 * MOST + 1;
        let cut = pieces(&[end], &[ByteRange { start: 0, end }]).unwrap();
        assert_eq!(
            cut.iter().map(|p| p.at).collect::<Vec<_>>(),
            [0, MOST, 2 * MOST]
        );
    }
}
