//! From what the demuxer says and the packets show to the facts of a plan.

use ffmpeg_next as ff;
use streamgate_contract::plan::{AudioFacts, Colour, Ratio, VideoFacts};

use super::{Pictures, StreamInfo};
use crate::error::EngineError;
use crate::plan::byte_map::PacketInfo;

/// A ratio of FFmpeg's as the plan's.
pub(super) fn ratio(r: ff::Rational) -> Ratio {
    Ratio {
        num: r.numerator().into(),
        den: r.denominator().into(),
    }
}

/// The pictures.
pub(super) fn video(
    pictures: &Pictures,
    packets: &[PacketInfo],
) -> Result<VideoFacts, EngineError> {
    let Pictures { info, treatment } = pictures;
    let size = |n: i32| u32::try_from(n).unwrap_or(0);
    let (width, height) = (size(info.raw.width), size(info.raw.height));
    let (pts, end_pts) = times(packets)?;
    let time_base = ratio(info.time_base);
    Ok(VideoFacts {
        stream: u32::try_from(info.index).unwrap_or(0),
        codec: info.codec.clone(),
        width,
        height,
        frame_rate: rate(&pts, end_pts, time_base, ratio(info.average_rate)),
        time_base,
        frames: pts.len() as u64,
        pts,
        end_pts,
        colour: match treatment.tone_map {
            Some(_) => Colour::default(),
            None => colour(info.raw.colour, height),
        },
        treatment: *treatment,
    })
}

/// A stream of sound, of whose first packet a decoder throws `skipped` samples away.
pub(super) fn audio(info: &StreamInfo, packets: &[PacketInfo], skipped: u32) -> AudioFacts {
    let sample_rate = u32::try_from(info.raw.sample_rate).unwrap_or(0);
    let micros = |ticks: i64| {
        let (num, den) = (info.time_base.numerator(), info.time_base.denominator());
        let scaled = i128::from(ticks) * i128::from(num) * 1_000_000;
        i64::try_from(scaled / i128::from(den.max(1))).unwrap_or(0)
    };
    let first = packets.first().map_or(0, |p| p.pts);
    let end = packets
        .iter()
        .map(|p| p.pts.saturating_add(p.duration))
        .max();
    let priming = i64::from(skipped) * 1_000_000 / i64::from(sample_rate.max(1));
    AudioFacts {
        stream: u32::try_from(info.index).unwrap_or(0),
        codec: info.codec.clone(),
        sample_rate,
        channels: u32::try_from(info.raw.channels).unwrap_or(0),
        language: info.language.clone(),
        start_microseconds: micros(first).saturating_add(priming),
        end_microseconds: micros(end.unwrap_or(first)),
    }
}

/// The PTS table and its end. Times must rise: two pictures of one time cannot be told apart.
fn times(packets: &[PacketInfo]) -> Result<(Vec<i64>, i64), EngineError> {
    let mut shown: Vec<(i64, i64)> = packets
        .iter()
        .filter(|p| !p.hidden)
        .map(|p| (p.pts, p.duration))
        .collect();
    shown.sort_unstable();
    if shown.windows(2).any(|w| w[0].0 == w[1].0) {
        return Err(EngineError::Truncated(
            "two pictures carry the same time".into(),
        ));
    }
    let (Some(first), Some(last)) = (shown.first(), shown.last()) else {
        return Err(EngineError::Empty("it has no pictures"));
    };
    let steps = i64::try_from(shown.len() - 1).unwrap_or(0).max(1);
    let average = ((last.0 - first.0) / steps).max(1);
    let duration = if last.1 > 0 { last.1 } else { average };
    let end = last.0 + duration;
    Ok((shown.into_iter().map(|s| s.0).collect(), end))
}

/// Exact for evenly spaced pictures; what the container says, or the mean, for others.
fn rate(pts: &[i64], end: i64, time_base: Ratio, said: Ratio) -> Ratio {
    let step = pts.get(1).map_or(end - pts[0], |second| second - pts[0]);
    let even = pts.windows(2).all(|w| w[1] - w[0] == step);
    let (num, den) = if even && step > 0 {
        (time_base.den, time_base.num * step)
    } else if said.num > 0 && said.den > 0 {
        (said.num, said.den)
    } else {
        let count = i64::try_from(pts.len()).unwrap_or(i64::MAX / time_base.den.max(1));
        (
            time_base.den.saturating_mul(count),
            time_base.num * (end - pts[0]).max(1),
        )
    };
    let divisor = gcd(num, den).max(1);
    Ratio {
        num: num / divisor,
        den: den / divisor,
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// What the source declares; else what its height suggests, as players would guess.
fn colour((primaries, transfer, matrix): (u8, u8, u8), height: u32) -> Colour {
    let guess = if height > 576 { 1 } else { 6 };
    // 0 and 3 are reserved, 2 means unspecified; a matrix of 0 would be RGB.
    let known = |point: u8| {
        if matches!(point, 0 | 2 | 3) {
            guess
        } else {
            point
        }
    };
    Colour {
        primaries: known(primaries),
        transfer: known(transfer),
        matrix: known(matrix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_times_give_an_exact_rate() {
        let time_base = Ratio {
            num: 1,
            den: 90_000,
        };
        let none = Ratio { num: 0, den: 0 };
        let pts: Vec<i64> = (0..10).map(|n| n * 3_003).collect();
        let ntsc = Ratio {
            num: 30_000,
            den: 1_001,
        };
        assert_eq!(rate(&pts, 30_030, time_base, none), ntsc);
        let uneven = [0, 40, 79, 120];
        let thousand = Ratio { num: 1, den: 1_000 };
        assert_eq!(
            rate(&uneven, 160, thousand, none),
            Ratio { num: 25, den: 1 }
        );
    }
}
