//! VP9: the vpcC record and the codecs name. Source: VP Codec ISO Media File Format Binding.

use crate::encode::VideoSettings;

/// Level, most samples a second, most samples a picture, most kbit/s.
const LEVELS: &[(u8, u64, u64, u64)] = &[
    (10, 829_440, 36_864, 200),
    (11, 2_764_800, 73_728, 800),
    (20, 4_608_000, 122_880, 1_800),
    (21, 9_216_000, 245_760, 3_600),
    (30, 20_736_000, 552_960, 7_200),
    (31, 36_864_000, 983_040, 12_000),
    (40, 83_558_400, 2_228_224, 18_000),
    (41, 160_432_128, 2_228_224, 30_000),
    (50, 311_951_360, 8_912_896, 60_000),
    (51, 588_251_136, 8_912_896, 120_000),
    (52, 1_176_502_272, 8_912_896, 180_000),
    (60, 1_176_502_272, 35_651_584, 180_000),
    (61, 2_353_004_544, 35_651_584, 240_000),
    (62, 4_706_009_088, 35_651_584, 480_000),
];

fn level(settings: &VideoSettings) -> u8 {
    let samples = u64::from(settings.width) * u64::from(settings.height);
    let rate = |n: i64| u64::try_from(n).unwrap_or(1).max(1);
    let second = (samples * rate(settings.rate.num)).div_ceil(rate(settings.rate.den));
    let kbps = u64::from(settings.max_kbps);
    let fits = |l: &&(u8, u64, u64, u64)| second <= l.1 && samples <= l.2 && kbps <= l.3;
    LEVELS.iter().find(fits).map_or(62, |l| l.0)
}

/// The vpcC record: profile 0, 8 bits, 4:2:0 with chroma between lines, limited range.
pub(super) fn config(settings: &VideoSettings) -> Vec<u8> {
    let colour = settings.colour;
    let (primaries, transfer) = (colour.primaries, colour.transfer);
    vec![
        1,
        0,
        0,
        0,
        0,
        level(settings),
        8 << 4,
        primaries,
        transfer,
        colour.matrix,
        0,
        0,
    ]
}

/// The name in a codecs parameter.
pub(super) fn codecs(record: &[u8]) -> String {
    let at = |n: usize| record.get(n).copied().unwrap_or(0);
    let (profile, level, depth, chroma) = (at(4), at(5), at(6) >> 4, at(6) >> 1 & 7);
    let (primaries, transfer, matrix, range) = (at(7), at(8), at(9), at(6) & 1);
    format!(
        "vp09.{profile:02}.{level:02}.{depth:02}.{chroma:02}.{primaries:02}.{transfer:02}.{matrix:02}.{range:02}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::tests::settings;

    #[test]
    fn rungs_get_the_expected_names() {
        let table = [
            (1920, 1080, "vp09.00.40.08.00.01.01.01.00"),
            (1280, 720, "vp09.00.31.08.00.01.01.01.00"),
            (426, 240, "vp09.00.20.08.00.01.01.01.00"),
        ];
        for (width, height, name) in table {
            assert_eq!(codecs(&config(&settings(width, height, 1_000))), name);
        }
    }
}
