//! Which pictures are looked at. Numbers in, numbers out.

use std::ops::Range;

/// Pictures in a row.
const BURST: u64 = 6;
/// Share of all pictures that is looked at, in percent: each costs about twice its encode.
const PERCENT: u64 = 5;
/// Most bursts: more say nothing new of hours.
const MOST: u64 = 30;

/// Bursts spread evenly over `frames`, each in the middle of its part.
pub(super) fn bursts(frames: u64) -> Vec<Range<u64>> {
    let count = (frames * PERCENT / 100 / BURST).clamp(2, MOST);
    let burst = |n: u64| {
        let middle = frames * (2 * n + 1) / (2 * count);
        let start = middle.saturating_sub(BURST / 2);
        start..(start + BURST).min(frames)
    };
    (0..count).map(burst).filter(|r| !r.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::bursts;

    #[test]
    fn bursts_lie_inside_and_apart_and_are_few() {
        let starts: Vec<u64> = bursts(600).iter().map(|r| r.start).collect();
        assert_eq!(starts, [57, 177, 297, 417, 537]);
        assert_eq!(bursts(5).first(), Some(&(0..5)));
        assert!(bursts(0).is_empty());
        let long = bursts(1_000_000);
        assert_eq!(long.len(), 30);
        assert!(long.windows(2).all(|w| w[0].end <= w[1].start));
        assert!(long[29].end <= 1_000_000);
    }
}
