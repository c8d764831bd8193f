//! Groups of audio renditions. Codecs that not every player knows stand in a group of their own, so
//! that a player can leave it out. Every group has the same members, as RFC 8216, 4.3.4.1.1 wants.

use streamgate_contract::plan::Media;

use super::language;
use crate::services::streaming::view::{TrackView, View};

/// Name of the first group.
const GROUP: &str = "audio";

/// Renditions of which a player takes one, with a name that is the same in every group.
pub(super) struct Group<'a> {
    /// Its name.
    pub(super) id: String,
    /// The default first.
    pub(super) members: Vec<Member<'a>>,
}

/// A rendition.
pub(super) struct Member<'a> {
    name: &'a str,
    pub(super) track: &'a TrackView,
}

/// The groups; the first one has what everything plays.
pub(super) fn groups(view: &View) -> Vec<Group<'_>> {
    let sound: Vec<&TrackView> = view.tracks.iter().filter(|t| !t.is_video()).collect();
    let mut codecs: Vec<&str> = Vec::new();
    for track in &sound {
        if !codecs.contains(&track.plan.codecs.as_str()) {
            codecs.push(&track.plan.codecs);
        }
    }
    let main = sound
        .iter()
        .filter(|t| Some(&t.plan.codecs.as_str()) == codecs.first());
    let member = |codec: &str, main: &'_ &'_ TrackView| {
        let same = |t: &&&TrackView| t.plan.codecs == codec && stream(t) == stream(main);
        sound.iter().find(same).copied()
    };
    let group = |(index, codec): (usize, &&str)| Group {
        id: match index {
            0 => GROUP.to_owned(),
            _ => format!("{GROUP}-{codec}"),
        },
        members: main
            .clone()
            .map(|track| Member {
                name: track.plan.id.as_str(),
                track: if index == 0 {
                    track
                } else {
                    member(codec, track).unwrap_or(track)
                },
            })
            .collect(),
    };
    codecs.iter().enumerate().map(group).collect()
}

/// Stream of the source that a track is made of.
fn stream(track: &TrackView) -> Option<u32> {
    match track.plan.media {
        Media::Audio { stream, .. } => Some(stream),
        Media::Video { .. } => None,
    }
}

impl Group<'_> {
    /// The lines of the members. Where there is sound alone, the default one is the variant itself
    /// and has no address.
    pub(super) fn lines(&self, alone: bool) -> String {
        let members = self.members.iter().enumerate();
        members
            .map(|(index, member)| self.line(member, index == 0, alone && index == 0))
            .collect()
    }

    fn line(&self, member: &Member, default: bool, variant: bool) -> String {
        let Media::Audio {
            channels,
            language: tag,
            ..
        } = &member.track.plan.media
        else {
            return String::new();
        };
        let language = language(tag).map(|tag| format!(",LANGUAGE=\"{tag}\""));
        let uri = match variant {
            true => String::new(),
            false => format!(",URI=\"{}.m3u8\"", member.track.plan.id),
        };
        format!(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{}\",NAME=\"{}\"{},DEFAULT={},AUTOSELECT=YES,\
             CHANNELS=\"{channels}\"{uri}\n",
            self.id,
            member.name,
            language.unwrap_or_default(),
            if default { "YES" } else { "NO" },
        )
    }

    /// Codecs of the members, each once.
    pub(super) fn codecs(&self) -> Vec<&str> {
        let mut codecs: Vec<&str> = Vec::new();
        for member in &self.members {
            if !codecs.contains(&member.track.plan.codecs.as_str()) {
                codecs.push(&member.track.plan.codecs);
            }
        }
        codecs
    }

    /// The dearest member by `rate`.
    pub(super) fn most(&self, rate: impl Fn(&TrackView) -> u64) -> u64 {
        self.members
            .iter()
            .map(|m| rate(m.track))
            .max()
            .unwrap_or(0)
    }
}
