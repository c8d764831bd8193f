//! A stored plan without its long lists: what a job pod may deliver, under which key, and to which
//! span an object belongs. Values in, values out.

use streamgate_contract::job_api::Object;
use streamgate_contract::job_files::MAX_SEGMENT_BYTES;
use streamgate_contract::names::{self, JobPod, Step};
use streamgate_contract::plan::{Grid, Media, Plan, SpanWork, TrackPlan};
use streamgate_contract::stills::Stills;
use streamgate_contract::text::TextPlan;
use streamgate_contract::{ContentId, OutputId, TrackId};

use super::progress::estimate::{Lane, Shape};
use crate::ports::catalog::Output;

/// What the worker keeps of an output at hand.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) output: OutputId,
    pub(super) content: ContentId,
    at_once: bool,
    tracks: Vec<Track>,
    spans: Vec<SpanWork>,
    grid: Grid,
    shape: Shape,
    stills: Option<Stills>,
    text: Vec<Text>,
}

#[derive(Clone, Debug)]
struct Text {
    id: TrackId,
    sha256: String,
    bytes: u64,
}

#[derive(Clone, Debug)]
struct Track {
    id: TrackId,
    video: bool,
    segments: u32,
    init_sha256: String,
    init_bytes: u64,
}

impl Planned {
    pub(super) fn of(output: &Output) -> Self {
        let plan = &output.plan;
        let tracks = plan.tracks.iter().map(|track| Track {
            id: track.id.clone(),
            video: matches!(track.media, Media::Video { .. }),
            segments: count(track.starts.len().saturating_sub(1)),
            init_sha256: track.init_sha256.clone(),
            init_bytes: track.init_bytes,
        });
        Self {
            output: output.id.clone(),
            content: output.content.clone(),
            at_once: plan.encodes_at_once(),
            tracks: tracks.collect(),
            spans: plan.spans.iter().map(|span| span.work).collect(),
            grid: plan.grid,
            shape: shape(plan),
            stills: plan.stills.clone(),
            text: plan.text.iter().map(text).collect(),
        }
    }

    /// How the work divides, for progress.
    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether this pod's step and index make this object.
    pub(super) fn is_made_by(&self, pod: &JobPod, object: &Object) -> bool {
        match (pod.step, object) {
            (Step::Plan, Object::Init { track }) => self.track(track).is_some(),
            (Step::Plan, Object::Segment { track, number }) => {
                self.at_once && pod.index == 0 && self.span(track, *number).is_some()
            }
            (Step::Encode, Object::Segment { track, number }) => {
                self.span(track, *number) == Some(pod.index)
            }
            (Step::Plan, Object::Text { track }) => self.text(track).is_some(),
            (Step::Plan, Object::Still { .. }) => self.stills.is_some(),
            (Step::Encode, Object::Init { .. } | Object::Text { .. } | Object::Still { .. })
            | (Step::Publish, _) => false,
        }
    }

    /// Whether an object of this hash and size can be this one.
    pub(super) fn fits(&self, object: &Object, sha256: &str, bytes: u64) -> bool {
        match object {
            Object::Init { track } => self
                .track(track)
                .is_some_and(|t| t.init_bytes == bytes && t.init_sha256 == sha256),
            Object::Text { track } => self
                .text(track)
                .is_some_and(|t| t.bytes == bytes && t.sha256 == sha256),
            Object::Segment { .. } => (1..=MAX_SEGMENT_BYTES).contains(&bytes),
            Object::Still { still } => self.stills.as_ref().is_some_and(|stills| {
                let said = stills.plan(*still);
                said.bytes == bytes && said.sha256 == sha256
            }),
        }
    }

    /// Whether a track has pictures.
    pub(super) fn has_pictures(&self, track: &TrackId) -> bool {
        self.track(track).is_some_and(|track| track.video)
    }

    /// Key of an object.
    pub(super) fn key(&self, object: &Object, sha256: &str) -> String {
        match object {
            Object::Init { track } => names::init_key(&self.content, &self.output, track, sha256),
            Object::Segment { track, number } => {
                names::segment_key(&self.content, &self.output, track, *number, sha256)
            }
            Object::Text { track } => names::text_key(&self.content, &self.output, track, sha256),
            Object::Still { still } => {
                names::still_key(&self.content, &self.output, *still, sha256)
            }
        }
    }

    /// Part of the work, for progress, that a pod does.
    pub(super) fn lane_of(&self, pod: &JobPod) -> Option<u32> {
        match pod.step {
            Step::Plan => self.at_once.then_some(0),
            Step::Encode => Some(pod.index),
            Step::Publish => None,
        }
    }

    /// Part of the work, for progress, that a segment belongs to.
    pub(super) fn lane(&self, track: &TrackId, number: u32) -> Option<u32> {
        let span = self.span(track, number)?;
        Some(if self.at_once { 0 } else { span })
    }

    /// Index of the span that makes a segment.
    fn span(&self, id: &TrackId, number: u32) -> Option<u32> {
        let track = self.track(id).filter(|track| number < track.segments)?;
        let chunk = number / self.grid.segments_per_chunk.max(1);
        let makes = |work: &SpanWork| match work {
            SpanWork::Audio => !track.video,
            SpanWork::Video {
                first_chunk,
                chunks,
            } => track.video && (*first_chunk..first_chunk + chunks).contains(&chunk),
        };
        self.spans.iter().position(makes).map(count)
    }

    fn text(&self, id: &TrackId) -> Option<&Text> {
        self.text.iter().find(|text| text.id == *id)
    }

    fn track(&self, id: &TrackId) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == *id)
    }
}

