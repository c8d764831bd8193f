//! The lowest level that holds a rung, by the limits of the standards: H.264 table A-1 for High
//! profile, HEVC tables A.8 and A.9 for the main tier. Said explicitly so that the codecs string
//! is known before the first picture.

use super::VideoSettings;

/// Name, macroblocks a second, macroblocks a picture, kbit/s (base), buffer kbit (base).
const H264: &[(&str, u64, u64, u64, u64)] = &[
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

/// Name, luma samples a second, luma samples a picture, kbit/s and kbit of buffer.
const HEVC: &[(&str, u64, u64, u64)] = &[
    ("2", 3_686_400, 122_880, 1_500),
    ("2.1", 7_372_800, 245_760, 3_000),
    ("3", 16_588_800, 552_960, 6_000),
    ("3.1", 33_177_600, 983_040, 10_000),
    ("4", 66_846_720, 2_228_224, 12_000),
    ("4.1", 133_693_440, 2_228_224, 20_000),
    ("5", 267_386_880, 8_912_896, 25_000),
    ("5.1", 534_773_760, 8_912_896, 40_000),
    ("5.2", 1_069_547_520, 8_912_896, 60_000),
    ("6", 1_069_547_520, 35_651_584, 60_000),
    ("6.1", 2_139_095_040, 35_651_584, 120_000),
    ("6.2", 4_278_190_080, 35_651_584, 240_000),
];

/// `units` a picture as units a second, rounded up.
fn per_second(settings: &VideoSettings, units: u64) -> u64 {
    let rate = |n: i64| u64::try_from(n).unwrap_or(1).max(1);
    (units * rate(settings.rate.num)).div_ceil(rate(settings.rate.den))
}

/// The H.264 level of `settings` with a buffer of `buffer_bits`.
pub(super) fn h264(settings: &VideoSettings, buffer_bits: u64) -> &'static str {
    let blocks = u64::from(settings.width.div_ceil(16)) * u64::from(settings.height.div_ceil(16));
    let per_second = per_second(settings, blocks);
    let bits = u64::from(settings.max_kbps) * 1_000;
    // High profile carries a quarter more than the table's base.
    let high = |base: u64| base * 1_250;
    let fits = |l: &&(&str, u64, u64, u64, u64)| {
        per_second <= l.1 && blocks <= l.2 && bits <= high(l.3) && buffer_bits <= high(l.4)
    };
    H264.iter().find(fits).map_or("6.2", |l| l.0)
}

/// The HEVC level of `settings` with a buffer of `buffer_bits`.
pub(super) fn hevc(settings: &VideoSettings, buffer_bits: u64) -> &'static str {
    let samples = u64::from(settings.width) * u64::from(settings.height);
    let per_second = per_second(settings, samples);
    let bits = (u64::from(settings.max_kbps) * 1_000).max(buffer_bits);
    let fits =
        |l: &&(&str, u64, u64, u64)| per_second <= l.1 && samples <= l.2 && bits <= l.3 * 1_000;
    HEVC.iter().find(fits).map_or("6.2", |l| l.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::tests::settings;

    #[test]
    fn rungs_of_the_standard_ladder_get_the_expected_levels() {
        let table = [
            (1920, 1080, 5_000, "4.0", "4.1"),
            (1280, 720, 2_800, "3.1", "4"),
            (1280, 720, 1_800, "3.1", "3.1"),
            (640, 360, 700, "3.0", "2.1"),
            (426, 240, 350, "2.1", "2"),
        ];
        for (width, height, max_kbps, avc, expected) in table {
            let settings = settings(width, height, max_kbps);
            assert_eq!(h264(&settings, settings.buffer_bits()), avc);
            assert_eq!(hevc(&settings, settings.buffer_bits()), expected);
        }
    }
}
