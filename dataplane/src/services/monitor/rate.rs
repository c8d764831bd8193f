//! The per-second rate of a counter over a range, as Prometheus defines it: what a counter lost
//! by starting anew is added, and the ends of the range that hold no sample are extrapolated.

use std::collections::VecDeque;

use super::store::Point;

/// A gap at an end of the range is filled whole up to this many average distances of samples.
const NEAR: f64 = 1.1;

/// The rate over `(now - range, now]`, in milliseconds; `None` with fewer than two samples.
pub fn rate(points: &VecDeque<Point>, now: i64, range: i64) -> Option<f64> {
    let start = now.saturating_sub(range);
    let from = points.partition_point(|p| p.at <= start);
    let inside = points.range(from..).take_while(|p| p.at <= now);
    let samples: Vec<(i64, f64)> = inside.filter_map(|p| Some((p.at, p.value?))).collect();
    let ((first_at, first), (last_at, _)) = (*samples.first()?, *samples.last()?);
    let sampled = seconds(last_at - first_at);
    if samples.len() < 2 || sampled <= 0.0 || range <= 0 {
        return None;
    }
    let increase = increase(&samples);
    let spacing = sampled / (samples.len() - 1) as f64;
    let mut head = reach(seconds(first_at - start), spacing);
    if increase > 0.0 && first >= 0.0 {
        // A counter starts at zero: it cannot have begun before it would have been there.
        head = head.min(sampled * (first / increase));
    }
    let tail = reach(seconds(now - last_at), spacing);
    Some(increase * ((sampled + head + tail) / sampled) / seconds(range))
}

fn reach(gap: f64, spacing: f64) -> f64 {
    if gap >= spacing * NEAR {
        spacing / 2.0
    } else {
        gap
    }
}

fn increase(samples: &[(i64, f64)]) -> f64 {
    let ends = samples.first().zip(samples.last());
    let difference = ends.map_or(0.0, |((_, first), (_, last))| last - first);
    let resets = samples.windows(2).filter_map(|pair| match pair {
        [(_, before), (_, after)] if after < before => Some(*before),
        _ => None,
    });
    difference + resets.sum::<f64>()
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(values: &[(i64, f64)]) -> VecDeque<Point> {
        let point = |(at, value): &(i64, f64)| Point {
            at: at * 1_000,
            value: Some(*value),
        };
        values.iter().map(point).collect()
    }

    fn over_a_minute(values: &[(i64, f64)], now: i64) -> Option<f64> {
        rate(&points(values), now * 1_000, 60_000)
    }

    #[test]
    fn a_steady_counter_has_its_slope() {
        let steady = [
            (105, 10.0),
            (120, 25.0),
            (135, 40.0),
            (150, 55.0),
            (160, 65.0),
        ];
        let rate = over_a_minute(&steady, 160).unwrap();
        assert!((rate - 1.0).abs() < 1e-12, "{rate}");
    }

    #[test]
    fn a_reset_adds_what_was_lost() {
        // 100 → 110, anew from 5 → 15: 10 + 5 + 10 = 25 in 45 s; 0 s before, 15 s after.
        let reset = [(100, 100.0), (115, 110.0), (130, 5.0), (145, 15.0)];
        let whole = 25.0 * (45.0 + 14.999 + 0.0) / 45.0 / 60.0;
        let got = rate(&points(&reset), 145_000, 59_999 + 1).unwrap();
        assert!((got - whole).abs() < 1e-3, "{got} {whole}");
    }

    #[test]
    fn the_head_is_not_extrapolated_below_zero() {
        // 0 at the first sample: nothing is added in front of it.
        let young = [(130, 0.0), (145, 15.0), (160, 30.0)];
        assert_eq!(over_a_minute(&young, 160), Some(30.0 / 60.0));
    }

    #[test]
    fn far_ends_are_filled_by_half_a_distance() {
        let short = [(120, 100.0), (130, 110.0)];
        let whole = 10.0 * (10.0 + 5.0 + 5.0) / 10.0 / 60.0;
        assert_eq!(over_a_minute(&short, 160), Some(whole));
    }

    #[test]
    fn one_sample_has_no_rate_and_the_range_is_open_on_its_left() {
        assert_eq!(over_a_minute(&[(150, 1.0)], 160), None);
        assert_eq!(over_a_minute(&[(100, 1.0), (150, 2.0)], 160), None);
    }

    proptest! {
        #[test]
        fn a_rate_of_a_counter_is_never_negative(
            steps in prop::collection::vec((1_i64..30, 0.0_f64..1e9, prop::bool::weighted(0.1)), 0..60),
            range in 1_i64..600,
        ) {
            let (mut at, mut value, mut counter) = (0, 0.0, Vec::new());
            for (pause, more, restart) in steps {
                at += pause;
                value = if restart { more } else { value + more };
                counter.push((at, value));
            }
            let rate = rate(&points(&counter), at * 1_000, range * 1_000);
            prop_assert!(rate.is_none_or(|r| r >= 0.0 && r.is_finite()));
        }
    }
}
