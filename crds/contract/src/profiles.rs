//! Named profiles: what a job asks for by one word. Some are built in; a StreamGate may define its
//! own and replace those of the same name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::renditions::{
    AudioCodec, AudioSettings, GridSettings, Ladder, Rendition, VideoCodec, rungs, standard,
};

/// A profile. What it does not say, the StreamGate's defaults say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// Ladder, tallest first; rungs taller than the source are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 12))]
    pub renditions: Option<Vec<Rendition>>,
    /// Whether the ladder is made as it is said or fitted to the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<Ladder>,
    /// Audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioSettings>,
    /// Grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<GridSettings>,
}

impl Profile {
    /// This profile, with `other` saying what it does not.
    pub fn or(self, other: Profile) -> Profile {
        Profile {
            renditions: self.renditions.or(other.renditions),
            ladder: self.ladder.or(other.ladder),
            audio: self.audio.or(other.audio),
            grid: self.grid.or(other.grid),
        }
    }
}

/// The profiles every StreamGate has, by name.
pub fn built_in() -> BTreeMap<&'static str, Profile> {
    let ladder = |renditions| Profile {
        renditions: Some(renditions),
        ladder: Some(Ladder::Fixed),
        ..Profile::default()
    };
    let of = |codec, rates: &[(u32, u32)]| ladder(rungs(codec, rates));
    let opus = AudioSettings {
        codec: AudioCodec::Opus,
        ..AudioSettings::default()
    };
    let hevc = of(
        VideoCodec::Hevc,
        &[
            (1080, 3_200),
            (720, 1_800),
            (540, 1_000),
            (360, 450),
            (240, 220),
        ],
    );
    let av1 = of(
        VideoCodec::Av1,
        &[
            (1080, 2_600),
            (720, 1_500),
            (540, 850),
            (360, 380),
            (240, 190),
        ],
    );
    let vp9 = of(
        VideoCodec::Vp9,
        &[
            (1080, 3_400),
            (720, 1_900),
            (540, 1_050),
            (360, 460),
            (240, 230),
        ],
    );
    let with_opus = |profile| Profile {
        audio: Some(opus.clone()),
        ..profile
    };
    let auto = Profile {
        ladder: Some(Ladder::Auto),
        ..ladder(standard())
    };
    BTreeMap::from([
        ("standard", ladder(standard())),
        ("auto", auto),
        (
            "mobile",
            of(VideoCodec::H264, &[(480, 1_100), (360, 600), (240, 300)]),
        ),
        ("hevc", hevc),
        ("av1", with_opus(av1)),
        ("vp9", with_opus(vp9)),
    ])
}

/// The profile of this name: the StreamGate's own, else the built-in one.
pub fn find(own: &BTreeMap<String, Profile>, name: &str) -> Option<Profile> {
    let built_in = || built_in().remove(name);
    own.get(name).cloned().or_else(built_in)
}

/// Names that can be asked for, for people.
pub fn names(own: &BTreeMap<String, Profile>) -> Vec<String> {
    let mut names: Vec<String> = built_in().into_keys().map(str::to_owned).collect();
    names.extend(own.keys().cloned());
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gates_own_profile_stands_before_the_built_in_one() {
        let small = Profile {
            renditions: Some(vec![Rendition::new(360, 500, VideoCodec::H264)]),
            ..Profile::default()
        };
        let own = BTreeMap::from([("mobile".to_owned(), small.clone())]);
        assert_eq!(find(&own, "mobile"), Some(small));
        assert_eq!(find(&own, "hevc"), built_in().remove("hevc"));
        assert_eq!(find(&own, "nothing"), None);
        assert_eq!(
            names(&own),
            ["auto", "av1", "hevc", "mobile", "standard", "vp9"]
        );
    }

    #[test]
    fn what_a_profile_does_not_say_others_say() {
        let grid = Profile {
            grid: Some(GridSettings::default()),
            ..Profile::default()
        };
        let merged = grid.or(built_in().remove("av1").unwrap());
        assert!(merged.grid.is_some() && merged.audio.is_some());
    }

    #[test]
    fn built_in_rungs_fall_and_stay_within_the_fields_bounds() {
        for (name, profile) in built_in() {
            let rungs = profile.renditions.unwrap();
            let falls = rungs
                .windows(2)
                .all(|w| w[0].height > w[1].height && w[0].max_kbps > w[1].max_kbps);
            assert!(falls, "{name}");
        }
    }
}
