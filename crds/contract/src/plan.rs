//! The plan of an output: what Plan found in the source and decided, down to frames and bytes.
//! Made once by the transcoder, stored by the worker, handed to every span. Boundaries are frame
//! indices of the source, never seconds; timestamps are in the source stream's time base.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::encryption::Protected;
use crate::ids::TrackId;
use crate::renditions::{AudioSettings, GridSettings, Ladder, Rendition, SoundCodec, VideoCodec};
use crate::stills::{Still, Stills};
use crate::text::{SideFile, TextPlan};

/// A ratio of two integers: frame rates (frames per second) and time bases (seconds per tick).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ratio {
    /// Numerator.
    pub num: i64,
    /// Denominator, above 0.
    pub den: i64,
}

/// Bytes `start..end` of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

/// What Plan is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRequest {
    /// Lengths of the grid.
    pub grid: GridSettings,
    /// The ladder wanted, tallest first; rungs taller than the source are dropped.
    pub renditions: Vec<Rendition>,
    /// Whether the ladder is made as it is said or fitted to the source.
    #[serde(default)]
    pub ladder: Ladder,
    /// Audio rendition.
    pub audio: AudioSettings,
    /// Files with subtitles, in the order in which they are laid down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtitles: Vec<SideFile>,
    /// What a source may be at most.
    pub limits: SourceLimits,
}

/// Bounds of a source; beyond them it is refused with `SourceLimitExceeded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceLimits {
    /// Pixels of a picture's longer side.
    pub max_side: u32,
    /// Frames per second.
    pub max_frame_rate: u32,
    /// Seconds.
    pub max_duration_seconds: u64,
    /// Streams in the container.
    pub max_streams: u32,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            max_side: 8_192,
            max_frame_rate: 120,
            max_duration_seconds: 12 * 3_600,
            max_streams: 64,
        }
    }
}

/// The whole plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Engine that made the plan and must do it: crate version, FFmpeg and encoder versions.
    pub engine: String,
    /// What the source is.
    pub source: SourceFacts,
    /// How it is cut.
    pub grid: Grid,
    /// Every track of the output; video tallest first, then audio, the main one first.
    pub tracks: Vec<TrackPlan>,
    /// What each completion index of Encode does; empty spans do not exist.
    pub spans: Vec<SpanPlan>,
    /// How the output is encrypted, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<Protected>,
    /// Poster and storyboard, if there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stills: Option<Stills>,
    /// Subtitles and captions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub text: Vec<TextPlan>,
    /// Captions ride in the pictures of the source.
    #[serde(default)]
    pub captions: bool,
    /// What of the source is left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Facts about the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceFacts {
    /// Bytes.
    pub bytes: u64,
    /// Demuxer name, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// The video stream; none in a source of sound alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoFacts>,
    /// The audio streams, the main one first; as many as there are audio tracks, in their order.
    pub audio: Vec<AudioFacts>,
}

/// Facts about the video stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoFacts {
    /// Index in the container.
    pub stream: u32,
    /// Codec name, such as `h264`.
    pub codec: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Average frame rate in frames per second.
    pub frame_rate: Ratio,
    /// Time base of `pts`, in seconds per tick.
    pub time_base: Ratio,
    /// Number of frames.
    pub frames: u64,
    /// PTS of every frame in presentation order, in ticks; as long as `frames`.
    pub pts: Vec<i64>,
    /// PTS one past the last frame, in ticks.
    pub end_pts: i64,
    /// Colour of the pictures, as every encoder of the output is told.
    #[serde(default)]
    pub colour: Colour,
    /// What the pictures go through before they are scaled.
    #[serde(default)]
    pub treatment: Treatment,
}

/// What decoded pictures go through before they are scaled, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Treatment {
    /// Interlaced pictures become whole ones, one for each.
    pub deinterlace: bool,
    /// Transfer characteristics (H.273) of a high dynamic range that becomes BT.709.
    pub tone_map: Option<u8>,
    /// Quarter turns clockwise.
    pub quarter_turns: u8,
    /// Mirrored left to right, after turning.
    pub mirrored: bool,
}

