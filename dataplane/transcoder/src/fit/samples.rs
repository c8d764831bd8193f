//! Which pictures are looked at. Numbers in, numbers out.

use std::ops::Range;

/// Pictures in a row: as many as an encoder's lookahead needs to spend as it will.
pub(super) const BURST: u64 = 12;
/// Share of all pictures that is looked at, in percent: each costs about twice its encode.
const PERCENT: u64 = 6;
/// Most bursts: more say nothing new of hours.
const MOST: u64 = 30;

/// Bursts spread evenly over all pictures, one in each part of the whole: at the part's key picture, one
/// of `keys`, that is nearest to its middle, since decoding begins there, else in the middle. In the part
/// where most moves it is there; `movement` has a number for every picture.
pub(super) fn bursts(movement: &[u64], keys: &[u64]) -> Vec<Range<u64>> {
    let frames = movement.len() as u64;
    let count = (frames * PERCENT / 100 / BURST).clamp(1, MOST);
    let busiest = busiest(movement);
    let burst = |n: u64| {
        let (from, to) = (frames * n / count, frames * (n + 1) / count);
        let middle = (from + to).saturating_sub(BURST) / 2;
        let starts = from..(to + 1).saturating_sub(BURST).max(from + 1);
        let inside = |key: &&u64| starts.contains(*key);
        let nearest = keys
            .iter()
            .filter(inside)
            .min_by_key(|k| k.abs_diff(middle));
        let start = match busiest {
            Some(there) if (from..to).contains(&there) => there.min(starts.end - 1),
            _ => nearest.copied().unwrap_or(middle),
        };
        start..(start + BURST).min(frames)
    };
    (0..count).map(burst).filter(|r| !r.is_empty()).collect()
}

/// Where the burst begins in which most moves; `None` when nothing does.
fn busiest(movement: &[u64]) -> Option<u64> {
    let length = usize::try_from(BURST).unwrap_or(usize::MAX);
    let sums = movement.windows(length).map(|w| w.iter().sum::<u64>());
    let most = sums
        .zip(0..)
        .max_by_key(|(sum, at)| (*sum, std::cmp::Reverse(*at)));
    most.filter(|(sum, _)| *sum > 0).map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still(frames: usize) -> Vec<u64> {
        vec![0; frames]
    }

    #[test]
    fn bursts_lie_inside_and_apart_and_are_few() {
        let starts: Vec<u64> = bursts(&still(600), &[]).iter().map(|r| r.start).collect();
        assert_eq!(starts, [94, 294, 494]);
        assert_eq!(bursts(&still(5), &[]).first(), Some(&(0..5)));
        assert!(bursts(&[], &[]).is_empty());
        let long = bursts(&still(1_000_000), &[]);
        assert_eq!(long.len(), 30);
        assert!(long.windows(2).all(|w| w[0].end <= w[1].start));
        assert!(long[29].end <= 1_000_000);
    }

    #[test]
    fn bursts_begin_at_key_pictures_of_their_part() {
        let starts = |keys: &[u64]| -> Vec<u64> {
            let bursts = bursts(&still(600), keys);
            assert!(bursts.windows(2).all(|w| w[0].end <= w[1].start));
            bursts.iter().map(|r| r.start).collect()
        };
        assert_eq!(starts(&[0, 80, 160, 240, 320]), [80, 320, 494]);
        assert_eq!(starts(&[0, 195, 200]), [0, 200, 494]);
    }

    #[test]
    fn one_burst_is_where_most_moves() {
        let mut movement = still(600);
        movement[230..260].fill(9);
        movement[240..252].fill(10);
        let starts: Vec<u64> = bursts(&movement, &[0, 300])
            .iter()
            .map(|r| r.start)
            .collect();
        assert_eq!(starts, [0, 240, 494]);
        // At the very end of a part it stays inside.
        movement[390..402].fill(20);
        let found = bursts(&movement, &[]);
        assert_eq!(found[1], 388..400);
        assert_eq!(bursts(&[1; 12], &[]).first(), Some(&(0..12)));
    }
}
