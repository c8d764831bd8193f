//! Text tracks: subtitles and captions. Plan makes each of them whole, as one object that holds
//! WebVTT for every segment of the grid and the same again in fragments of MP4; the plan says where
//! in the object each piece lies. So text never holds pictures up, and a playlist grows with them.
//! Sources: WebVTT; RFC 8216, 3.5; ISO/IEC 14496-30 (`wvtt`).

use serde::{Deserialize, Serialize};

use crate::ids::TrackId;

/// Most text tracks of an output.
pub const MAX_TEXT_TRACKS: usize = 24;
/// Most bytes of a file with subtitles.
pub const MAX_SIDE_BYTES: u64 = 4 << 20;
/// Most bytes of a text track's object.
pub const MAX_TEXT_BYTES: u64 = 64 << 20;
/// Most characters of a label.
pub const MAX_LABEL: usize = 64;

/// A file with subtitles beside the source, as the order tells of it. The courier lays it down as
/// [`crate::job_files::side_name`] of its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SideFile {
    /// Language (BCP 47).
    pub language: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it is for.
    #[serde(flatten)]
    pub traits: TextTraits,
}

/// What a text track is for, as players need to know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TextTraits {
    /// Shown unless the viewer chooses otherwise.
    pub default: bool,
    /// Only what has to be read whatever the viewer understands, such as signs.
    pub forced: bool,
    /// Says sounds and speakers, too, for those who do not hear them.
    pub hearing_impaired: bool,
}

/// Bytes of a text track's object, from the first to one past the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice(pub u64, pub u64);

impl Slice {
    /// Number of bytes.
    pub fn len(self) -> u64 {
        self.1.saturating_sub(self.0)
    }

    /// It holds nothing.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A text track of the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TextPlan {
    /// Identifier, such as `s-en`.
    pub id: TrackId,
    /// SHA-256 of its object in hex.
    pub sha256: String,
    /// Bytes of its object.
    pub bytes: u64,
    /// Language (BCP 47), `und` when nobody said.
    pub language: String,
    /// Name for people; no two tracks have the same.
    pub label: String,
    /// What it is for.
    #[serde(flatten)]
    pub traits: TextTraits,
    /// Made of captions that ride in the source's pictures (CEA-608), and in the H.264 rungs still.
    #[serde(default)]
    pub captions: bool,
    /// Cues of the whole track.
    pub cues: u32,
    /// WebVTT of each segment of the first track of the output.
    pub vtt: Vec<Slice>,
    /// Init segment of the fragments.
    pub init: Slice,
    /// A fragment for each segment.
    pub fragments: Vec<Slice>,
}