/// Colour as code points of ITU-T H.273; the range is always limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    /// Primaries.
    pub primaries: u8,
    /// Transfer characteristics.
    pub transfer: u8,
    /// Matrix coefficients.
    pub matrix: u8,
}

impl Default for Colour {
    /// BT.709.
    fn default() -> Self {
        Self {
            primaries: 1,
            transfer: 1,
            matrix: 1,
        }
    }
}

/// Facts about the audio stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioFacts {
    /// Index in the container.
    pub stream: u32,
    /// Codec name, such as `aac`.
    pub codec: String,
    /// Samples per second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u32,
    /// Language as the container says, most often ISO 639-2; `und` when it does not.
    pub language: String,
    /// When its first sample is heard, in microseconds of the container's clock.
    #[serde(default)]
    pub start_microseconds: i64,
    /// When it ends, on the same clock.
    #[serde(default)]
    pub end_microseconds: i64,
}

/// The grid in whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grid {
    /// Frames in a group of pictures.
    pub gop_frames: u32,
    /// Frames in a segment; a multiple of `gop_frames`.
    pub segment_frames: u32,
    /// Segments in a chunk.
    pub segments_per_chunk: u32,
    /// Chunks in a span.
    pub chunks_per_span: u32,
    /// Segments of the whole output, the last one possibly shorter.
    pub segments: u32,
}

impl Grid {
    /// Chunks of the whole output.
    pub fn chunks(&self) -> u32 {
        self.segments.div_ceil(self.segments_per_chunk.max(1))
    }

    /// Video spans of the whole output.
    pub fn video_spans(&self) -> u32 {
        self.chunks().div_ceil(self.chunks_per_span.max(1))
    }
}

/// One track of the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackPlan {
    /// Identifier, such as `v720`.
    pub id: TrackId,
    /// RFC 6381 codecs string, exact.
    pub codecs: String,
    /// Ticks per second of the track's media timeline.
    pub timescale: u32,
    /// SHA-256 of the init segment in hex.
    pub init_sha256: String,
    /// Bytes of the init segment.
    pub init_bytes: u64,
    /// What kind of media.
    pub media: Media,
    /// Start of each segment as it is presented (edit list applied), in ticks of `timescale`, one
    /// more than there are segments: the last is the end. Segment `n` lasts
    /// `starts[n + 1] - starts[n]`. Video carries these numbers as `tfdt`; audio, whose first
    /// segment holds the encoder's priming, carries them plus the priming from segment 1 on.
    pub starts: Vec<u64>,
}

/// Settings of a track by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Media {
    /// Pictures.
    Video {
        /// Codec.
        #[serde(default)]
        codec: VideoCodec,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Cap in kbit/s over one segment.
        max_kbps: u32,
        /// Constant rate factor on the encoder's own scale.
        crf: u32,
        /// Frames per second, for players.
        frame_rate: Ratio,
        /// Options of the encoder by name, of those that [`crate::knobs`] allows.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        options: BTreeMap<String, String>,
    },
    /// Sound.
    Audio {
        /// Codec.
        #[serde(default)]
        codec: SoundCodec,
        /// Index of its stream in the source's container.
        #[serde(default)]
        stream: u32,
        /// kbit/s.
        kbps: u32,
        /// Samples per second.
        sample_rate: u32,
        /// Channels.
        channels: u32,
        /// BCP 47 language.
        language: String,
        /// How loud its source is, and what it is raised by; `None` when nobody asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<SoundLevel>,
    },
}

/// How loud a stream of sound is, as its encoder hears it. In hundredths of a decibel, so that every pod
/// has the very same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SoundLevel {
    /// Integrated loudness, in hundredths of a LUFS; `None` for silence.
    pub loudness: Option<i32>,
    /// True peak, in hundredths of a dBTP; `None` for silence.
    pub true_peak: Option<i32>,
    /// Gain of the encode.
    pub gain: i32,
}

/// The level of a track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackLevel {
    /// Track.
    pub track: TrackId,
    /// Its level.
    #[serde(flatten)]
    pub level: SoundLevel,
}

/// What one completion index of Encode does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpanPlan {
    /// Which tracks and segments.
    pub work: SpanWork,
    /// Bytes of the source it reads, ascending and disjoint.
    pub bytes: Vec<ByteRange>,
}