fn text(plan: &TextPlan) -> Text {
    Text {
        id: plan.id.clone(),
        sha256: plan.sha256.clone(),
        bytes: plan.bytes,
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn shape(plan: &Plan) -> Shape {
    let video_tracks = plan.tracks.iter().filter(|t| is_video(&t.media)).count();
    let rate = plan.source.video.as_ref().map(|v| v.frame_rate);
    let per_second = rate.map_or(0.0, |rate| rate.num as f64 / rate.den.max(1) as f64);
    let lanes = if plan.encodes_at_once() {
        vec![Lane {
            segments: plan.segments(),
            video_frames: plan.source.grid_frames() * video_tracks as u64,
            audio_frames: audio_frames(plan),
        }]
    } else {
        let lane = |span: &SpanWork| lane(plan, video_tracks, *span);
        plan.spans.iter().map(|span| lane(&span.work)).collect()
    };
    Shape {
        segments: plan.segments(),
        media_seconds: plan.source.duration_milliseconds() as f64 / 1_000.0,
        // Video frames encoded for each second of media.
        frames_per_second: per_second * video_tracks as f64,
        lanes,
    }
}

fn lane(plan: &Plan, video_tracks: usize, work: SpanWork) -> Lane {
    match work {
        SpanWork::Audio => Lane {
            segments: audio(plan)
                .map(|t| count(t.starts.len().saturating_sub(1)))
                .sum(),
            video_frames: 0,
            audio_frames: audio_frames(plan),
        },
        SpanWork::Video {
            first_chunk,
            chunks,
        } => {
            let grid = &plan.grid;
            let at = |chunk: u32| {
                let segment = u64::from(chunk) * u64::from(grid.segments_per_chunk);
                segment.min(u64::from(grid.segments))
            };
            let (start, end) = (at(first_chunk), at(first_chunk + chunks));
            let frame = |segment: u64| {
                (segment * u64::from(grid.segment_frames)).min(plan.source.grid_frames())
            };
            Lane {
                segments: u32::try_from((end - start) * video_tracks as u64).unwrap_or(u32::MAX),
                video_frames: (frame(end) - frame(start)) * video_tracks as u64,
                audio_frames: 0,
            }
        }
    }
}

fn is_video(media: &Media) -> bool {
    matches!(media, Media::Video { .. })
}

fn audio(plan: &Plan) -> impl Iterator<Item = &TrackPlan> {
    plan.tracks.iter().filter(|track| !is_video(&track.media))
}

/// Frames of the audio tracks; the timescale of each is its sample rate.
fn audio_frames(plan: &Plan) -> u64 {
    let frames = |track: &TrackPlan| match track.media {
        Media::Audio { codec, .. } => {
            let end = track.starts.last().copied().unwrap_or(0);
            end / u64::from(codec.frame_samples())
        }
        Media::Video { .. } => 0,
    };
    audio(plan).map(frames).sum()
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn pod(step: Step, index: u32) -> JobPod {
        JobPod {
            transcode_job_uid: testing::UID.into(),
            attempt: 0,
            step,
            index,
        }
    }

    fn segment(track: &str, number: u32) -> Object {
        let track = track.parse().unwrap();
        Object::Segment { track, number }
    }

    #[test]
    fn every_segment_belongs_to_one_index_and_inits_to_plan() {
        let planned = Planned::of(&testing::output());
        let makers = |object: &Object| -> Vec<u32> {
            let makes = |i: &u32| planned.is_made_by(&pod(Step::Encode, *i), object);
            (0..9).filter(makes).collect()
        };
        assert_eq!(makers(&segment("v720", 0)), [0]);
        assert_eq!(makers(&segment("v360", 3)), [1]);
        assert_eq!(makers(&segment("v720", 5)), [2]);
        assert_eq!(makers(&segment("a-en-aac", 5)), [3]);
        for nobodys in [segment("v720", 6), segment("v999", 0)] {
            assert!(makers(&nobodys).is_empty(), "{nobodys:?}");
        }
        let init = Object::Init {
            track: "v720".parse().unwrap(),
        };
        assert!(planned.is_made_by(&pod(Step::Plan, 0), &init) && makers(&init).is_empty());
        assert!(!planned.is_made_by(&pod(Step::Plan, 0), &segment("v720", 0)));
        assert!(!planned.is_made_by(&pod(Step::Publish, 0), &init));
    }

    #[test]
    fn a_plan_of_one_span_is_made_by_the_plan_pod() {
        let mut output = testing::output();
        output.plan.grid.chunks_per_span = 6;
        let chunks = SpanWork::Video {
            first_chunk: 0,
            chunks: 6,
        };
        output.plan.spans.truncate(2);
        output.plan.spans[0].work = chunks;
        output.plan.spans[1].work = SpanWork::Audio;
        let planned = Planned::of(&output);
        let plan = pod(Step::Plan, 0);
        assert!(planned.is_made_by(&plan, &segment("v720", 5)));
        assert!(planned.is_made_by(&plan, &segment("a-en-aac", 5)));
        assert_eq!(planned.lane(&"a-en-aac".parse().unwrap(), 5), Some(0));
        let lanes = &planned.shape().lanes;
        assert_eq!((lanes.len(), lanes[0].segments), (1, 18));
    }

    #[test]
    fn lanes_together_hold_every_segment_and_frame() {
        let planned = Planned::of(&testing::output());
        let shape = planned.shape();
        let lanes = &shape.lanes;
        assert_eq!(
            lanes.iter().map(|l| l.segments).sum::<u32>(),
            shape.segments
        );
        assert_eq!(lanes.iter().map(|l| l.video_frames).sum::<u64>(), 600 * 2);
        assert_eq!(lanes[3].audio_frames, 1_125);
    }
}
