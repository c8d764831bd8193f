//! Options of encoders that a user may set. Left out is whatever decides the grid, the rate
//! control's promise to players, or the bytes' independence of the machine (threads, lookahead
//! threads, vector units).

use std::collections::BTreeMap;
use std::fmt;

use crate::renditions::VideoCodec;

/// What an option may be.
#[derive(Clone, Copy, Debug)]
enum Values {
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A number from and to, both included.
    Within(f64, f64),
    /// A whole number from and to, both included.
    Whole(i64, i64),
}

type Knob = (&'static str, Values);

const H264: &[Knob] = &[
    (
        "preset",
        Values::OneOf(&[
            "ultrafast",
            "superfast",
            "veryfast",
            "faster",
            "fast",
            "medium",
            "slow",
        ]),
    ),
    (
        "tune",
        Values::OneOf(&["film", "animation", "grain", "stillimage", "psnr", "ssim"]),
    ),
    ("aq-mode", Values::Whole(0, 3)),
    ("aq-strength", Values::Within(0.0, 3.0)),
    ("bf", Values::Whole(0, 8)),
];
const HEVC: &[Knob] = &[
    (
        "preset",
        Values::OneOf(&[
            "ultrafast",
            "superfast",
            "veryfast",
            "faster",
            "fast",
            "medium",
            "slow",
        ]),
    ),
    (
        "tune",
        Values::OneOf(&["animation", "grain", "psnr", "ssim"]),
    ),
];
const AV1: &[Knob] = &[("preset", Values::Whole(4, 12))];
const VP9: &[Knob] = &[
    ("cpu-used", Values::Whole(1, 8)),
    (
        "tune-content",
        Values::OneOf(&["default", "screen", "film"]),
    ),
];

fn knobs(codec: VideoCodec) -> &'static [Knob] {
    match codec {
        VideoCodec::H264 => H264,
        VideoCodec::Hevc => HEVC,
        VideoCodec::Av1 => AV1,
        VideoCodec::Vp9 => VP9,
    }
}

impl Values {
    fn hold(self, text: &str) -> bool {
        match self {
            Self::OneOf(words) => words.contains(&text),
            Self::Within(from, to) => text.parse().is_ok_and(|n: f64| (from..=to).contains(&n)),
            Self::Whole(from, to) => text.parse().is_ok_and(|n: i64| (from..=to).contains(&n)),
        }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneOf(words) => f.write_str(&words.join(", ")),
            Self::Within(from, to) => write!(f, "{from} to {to}"),
            Self::Whole(from, to) => write!(f, "{from} to {to}, whole"),
        }
    }
}

/// An option that is not allowed, with what is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {value:?} is no option of {}; allowed are {allowed}", .codec.name())]
pub struct InvalidOption {
    codec: VideoCodec,
    name: String,
    value: String,
    allowed: String,
}

/// Holds options against the list of their codec.
///
/// # Errors
/// The first option that is unknown or has a value out of bounds.
pub fn check(codec: VideoCodec, options: &BTreeMap<String, String>) -> Result<(), InvalidOption> {
    let holds = |(name, value): &(&String, &String)| {
        let known = knobs(codec).iter().find(|knob| knob.0 == *name);
        known.is_some_and(|knob| knob.1.hold(value))
    };
    match options.iter().find(|option| !holds(option)) {
        None => Ok(()),
        Some((name, value)) => Err(InvalidOption {
            codec,
            name: name.clone(),
            value: value.chars().take(64).collect(),
            allowed: allowed(codec),
        }),
    }
}

/// Allowed options of a codec, for people.
pub fn allowed(codec: VideoCodec) -> String {
    let knobs = knobs(codec).iter();
    let texts: Vec<String> = knobs.map(|(name, v)| format!("{name} ({v})")).collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_options_with_listed_values_pass() {
        let table = [
            (VideoCodec::H264, "preset", "slow", true),
            (VideoCodec::H264, "preset", "placebo", false),
            (VideoCodec::H264, "threads", "8", false),
            (VideoCodec::H264, "x264-params", "asm=0", false),
            (VideoCodec::H264, "aq-strength", "0.8", true),
            (VideoCodec::H264, "aq-strength", "NaN", false),
            (VideoCodec::H264, "tune", "zerolatency", false),
            (VideoCodec::Hevc, "tune", "grain", true),
            (VideoCodec::Av1, "preset", "8", true),
            (VideoCodec::Av1, "preset", "-1", false),
            (VideoCodec::Vp9, "cpu-used", "9", false),
        ];
        for (codec, name, value, holds) in table {
            let options = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            assert_eq!(check(codec, &options).is_ok(), holds, "{name}={value}");
        }
    }

    #[test]
    fn a_refusal_lists_what_is_allowed() {
        let options = BTreeMap::from([("preset".to_owned(), "turbo".to_owned())]);
        let text = check(VideoCodec::Av1, &options).unwrap_err().to_string();
        assert_eq!(
            text,
            "preset: \"turbo\" is no option of AV1; allowed are preset (4 to 12, whole)"
        );
    }
}
