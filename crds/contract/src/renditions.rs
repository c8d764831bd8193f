//! Ladders: what a profile asks for. The engine drops rungs that would enlarge the source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Constant rate factor of x264: lower is better and larger. Default 23.
    #[serde(default = "default_crf")]
    #[schemars(range(min = 10, max = 40))]
    pub crf: u32,
}

fn default_crf() -> u32 {
    23
}

/// Settings of the audio rendition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AudioSettings {
    /// Bit rate of AAC-LC in kbit/s. Default 128.
    #[schemars(range(min = 32, max = 512))]
    pub kbps: u32,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self { kbps: 128 }
    }
}

/// The ladder of profile `standard`, tallest first.
pub fn standard() -> Vec<Rendition> {
    let rung = |height, max_kbps| Rendition {
        height,
        max_kbps,
        crf: default_crf(),
    };
    vec![
        rung(1080, 5_000),
        rung(720, 2_800),
        rung(540, 1_600),
        rung(360, 700),
        rung(240, 350),
    ]
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
