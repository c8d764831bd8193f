//! The video track's timeline: when each frame is shown, in ticks of a timescale of its own that
//! starts at the first picture. Even sources get an exact timescale, so that a container's
//! rounding does not shake the output; others keep the source's ticks, no frame moved.

use streamgate_contract::plan::{Ratio, VideoFacts};

/// Lowest timescale of an even source: finer than a millisecond.
const MIN_TIMESCALE: i64 = 10_000;

/// Times of all frames and the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Ticks per second.
    pub timescale: u32,
    /// Presentation times, one more than there are frames: the last is the end.
    pub times: Vec<u64>,
}

impl Timeline {
    /// Time of a frame; the end for any later one.
    pub fn at(&self, frame: u64) -> u64 {
        let last = self.times.last().copied().unwrap_or(0);
        let index = usize::try_from(frame).unwrap_or(usize::MAX);
        self.times.get(index).copied().unwrap_or(last)
    }
}

/// The timeline of a source; `None` when its times do not rise or exceed what boxes can say.
pub fn timeline(video: &VideoFacts) -> Option<Timeline> {
    if even(video) {
        exact(video)
    } else {
        kept(video)
    }
}

/// Every frame is within one tick of its place at the frame rate.
fn even(video: &VideoFacts) -> bool {
    let (rate, base) = (wide(video.frame_rate), wide(video.time_base));
    let first = i128::from(video.pts.first().copied().unwrap_or(0));
    let near = |(n, pts): (usize, &i64)| {
        let off = (i128::from(*pts) - first) * base.0 * rate.0 - n as i128 * rate.1 * base.1;
        off.abs() <= base.0 * rate.0
    };
    rate.0 > 0 && rate.1 > 0 && video.pts.iter().enumerate().all(near)
}

fn wide(ratio: Ratio) -> (i128, i128) {
    (ratio.num.into(), ratio.den.into())
}

fn exact(video: &VideoFacts) -> Option<Timeline> {
    let Ratio { num, den } = video.frame_rate;
    let factor = (MIN_TIMESCALE + num - 1) / num;
    let step = u64::try_from(den.checked_mul(factor)?).ok()?;
    let times = (0..=video.pts.len() as u64).map(|n| n * step).collect();
    Some(Timeline {
        timescale: u32::try_from(num.checked_mul(factor)?).ok()?,
        times,
    })
}

fn kept(video: &VideoFacts) -> Option<Timeline> {
    let first = *video.pts.first()?;
    let tick = |pts: &i64| {
        let ticks = pts.checked_sub(first)?.checked_mul(video.time_base.num)?;
        u64::try_from(ticks).ok()
    };
    let times: Vec<u64> = video
        .pts
        .iter()
        .chain([&video.end_pts])
        .map(tick)
        .collect::<Option<_>>()?;
    let rising = times.windows(2).all(|w| w[0] < w[1]);
    let timescale = u32::try_from(video.time_base.den).ok()?;
    rising.then_some(Timeline { timescale, times })
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgate_contract::plan::Colour;

    fn facts(pts: Vec<i64>, end_pts: i64, rate: (i64, i64), den: i64) -> VideoFacts {
        let ratio = |num, den| Ratio { num, den };
        VideoFacts {
            stream: 0,
            codec: "h264".into(),
            width: 2,
            height: 2,
            frame_rate: ratio(rate.0, rate.1),
            time_base: ratio(1, den),
            frames: pts.len() as u64,
            pts,
            end_pts,
            colour: Colour::default(),
            treatment: Default::default(),
        }
    }

    #[test]
    fn rounding_of_the_container_is_undone() {
        let shaken = facts(vec![7, 3_608, 7_207, 10_807], 14_407, (25, 1), 90_000);
        let even = timeline(&shaken).unwrap();
        assert_eq!(even.timescale, 10_000);
        assert_eq!(even.times, [0, 400, 800, 1_200, 1_600]);
        let ntsc = facts(vec![0, 33, 67, 100], 133, (30_000, 1_001), 1_000);
        assert_eq!(timeline(&ntsc).unwrap().times[3], 3_003);
    }

    #[test]
    fn uneven_frames_keep_their_times() {
        let variable = facts(vec![100, 140, 230, 260], 300, (20, 1), 1_000);
        let kept = timeline(&variable).unwrap();
        assert_eq!((kept.timescale, kept.at(2), kept.at(9)), (1_000, 130, 200));
    }

    #[test]
    fn times_that_do_not_rise_are_none() {
        assert_eq!(timeline(&facts(vec![0, 40, 40], 80, (7, 1), 1_000)), None);
    }
}
