//! Ladders: what a profile asks for. The engine drops rungs that would enlarge the source.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Codec of a rung.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum VideoCodec {
    /// H.264 by x264: plays everywhere.
    #[default]
    H264,
    /// HEVC by x265.
    #[serde(rename = "HEVC")]
    Hevc,
    /// AV1 by SVT-AV1.
    #[serde(rename = "AV1")]
    Av1,
    /// VP9 by libvpx.
    #[serde(rename = "VP9")]
    Vp9,
}

impl VideoCodec {
    /// Every codec.
    pub const ALL: [Self; 4] = [Self::H264, Self::Hevc, Self::Av1, Self::Vp9];

    /// Constant rate factor of the encoder that looks much like 23 of x264.
    pub fn default_crf(self) -> u32 {
        match self {
            Self::H264 => 23,
            Self::Hevc => 26,
            Self::Av1 => 50,
            Self::Vp9 => 39,
        }
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::Hevc => "HEVC",
            Self::Av1 => "AV1",
            Self::Vp9 => "VP9",
        }
    }

    /// What follows `v720` in the name of a track; nothing for H.264.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::H264 => "",
            Self::Hevc => "-hevc",
            Self::Av1 => "-av1",
            Self::Vp9 => "-vp9",
        }
    }
}

/// Codec that sound is encoded with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AudioCodec {
    /// AAC-LC: plays everywhere.
    #[default]
    #[serde(rename = "AAC")]
    Aac,
    /// Opus.
    Opus,
}

/// Codec of an audio track: encoded or passed through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SoundCodec {
    /// AAC-LC.
    #[default]
    #[serde(rename = "AAC")]
    Aac,
    /// Opus.
    Opus,
    /// AC-3, passed through.
    #[serde(rename = "AC-3")]
    Ac3,
    /// E-AC-3, passed through.
    #[serde(rename = "E-AC-3")]
    Eac3,
}

impl SoundCodec {
    /// Samples of a frame.
    pub fn frame_samples(self) -> u32 {
        match self {
            Self::Aac => 1_024,
            Self::Opus => 960,
            Self::Ac3 | Self::Eac3 => 1_536,
        }
    }
}

impl From<AudioCodec> for SoundCodec {
    fn from(codec: AudioCodec) -> Self {
        match codec {
            AudioCodec::Aac => Self::Aac,
            AudioCodec::Opus => Self::Opus,
        }
    }
}

/// How a ladder is fitted to a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Ladder {
    /// Every rung that does not enlarge the source.
    #[default]
    Fixed,
    /// Samples of the source are encoded first; a rung that looks like its neighbours is left out, and
    /// those below one that the slowest line carries.
    Auto,
}

/// One rung of a video ladder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rendition {
    /// Height of the picture in pixels, even; the width follows from the display aspect ratio.
    #[schemars(range(min = 144, max = 4320))]
    pub height: u32,
    /// Cap of the video bit rate over one segment, in kbit/s.
    #[schemars(range(min = 50, max = 100_000))]
    pub max_kbps: u32,
    /// Codec. A ladder may have a height once for each. Default H264.
    #[serde(default)]
    pub codec: VideoCodec,
    /// Constant rate factor on the encoder's scale: lower is better and larger. Default 23 for
    /// H264, 26 for HEVC, 50 for AV1, 39 for VP9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 55))]
    pub crf: Option<u32>,
    /// Options of the encoder by name, such as `preset: slow`. Only those that decide neither the
    /// grid nor the bytes' independence of the machine are allowed; others are refused with the
    /// list of allowed ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub options: BTreeMap<String, String>,
}

impl Rendition {
    /// A rung with the codec's defaults.
    pub fn new(height: u32, max_kbps: u32, codec: VideoCodec) -> Self {
        Self {
            height,
            max_kbps,
            codec,
            crf: None,
            options: BTreeMap::new(),
        }
    }

    /// Its constant rate factor.
    pub fn crf(&self) -> u32 {
        self.crf.unwrap_or(self.codec.default_crf())
    }
}

/// Settings of the audio renditions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AudioSettings {
    /// Bit rate in kbit/s. Default 128.
    #[schemars(range(min = 32, max = 512))]
    pub kbps: u32,
    /// Codec. Default AAC.
    pub codec: AudioCodec,
    /// AC-3 and E-AC-3 of the source are offered too as they are, beside their stereo encode.
    /// Default false.
    pub passthrough: bool,
    /// Loudness of what is encoded (EBU R 128); neither measured nor changed when absent. Encoding
    /// begins when all of the sound has been heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness: Option<Loudness>,
}

/// How loud sound becomes. One gain for the whole of a stream: what is loud in it stays louder than
/// what is not. Source: EBU R 128, ITU-R BS.1770-4.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Loudness {
    /// Normalize brings the sound to the target; Measure only says in the status how loud it is.
    /// Default Normalize.
    pub mode: LoudnessMode,
    /// Integrated loudness in LUFS. Default -23; -16 is common for phones and the web.
    #[schemars(range(min = -40, max = -5))]
    pub target_lufs: i32,
    /// Most true peak in dBTP; the gain stops there, short of the target if need be. Default -1.
    #[schemars(range(min = -9, max = 0))]
    pub peak_dbtp: i32,
}

impl Default for Loudness {
    fn default() -> Self {
        Self {
            mode: LoudnessMode::Normalize,
            target_lufs: -23,
            peak_dbtp: -1,
        }
    }
}

/// What is done about loudness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LoudnessMode {
    /// Measured and brought to the target.
    #[default]
    Normalize,
    /// Measured.
    Measure,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self {
            kbps: 128,
            codec: AudioCodec::Aac,
            passthrough: false,
            loudness: None,
        }
    }
}

/// The ladder of profile `standard`, tallest first.
pub fn standard() -> Vec<Rendition> {
    rungs(
        VideoCodec::H264,
        &[
            (1080, 5_000),
            (720, 2_800),
            (540, 1_600),
            (360, 700),
            (240, 350),
        ],
    )
}

pub(crate) fn rungs(codec: VideoCodec, rungs: &[(u32, u32)]) -> Vec<Rendition> {
    let rung = |(height, max_kbps): &(u32, u32)| Rendition::new(*height, *max_kbps, codec);
    rungs.iter().map(rung).collect()
}

/// Lengths of the grid: segment ⊂ chunk ⊂ span.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GridSettings {
    /// Length of a group of pictures in milliseconds; rounded to whole frames. Default 2000.
    #[schemars(range(min = 500, max = 10_000))]
    pub gop_milliseconds: u32,
    /// Groups of pictures in a segment, the unit players load. Default 2.
    #[schemars(range(min = 1, max = 10))]
    pub gops_per_segment: u32,
    /// Segments in a chunk, the unit an encoder run makes and a retry repeats. Default 4.
    #[schemars(range(min = 1, max = 32))]
    pub segments_per_chunk: u32,
    /// Chunks in a span, the unit one pod does. Default 4.
    #[schemars(range(min = 1, max = 256))]
    pub chunks_per_span: u32,
}

impl Default for GridSettings {
    fn default() -> Self {
        Self {
            gop_milliseconds: 2_000,
            gops_per_segment: 2,
            segments_per_chunk: 4,
            chunks_per_span: 4,
        }
    }
}
