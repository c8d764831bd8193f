//! Which pictures are looked at. Numbers in, numbers out.

use std::ops::Range;

/// Pictures in a row: as many as an encoder's lookahead needs to spend as it will.
pub(super) const BURST: u64 = 12;
/// Share of all pictures that is looked at, in percent: each costs about twice its encode.
const PERCENT: u64 = 6;
/// Most bursts: more say nothing new of hours.
const MOST: u64 = 30;

/// Bursts spread evenly over `frames`, one in each part of the whole: at the part's key picture, one of
/// `keys`, that is nearest to its middle, since decoding begins there, else in the middle.
pub(super) fn bursts(frames: u64, keys: &[u64]) -> Vec<Range<u64>> {
    let count = (frames * PERCENT / 100 / BURST).clamp(1, MOST);
    let burst = |n: u64| {
        let (from, to) = (frames * n / count, frames * (n + 1) / count);
        let middle = (from + to).saturating_sub(BURST) / 2;
        let inside = |key: &&u64| (from..(to + 1).saturating_sub(BURST)).contains(*key);
        let nearest = keys
            .iter()
            .filter(inside)
            .min_by_key(|k| k.abs_diff(middle));
        let start = nearest.copied().unwrap_or(middle);
        start..(start + BURST).min(frames)
    };
    (0..count).map(burst).filter(|r| !r.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::bursts;

    #[test]
    fn bursts_lie_inside_and_apart_and_are_few() {
        let starts: Vec<u64> = bursts(600, &[]).iter().map(|r| r.start).collect();
        assert_eq!(starts, [94, 294, 494]);
        assert_eq!(bursts(5, &[]).first(), Some(&(0..5)));
        assert!(bursts(0, &[]).is_empty());
        let long = bursts(1_000_000, &[]);
        assert_eq!(long.len(), 30);
        assert!(long.windows(2).all(|w| w[0].end <= w[1].start));
        assert!(long[29].end <= 1_000_000);
    }

    #[test]
    fn bursts_begin_at_key_pictures_of_their_part() {
        let starts = |keys: &[u64]| -> Vec<u64> {
            let bursts = bursts(600, keys);
            assert!(bursts.windows(2).all(|w| w[0].end <= w[1].start));
            bursts.iter().map(|r| r.start).collect()
        };
        assert_eq!(starts(&[0, 80, 160, 240, 320]), [80, 320, 494]);
        assert_eq!(starts(&[0, 195, 200]), [0, 200, 494]);
    }
}
