//! Bit rates of a track, in bit/s. Source: RFC 8216, section 4.1 (peak segment bit rate).

use streamgate_contract::plan::Media;

use crate::services::streaming::fragments::Fragment;
use crate::services::streaming::view::TrackView;

/// Share of boxes around the samples, in percent of the cap.
const BOXES_PERCENT: u64 = 105;

/// What the encoder was told not to exceed.
pub fn cap(media: &Media) -> u64 {
    let kbps = match media {
        Media::Video { max_kbps, .. } => max_kbps,
        Media::Audio { kbps, .. } => kbps,
    };
    u64::from(*kbps) * 10 * BOXES_PERCENT
}

/// Mean over the whole track.
pub fn average(track: &TrackView) -> u64 {
    Rates::of(track, |segment| segment.bytes).average()
}

/// Largest rate of segments in a row that last between half and one and a half target durations;
/// the mean when none do.
pub fn peak(track: &TrackView, target_seconds: u64) -> u64 {
    Rates::of(track, |segment| segment.bytes).peak(target_seconds)
}

fn rate(bytes: u64, ticks: u64, timescale: u32) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(timescale);
    u64::try_from(bits.div_ceil(u128::from(ticks.max(1)))).unwrap_or(u64::MAX)
}

/// What is loaded of each segment, and how long that lasts.
pub struct Rates {
    /// Bytes and ticks.
    sizes: Vec<(u64, u64)>,
    timescale: u32,
}

impl Rates {
    /// Of a track of whose segments `bytes` are loaded.
    pub fn of(track: &TrackView, bytes: impl Fn(&Fragment) -> u64) -> Self {
        let starts = track.plan.starts.windows(2);
        let lengths = starts.map(|w| w[1].saturating_sub(w[0]));
        let segments = track.segments.iter();
        let sizes = segments.map(|s| s.as_deref().map_or(0, &bytes));
        Self {
            sizes: sizes.zip(lengths).collect(),
            timescale: track.plan.timescale,
        }
    }

    /// Mean over everything.
    pub fn average(&self) -> u64 {
        let add = |sum: (u64, u64), s: &(u64, u64)| (sum.0 + s.0, sum.1 + s.1);
        let (bytes, ticks) = self.sizes.iter().fold((0, 0), add);
        rate(bytes, ticks, self.timescale)
    }

    /// As [`peak`] says.
    pub fn peak(&self, target_seconds: u64) -> u64 {
        let target = target_seconds * u64::from(self.timescale);
        let from = |first: usize| {
            let sums = self.sizes[first..].iter().scan((0, 0), |sum, s| {
                *sum = (sum.0 + s.0, sum.1 + s.1);
                Some(*sum)
            });
            sums.take_while(move |(_, ticks)| ticks * 2 <= target * 3)
                .filter(move |(_, ticks)| ticks * 2 >= target)
        };
        let rates = (0..self.sizes.len())
            .flat_map(from)
            .map(|(bytes, ticks)| rate(bytes, ticks, self.timescale));
        rates.max().unwrap_or_else(|| self.average())
    }
}
