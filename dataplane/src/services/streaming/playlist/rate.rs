//! Bit rates of a track, in bit/s. Source: RFC 8216, section 4.1 (peak segment bit rate).

use streamgate_contract::plan::Media;

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

fn rate(bytes: u64, ticks: u64, timescale: u32) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(timescale);
    u64::try_from(bits.div_ceil(u128::from(ticks.max(1)))).unwrap_or(u64::MAX)
}

/// Bytes and ticks of every segment.
fn sizes(track: &TrackView) -> Vec<(u64, u64)> {
    let lengths = track
        .plan
        .starts
        .windows(2)
        .map(|w| w[1].saturating_sub(w[0]));
    let bytes = track
        .segments
        .iter()
        .map(|s| s.as_ref().map_or(0, |s| s.bytes));
    bytes.zip(lengths).collect()
}

fn total(sizes: &[(u64, u64)]) -> (u64, u64) {
    sizes
        .iter()
        .fold((0, 0), |sum, s| (sum.0 + s.0, sum.1 + s.1))
}

/// Mean over the whole track.
pub fn average(track: &TrackView) -> u64 {
    let (bytes, ticks) = total(&sizes(track));
    rate(bytes, ticks, track.plan.timescale)
}

/// Largest rate of segments in a row that last between half and one and a half target durations;
/// the mean when none do.
pub fn peak(track: &TrackView, target_seconds: u64) -> u64 {
    let sizes = sizes(track);
    let scale = track.plan.timescale;
    let target = target_seconds * u64::from(scale);
    let from = |first: usize| {
        let sums = sizes[first..].iter().scan((0, 0), |sum, s| {
            *sum = (sum.0 + s.0, sum.1 + s.1);
            Some(*sum)
        });
        sums.take_while(move |(_, ticks)| ticks * 2 <= target * 3)
            .filter(move |(_, ticks)| ticks * 2 >= target)
    };
    let rates = (0..sizes.len())
        .flat_map(from)
        .map(|(bytes, ticks)| rate(bytes, ticks, scale));
    rates.max().unwrap_or_else(|| average(track))
}
