//! The files between courier and transcoder in a job pod's shared folder, and the transcoder's
//! termination message. Every file is written beside its name and renamed into place, so a
//! reader sees it whole or not at all; `events.ndjson` alone is appended to.

use serde::{Deserialize, Serialize};

use crate::ids::TrackId;
use crate::plan::{ByteRange, Plan, PlanRequest, PlanSummary, SpanWork};
use crate::quality::TrackQuality;

/// Courier → transcoder: an [`Order`].
pub const ORDER: &str = "plan.json";
/// Courier → transcoder: a [`crate::encryption::Protection`], when the output is encrypted; in place
/// before [`ORDER`]. Secret.
pub const PROTECTION: &str = "protection.json";
/// Courier → transcoder: the source, sparse; complete when [`ORDER`] appears, unless that says that it is
/// still arriving.
pub const SOURCE: &str = "source";
/// Transcoder → courier: folder of finished files.
pub const OUT: &str = "out";
/// Transcoder → courier: name of the finished [`Plan`] inside [`OUT`].
pub const PLAN: &str = "plan.json";
/// Transcoder → courier: one [`Event`] a line.
pub const EVENTS: &str = "events.ndjson";
/// Courier → transcoder: everything of this step is committed. The transcoder exits 0.
pub const COMMITTED: &str = "committed";
/// What [`COMMITTED`] holds when the whole output is committed, not this step's part alone: there is
/// nothing left to encode.
pub const WHOLE: &[u8] = b"whole";
/// Courier → transcoder: a [`GiveUp`]. The transcoder exits with its code.
pub const GIVE_UP: &str = "give-up.json";

/// Most bytes of [`ORDER`] and of [`PLAN`].
pub const MAX_PLAN_BYTES: u64 = 64 << 20;
/// Most bytes of a segment.
pub const MAX_SEGMENT_BYTES: u64 = 256 << 20;
/// Most bytes of a termination message; kubelet keeps no more.
pub const MAX_TERMINATION_BYTES: usize = 4_096;

/// File name of a track's init segment inside [`OUT`].
pub fn init_name(track: &TrackId) -> String {
    format!("{track}-init.mp4")
}

/// File name of a media segment inside [`OUT`].
pub fn segment_name(track: &TrackId, number: u32) -> String {
    format!("{track}-{number}.m4s")
}

/// File name of a text track's object inside [`OUT`].
pub fn text_name(track: &TrackId) -> String {
    format!("{track}.text")
}

/// Courier → transcoder: file name of subtitle file `number` of the order, in place before [`ORDER`].
pub fn side_name(number: usize) -> String {
    format!("subtitles-{number}")
}

/// What the transcoder is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "camelCase")]
pub enum Order {
    /// Probe the source and write a [`Plan`] and init segments; encode too when it is one span.
    Plan {
        /// What is wanted.
        request: PlanRequest,
        /// Segments that are committed already (a Plan pod that encodes, started again).
        committed: Vec<SegmentName>,
        /// Bytes the source will have, when it is still being uploaded: then [`SOURCE`] grows from its
        /// first byte to its last, and as many bytes are there as it is long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arriving: Option<u64>,
    },
    /// Do one span of a plan.
    Encode {
        /// The plan.
        plan: Box<Plan>,
        /// The span.
        work: SpanWork,
        /// Bytes of the source that are there; a read outside them is `SourceHole`.
        bytes: Vec<ByteRange>,
        /// Segments that are committed already; whole chunks of them are skipped.
        committed: Vec<SegmentName>,
    },
}

/// A segment by track and number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SegmentName {
    /// Track.
    pub track: TrackId,
    /// Number from 0.
    pub number: u32,
}

/// One line of `events.ndjson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// `out/plan.json` and every init segment are in place.
    Planned,
    /// A segment is in place.
    Segment {
        /// Track.
        track: TrackId,
        /// Number from 0.
        number: u32,
        /// Bytes of the file.
        bytes: u64,
    },
    /// Frames encoded so far by this process, over all tracks of this span.
    Progress {
        /// Done.
        frames: u64,
        /// In all.
        of: u64,
        /// Frames per second of wall time, lately.
        fps: f64,
        /// CPU time this process took so far, in milliseconds.
        #[serde(default)]
        cpu_milliseconds: u64,
    },
    /// How near pictures of a rung come to what its encoder was given; those of several add up.
    Quality(TrackQuality),
    /// Failed for good; the process exits with the matching code.
    Failed(Failure),
    /// Everything of this step is in place.
    Done,
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A word of [`crate::reasons::job`].
    pub reason: String,
    /// One sentence: what was wrong, what to do.
    pub detail: String,
    /// Chunk, when one was in work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<u32>,
}

/// The courier cannot go on: the transcoder ends with `exit_code` and this reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GiveUp {
    /// A code of [`crate::exit`].
    pub exit_code: u8,
    /// Why.
    pub failed: Failure,
}

/// Termination message of the main container of a job pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Termination {
    /// Plan succeeded.
    Plan(PlanSummary),
    /// The step failed.
    Failed(Failure),
    /// Publish succeeded.
    Published(Published),
}

/// What a pod took, or all pods of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// CPU time of the transcoder, in milliseconds.
    pub cpu_milliseconds: u64,
    /// Time the pod was at work, in milliseconds.
    pub pod_milliseconds: u64,
    /// Bytes of the source that were fetched.
    pub fetched_bytes: u64,
}

/// What Publish closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// Content that is playable now.
    pub content: String,
    /// Output that is its current one.
    pub output: String,
    /// Segments of the output.
    pub segments: u32,
    /// Bytes of the output.
    pub bytes: u64,
    /// What the job's pods took for it.
    #[serde(default)]
    pub cost: Usage,
    /// How near its rungs come to the source, of pictures that were compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<TrackQuality>,
    /// The output that it was taken over from, if it was not encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_from: Option<String>,
}

impl Termination {
    /// The message as JSON of at most [`MAX_TERMINATION_BYTES`]; a long detail is cut.
    pub fn to_message(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        match self {
            Termination::Failed(failure) if text.len() > MAX_TERMINATION_BYTES => {
                let detail = failure.detail.chars().take(500).collect();
                let cut = Failure {
                    detail,
                    ..failure.clone()
                };
                serde_json::to_string(&Termination::Failed(cut)).unwrap_or_default()
            }
            _ => text,
        }
    }

    /// Reads a message; `None` when it is lost or not ours.
    pub fn from_message(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_the_documented_shape() {
        let failed = Failure {
            reason: "NotAVideo".into(),
            detail: "no container".into(),
            chunk: Some(3),
        };
        let text = Termination::Failed(failed).to_message();
        assert_eq!(
            text,
            r#"{"failed":{"reason":"NotAVideo","detail":"no container","chunk":3}}"#
        );
        assert!(Termination::from_message(&text).is_some());
    }

    #[test]
    fn a_long_detail_never_exceeds_what_kubelet_keeps() {
        let failed = Failure {
            reason: "InternalError".into(),
            detail: "\u{e9}".repeat(9_000),
            chunk: None,
        };
        let text = Termination::Failed(failed).to_message();
        assert!(text.len() <= MAX_TERMINATION_BYTES && Termination::from_message(&text).is_some());
    }

    #[test]
    fn an_event_line_names_its_kind() {
        let line = r#"{"event":"segment","track":"v720","number":4,"bytes":10}"#;
        assert!(matches!(
            serde_json::from_str(line),
            Ok(Event::Segment { number: 4, .. })
        ));
    }
}
