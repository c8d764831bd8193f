//! The ladder: which rungs a source gets. Taller rungs than the source are dropped, nothing is
//! ever enlarged; widths follow the display aspect ratio and are even, as 4:2:0 needs.

use std::collections::BTreeMap;

use streamgate_contract::plan::Ratio;
use streamgate_contract::renditions::{Rendition, VideoCodec};

/// The picture of a source as it is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Width of a pixel over its height; anything but positive means square.
    pub pixel_aspect: Ratio,
}

impl Picture {
    /// The same turned by a quarter.
    pub fn turned(self) -> Self {
        let Ratio { num, den } = self.pixel_aspect;
        Self {
            width: self.height,
            height: self.width,
            pixel_aspect: Ratio { num: den, den: num },
        }
    }
}

/// One rung, ready to encode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Codec.
    pub codec: VideoCodec,
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Cap in kbit/s.
    pub max_kbps: u32,
    /// Constant rate factor.
    pub crf: u32,
    /// Options of the encoder.
    pub options: BTreeMap<String, String>,
}

/// Rungs of a source, tallest first, those of H.264 before other codecs. A source lower than every
/// rung of a codec gets one of its own size with the settings of the lowest; a rung wanted twice is
/// made once.
pub fn ladder(source: Picture, wanted: &[Rendition]) -> Vec<Rung> {
    let of = |codec: &VideoCodec| {
        let of_codec = wanted.iter().filter(|r| r.codec == *codec);
        one_codec(source, of_codec.collect())
    };
    VideoCodec::ALL.iter().flat_map(of).collect()
}

fn one_codec(source: Picture, mut sorted: Vec<&Rendition>) -> Vec<Rung> {
    sorted.sort_by_key(|r| std::cmp::Reverse(r.height));
    sorted.dedup_by_key(|r| r.height);
    let fitting: Vec<Rung> = sorted
        .iter()
        .filter(|r| r.height <= source.height)
        .map(|r| rung(source, r.height, r))
        .collect();
    match sorted.last() {
        Some(lowest) if fitting.is_empty() => vec![rung(source, source.height, lowest)],
        _ => fitting,
    }
}

fn rung(source: Picture, height: u32, wanted: &Rendition) -> Rung {
    let height = (height & !1).max(2);
    Rung {
        codec: wanted.codec,
        width: width(source, height),
        height,
        max_kbps: wanted.max_kbps,
        crf: wanted.crf(),
        options: wanted.options.clone(),
    }
}

/// Display width at `height`, rounded to even.
fn width(source: Picture, height: u32) -> u32 {
    let aspect = match source.pixel_aspect {
        Ratio { num, den } if num > 0 && den > 0 => (num as u128, den as u128),
        _ => (1, 1),
    };
    let numerator = u128::from(source.width) * aspect.0 * u128::from(height);
    let denominator = u128::from(source.height.max(1)) * aspect.1 * 2;
    let half = (numerator * 2 + denominator) / (denominator * 2);
    u32::try_from(half * 2).unwrap_or(u32::MAX - 1).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgate_contract::renditions::standard;

    fn picture(width: u32, height: u32) -> Picture {
        let pixel_aspect = Ratio { num: 1, den: 1 };
        Picture {
            width,
            height,
            pixel_aspect,
        }
    }

    fn sizes(source: Picture) -> Vec<(u32, u32)> {
        ladder(source, &standard())
            .iter()
            .map(|r| (r.width, r.height))
            .collect()
    }

    #[test]
    fn taller_rungs_are_dropped_and_widths_are_even() {
        let table = [
            (
                picture(1280, 720),
                vec![(1280, 720), (960, 540), (640, 360), (426, 240)],
            ),
            (picture(320, 180), vec![(320, 180)]),
            (picture(640, 481), vec![(480, 360), (320, 240)]),
            (
                picture(607, 1081),
                vec![(606, 1080), (404, 720), (304, 540), (202, 360), (134, 240)],
            ),
        ];
        for (source, expected) in table {
            assert_eq!(sizes(source), expected, "{source:?}");
        }
    }

    #[test]
    fn oblong_pixels_are_made_square() {
        let pixel_aspect = Ratio { num: 64, den: 45 };
        let pal = Picture {
            width: 720,
            height: 576,
            pixel_aspect,
        };
        assert_eq!(sizes(pal)[0], (960, 540));
    }

    #[test]
    fn a_turned_picture_has_its_sides_and_pixels_turned() {
        let pixel_aspect = Ratio { num: 64, den: 45 };
        let turned = Picture {
            width: 720,
            height: 576,
            pixel_aspect,
        }
        .turned();
        assert_eq!((turned.width, turned.height), (576, 720));
        assert_eq!(sizes(turned)[0], (406, 720));
    }

    #[test]
    fn a_rung_wanted_twice_is_made_once() {
        let mut wanted = standard();
        wanted.extend(standard());
        assert_eq!(ladder(picture(1280, 720), &wanted).len(), 4);
        wanted.push(Rendition::new(720, 900, VideoCodec::Av1));
        wanted.push(Rendition::new(1080, 1_900, VideoCodec::Hevc));
        let both = ladder(picture(1280, 720), &wanted);
        let sizes: Vec<_> = both[4..]
            .iter()
            .map(|r| (r.codec, r.height, r.crf))
            .collect();
        let (hevc, av1) = (VideoCodec::Hevc, VideoCodec::Av1);
        let expected = [
            (hevc, 720, hevc.default_crf()),
            (av1, 720, av1.default_crf()),
        ];
        assert_eq!(sizes, expected);
    }
}