/// The work of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum SpanWork {
    /// Every video track, chunks `first_chunk..first_chunk + chunks`.
    Video {
        /// First chunk.
        first_chunk: u32,
        /// Number of chunks, at least 1.
        chunks: u32,
    },
    /// Every audio track, whole.
    Audio,
}

/// Plan's summary: what the operator must know. Travels as the termination message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    /// Completion indexes of Encode; 0 when the Plan pod already encoded everything.
    pub spans: u32,
    /// Segments over all tracks.
    pub segments: u32,
    /// Duration of the source in milliseconds.
    pub duration_milliseconds: u64,
    /// Track ids, those of text last.
    pub tracks: Vec<TrackId>,
    /// What of the source is left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Engine of the plan.
    pub engine: String,
    /// Levels of the tracks whose loudness was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<TrackLevel>,
}

impl Plan {
    /// Segments over all tracks.
    pub fn segments(&self) -> u32 {
        self.tracks
            .iter()
            .map(|t| u32::try_from(t.starts.len().saturating_sub(1)).unwrap_or(u32::MAX))
            .sum()
    }

    /// Objects of the whole output: segments, init segments, text, stills.
    pub fn objects(&self) -> u64 {
        let stills = if self.stills.is_some() {
            Still::ALL.len()
        } else {
            0
        };
        u64::from(self.segments()) + (self.tracks.len() + self.text.len() + stills) as u64
    }

    /// A source of one video span is encoded by the Plan pod itself; so is sound alone, which
    /// would be one index anyway.
    pub fn encodes_at_once(&self) -> bool {
        self.source.video.is_none() || self.grid.video_spans() <= 1
    }

    /// The summary for the operator.
    pub fn summary(&self) -> PlanSummary {
        let spans = if self.encodes_at_once() {
            0
        } else {
            self.spans.len()
        };
        let tracks = self.tracks.iter().map(|t| &t.id);
        let tracks = tracks.chain(self.text.iter().map(|t| &t.id));
        PlanSummary {
            spans: u32::try_from(spans).unwrap_or(u32::MAX),
            segments: self.segments(),
            duration_milliseconds: self.source.duration_milliseconds(),
            tracks: tracks.cloned().collect(),
            notes: self.notes.clone(),
            engine: self.engine.clone(),
            levels: self.levels().collect(),
        }
    }

    fn levels(&self) -> impl Iterator<Item = TrackLevel> {
        self.tracks.iter().filter_map(|track| match track.media {
            Media::Audio { level, .. } => level.map(|level| TrackLevel {
                track: track.id.clone(),
                level,
            }),
            Media::Video { .. } => None,
        })
    }
}

impl SourceFacts {
    /// Duration in milliseconds: of the pictures, else from the first sound to the last.
    pub fn duration_milliseconds(&self) -> u64 {
        match &self.video {
            Some(video) => video.duration_milliseconds(),
            None => {
                let end = self.audio.iter().map(|a| a.end_microseconds).max();
                let length = end.unwrap_or(0).saturating_sub(self.start_microseconds());
                u64::try_from(length).unwrap_or(0).div_ceil(1_000)
            }
        }
    }

    /// When the first sound is heard, in microseconds of the container's clock.
    pub fn start_microseconds(&self) -> i64 {
        let starts = self.audio.iter().map(|a| a.start_microseconds);
        starts.min().unwrap_or(0)
    }

    /// Frames the grid counts: pictures, or milliseconds where there are none.
    pub fn grid_frames(&self) -> u64 {
        match &self.video {
            Some(video) => video.frames,
            None => self.duration_milliseconds(),
        }
    }
}

impl VideoFacts {
    /// Duration of the picture in milliseconds, 0 for a source without frames.
    pub fn duration_milliseconds(&self) -> u64 {
        let ticks = self.pts.first().map_or(0, |first| self.end_pts - first);
        let millis = i128::from(ticks) * i128::from(self.time_base.num) * 1_000;
        u64::try_from(millis / i128::from(self.time_base.den.max(1))).unwrap_or(0)
    }
}
