//! Where audio is cut: at the audio frame nearest to each video boundary, so that both tracks
//! have the same segments. Exact at the head; the tail is over by less than one audio frame.

use streamgate_contract::plan::Ratio;

/// Samples in an AAC frame.
pub const FRAME: u64 = 1_024;
/// Samples per second of every audio rendition.
pub const RATE: u32 = 48_000;

/// Audio frames at which segments start, one more than there are segments: the last is the end.
/// `boundaries` are the video's, in ticks of `timescale` from the first picture on.
pub fn cuts(boundaries: &[u64], timescale: u32) -> Vec<u64> {
    let time_base = Ratio {
        num: 1,
        den: timescale.into(),
    };
    let samples = |ticks: u64| samples(i64::try_from(ticks).unwrap_or(i64::MAX), time_base);
    let mut cuts: Vec<u64> = boundaries
        .iter()
        .map(|ticks| (samples(*ticks) + FRAME / 2) / FRAME)
        .collect();
    if let (Some(end), Some(cut)) = (boundaries.last(), cuts.last_mut()) {
        *cut = samples(*end).div_ceil(FRAME).max(1);
    }
    // A last segment shorter than half an audio frame still gets one, taken from its neighbour.
    for i in (1..cuts.len()).rev() {
        cuts[i - 1] = cuts[i - 1].min(cuts[i].saturating_sub(1));
    }
    cuts
}

/// Ticks as samples, rounded to the nearest.
pub fn samples(ticks: i64, time_base: Ratio) -> u64 {
    let den = i128::from(time_base.den.max(1));
    let scaled = i128::from(ticks) * i128::from(time_base.num) * i128::from(RATE);
    u64::try_from((scaled * 2 + den) / (den * 2)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_worked_example_cuts_as_documented() {
        let boundaries: Vec<u64> = (0..=6).map(|n| n * 4 * 90_000).collect();
        assert_eq!(
            cuts(&boundaries, 90_000),
            [0, 188, 375, 563, 750, 938, 1125]
        );
    }

    proptest! {
        #[test]
        fn cuts_are_near_rise_and_cover(lengths in proptest::collection::vec(1_u64..100_000, 1..50)) {
            let mut boundaries = vec![0];
            // All but the last segment are at least half a second long, as the grid's bounds say.
            for (i, length) in lengths.iter().enumerate() {
                let last = boundaries[i];
                let long = if i + 1 < lengths.len() { 45_000 } else { 0 };
                boundaries.push(last + length + long);
            }
            let time_base = Ratio { num: 1, den: 90_000 };
            let cuts = cuts(&boundaries, 90_000);
            let samples = |ticks: u64| samples(ticks as i64, time_base);
            prop_assert_eq!(cuts[0], 0);
            prop_assert!(cuts.windows(2).all(|w| w[0] < w[1]));
            let end = samples(boundaries[boundaries.len() - 1]);
            let over = (cuts[cuts.len() - 1] * FRAME).checked_sub(end);
            prop_assert!(over.is_some_and(|over| over < FRAME));
            for (cut, ticks) in cuts.iter().zip(&boundaries) {
                prop_assert!((cut * FRAME).abs_diff(samples(*ticks)) <= FRAME);
            }
        }
    }
}
