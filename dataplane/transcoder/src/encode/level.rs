//! The lowest H.264 level that holds a rung, by the limits of the standard's table A-1 for High
//! profile. Said explicitly so that the codecs string is known before the first picture.

use super::VideoSettings;

/// Name, macroblocks a second, macroblocks a picture, kbit/s (base), buffer kbit (base).
const LEVELS: &[(&str, u64, u64, u64, u64)] = &[
    ("1.1", 3_000, 396, 192, 500),
    ("1.2", 6_000, 396, 384, 1_000),
    ("1.3", 11_880, 396, 768, 2_000),
    ("2.1", 19_800, 792, 4_000, 4_000),
    ("2.2", 20_250, 1_620, 4_000, 4_000),
    ("3.0", 40_500, 1_620, 10_000, 10_000),
    ("3.1", 108_000, 3_600, 14_000, 14_000),
    ("3.2", 216_000, 5_120, 20_000, 20_000),
    ("4.0", 245_760, 8_192, 20_000, 25_000),
    ("4.2", 522_240, 8_704, 50_000, 62_500),
    ("5.0", 589_824, 22_080, 135_000, 135_000),
    ("5.1", 983_040, 36_864, 240_000, 240_000),
    ("5.2", 2_073_600, 36_864, 240_000, 240_000),
    ("6.2", 16_711_680, 139_264, 800_000, 800_000),
];

/// High profile carries a quarter more than the table's base.
fn high(base: u64) -> u64 {
    base * 1_250
}

/// The level of `settings` with a buffer of `buffer_bits`.
pub(super) fn level(settings: &VideoSettings, buffer_bits: u64) -> &'static str {
    let blocks = u64::from(settings.width.div_ceil(16)) * u64::from(settings.height.div_ceil(16));
    let rate = |n: i64| u64::try_from(n).unwrap_or(1).max(1);
    let per_second = (blocks * rate(settings.rate.num)).div_ceil(rate(settings.rate.den));
    let bits = u64::from(settings.max_kbps) * 1_000;
    let fits = |l: &&(&str, u64, u64, u64, u64)| {
        per_second <= l.1 && blocks <= l.2 && bits <= high(l.3) && buffer_bits <= high(l.4)
    };
    LEVELS.iter().find(fits).map_or("6.2", |l| l.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgate_contract::plan::{Colour, Ratio};

    #[test]
    fn rungs_of_the_standard_ladder_get_the_expected_levels() {
        let table = [
            (1920, 1080, 5_000, "4.0"),
            (1280, 720, 2_800, "3.1"),
            (640, 360, 700, "3.0"),
            (426, 240, 350, "2.1"),
        ];
        for (width, height, max_kbps, expected) in table {
            let settings = VideoSettings {
                width,
                height,
                max_kbps,
                crf: 23,
                rate: Ratio { num: 25, den: 1 },
                gop_frames: 50,
                segment_frames: 100,
                colour: Colour::default(),
            };
            assert_eq!(level(&settings, settings.buffer_bits()), expected);
        }
    }
}
