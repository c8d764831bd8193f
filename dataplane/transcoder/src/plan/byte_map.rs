//! The byte map: which bytes of the source a span needs, from the table of packets that Plan
//! scanned. Few ranges are few requests, few bytes are little traffic; the rule for both is here.

use std::ops::Range;

use streamgate_contract::plan::ByteRange;

/// One packet of a stream as the scan saw it, in decode order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketInfo {
    /// Presentation time in ticks.
    pub pts: i64,
    /// Duration in ticks, 0 when unknown.
    pub duration: i64,
    /// First byte in the source.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// Decoding can begin here.
    pub key: bool,
    /// Decoded but never shown (edit lists).
    pub hidden: bool,
}

/// Gaps below this are fetched rather than skipped.
const GAP: u64 = 64 << 10;
/// Most ranges of an audio span before gaps are bridged regardless of the bytes.
const MAX_RANGES: usize = 4_096;

/// Packets that decoding the frames with `pts` in `wanted` takes: from the last key frame at or
/// before it to the last packet, in decode order, of a wanted frame. Leading pictures of an open
/// group come before their key frame, so the key frame's own time decides.
pub fn needed(packets: &[PacketInfo], wanted: &Range<i64>) -> Range<usize> {
    let first = packets
        .iter()
        .rposition(|p| p.key && p.pts <= wanted.start)
        .unwrap_or(0);
    let last = packets
        .iter()
        .rposition(|p| wanted.contains(&p.pts))
        .unwrap_or(first);
    first..last.max(first) + 1
}

/// One contiguous range over `packets`, plus the container's own bytes.
pub fn video(header: &[ByteRange], packets: &[PacketInfo]) -> Vec<ByteRange> {
    let start = packets.iter().map(|p| p.start).min();
    let end = packets.iter().map(|p| p.end).max();
    let span = start.zip(end).map(|(start, end)| ByteRange { start, end });
    merge(header.iter().copied().chain(span).collect(), GAP)
}

/// The audio packets' ranges plus the container's own bytes. Gaps are bridged as long as the
/// bytes stay within `allowance`, and in any case when there would be too many requests.
pub fn audio(header: &[ByteRange], packets: &[PacketInfo], allowance: u64) -> Vec<ByteRange> {
    let own = packets.iter().map(|p| ByteRange {
        start: p.start,
        end: p.end,
    });
    let all: Vec<ByteRange> = header.iter().copied().chain(own).collect();
    let gaps = std::iter::successors(Some(GAP), |gap| {
        (*gap > 0).then_some((gap / 4 * 3) & !1_023)
    });
    let mut best = Vec::new();
    for gap in gaps {
        let ranges = merge(all.clone(), gap);
        if ranges.len() > MAX_RANGES && !best.is_empty() {
            break;
        }
        best = ranges;
        if total(&best) <= allowance {
            break;
        }
    }
    best
}

/// Ascending and disjoint ranges; those closer than `gap` become one.
pub fn merge(mut ranges: Vec<ByteRange>, gap: u64) -> Vec<ByteRange> {
    ranges.retain(|r| r.end > r.start);
    ranges.sort_by_key(|r| r.start);
    let mut merged: Vec<ByteRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => {
                last.end = last.end.max(range.end);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Bytes of all ranges.
pub fn total(ranges: &[ByteRange]) -> u64 {
    ranges.iter().map(|r| r.end - r.start).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(start: u64, end: u64) -> ByteRange {
        ByteRange { start, end }
    }

    /// Packets in decode order by (pts, key), ten bytes each.
    fn packets(order: &[(i64, bool)]) -> Vec<PacketInfo> {
        let packet = |(i, (pts, key)): (usize, &(i64, bool))| PacketInfo {
            pts: *pts,
            duration: 1,
            start: i as u64 * 10,
            end: i as u64 * 10 + 10,
            key: *key,
            hidden: false,
        };
        order.iter().enumerate().map(packet).collect()
    }

    #[test]
    fn leading_pictures_of_an_open_group_need_the_group_before() {
        let open = packets(&[
            (0, true),
            (2, false),
            (1, false),
            (5, true),
            (3, false),
            (4, false),
            (6, false),
        ]);
        assert_eq!(needed(&open, &(4..5)), 0..6);
        assert_eq!(needed(&open, &(5..7)), 3..7);
        assert_eq!(needed(&open, &(0..2)), 0..3);
    }

    #[test]
    fn an_audio_span_stays_within_its_allowance() {
        let spread: Vec<PacketInfo> = (0..100_u64)
            .map(|i| PacketInfo {
                start: i * 20_000,
                end: i * 20_000 + 300,
                ..packets(&[(0, true)])[0]
            })
            .collect();
        assert_eq!(audio(&[], &spread, 40_000).len(), 100);
        assert_eq!(audio(&[], &spread, 3_000_000).len(), 1);
    }

    proptest! {
        #[test]
        fn merged_ranges_cover_all_are_ascending_and_apart(
            raw in proptest::collection::vec((0_u64..10_000, 0_u64..500), 0..60), gap in 0_u64..600,
        ) {
            let ranges: Vec<ByteRange> = raw.iter().map(|(s, l)| range(*s, s + l)).collect();
            let merged = merge(ranges.clone(), gap);
            prop_assert!(merged.windows(2).all(|w| w[0].end + gap < w[1].start));
            for r in ranges.iter().filter(|r| r.end > r.start) {
                prop_assert!(merged.iter().any(|m| m.start <= r.start && r.end <= m.end));
            }
        }
    }
}
