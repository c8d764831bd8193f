//! Where audio is cut: at the audio frame nearest to each video boundary, so that both tracks
//! have the same segments. Exact at the head; the tail is over by less than one audio frame.

use streamgate_contract::plan::Ratio;

/// Samples per second of every encoded audio rendition.
pub const RATE: u32 = 48_000;

/// How a track's samples come in frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Samples in a frame.
    pub frame: u64,
    /// Samples at the head that are decoded and not heard; the edit list skips them.
    pub priming: u64,
    /// Samples per second.
    pub rate: u32,
}

impl Framing {
    /// Frames before sample `start` as it is heard; none before the first.
    pub fn frames(&self, start: u64) -> u64 {
        (start + self.priming) / self.frame.max(1)
    }
}

/// Samples at which segments start, as they are heard; one more than there are segments: the last
/// is the end. `boundaries` are the video's, in ticks of `timescale` from the first picture on.
pub fn starts(boundaries: &[u64], timescale: u32, framing: Framing) -> Vec<u64> {
    let Framing {
        frame,
        priming,
        rate,
    } = framing;
    let time_base = Ratio {
        num: 1,
        den: timescale.into(),
    };
    let decoded = |ticks: u64| {
        let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
        samples(ticks, time_base, rate) + priming
    };
    let nearest = |ticks: &u64| (decoded(*ticks) + frame / 2) / frame;
    let mut cuts: Vec<u64> = boundaries.iter().map(nearest).collect();
    if let (Some(end), Some(cut)) = (boundaries.last(), cuts.last_mut()) {
        *cut = decoded(*end).div_ceil(frame).max(1);
    }
    // A last segment shorter than half an audio frame still gets one, taken from its neighbour.
    for i in (1..cuts.len()).rev() {
        cuts[i - 1] = cuts[i - 1].min(cuts[i].saturating_sub(1));
    }
    if let Some(first) = cuts.first_mut() {
        *first = 0;
    }
    let heard = |cut: u64| (cut * frame).saturating_sub(priming);
    cuts.into_iter().map(heard).collect()
}

/// Ticks as samples of `rate` a second, rounded to the nearest.
pub fn samples(ticks: i64, time_base: Ratio, rate: u32) -> u64 {
    let den = i128::from(time_base.den.max(1));
    let scaled = i128::from(ticks) * i128::from(time_base.num) * i128::from(rate);
    u64::try_from((scaled * 2 + den) / (den * 2)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AAC: Framing = Framing {
        frame: 1_024,
        priming: 1_024,
        rate: RATE,
    };
    const OPUS: Framing = Framing {
        frame: 960,
        priming: 312,
        rate: RATE,
    };

    #[test]
    fn the_worked_example_cuts_as_documented() {
        let boundaries: Vec<u64> = (0..=6).map(|n| n * 4 * 90_000).collect();
        let starts = starts(&boundaries, 90_000, AAC);
        let frames: Vec<u64> = starts.iter().map(|s| s / 1_024).collect();
        assert_eq!(frames, [0, 188, 375, 563, 750, 938, 1125]);
        assert_eq!(AAC.frames(starts[1]), 189);
    }

    proptest! {
        #[test]
        fn cuts_are_near_rise_and_cover(
            lengths in proptest::collection::vec(1_u64..100_000, 1..50),
            framing in proptest::sample::select(vec![AAC, OPUS]),
        ) {
            let mut boundaries = vec![0];
            // All but the last segment are at least half a second long, as the grid's bounds say.
            for (i, length) in lengths.iter().enumerate() {
                let last = boundaries[i];
                let long = if i + 1 < lengths.len() { 45_000 } else { 0 };
                boundaries.push(last + length + long);
            }
            let time_base = Ratio { num: 1, den: 90_000 };
            let starts = starts(&boundaries, 90_000, framing);
            let samples = |ticks: u64| samples(ticks as i64, time_base, RATE);
            prop_assert_eq!(starts[0], 0);
            prop_assert!(starts.windows(2).all(|w| w[0] < w[1]));
            let end = samples(boundaries[boundaries.len() - 1]);
            let over = starts[starts.len() - 1].checked_sub(end);
            prop_assert!(over.is_some_and(|over| over < framing.frame));
            for (start, ticks) in starts.iter().zip(&boundaries) {
                prop_assert!(start.abs_diff(samples(*ticks)) <= framing.frame);
                prop_assert_eq!((start + framing.priming) % framing.frame * start, 0);
            }
        }
    }
}
