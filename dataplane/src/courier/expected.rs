//! What a step must deliver, by the plan alone: which segments, and which names of the out folder
//! they may have. Pure.

use std::collections::BTreeSet;
use std::ops::Range;

use streamgate_contract::ids::TrackId;
use streamgate_contract::job_files::{self, SegmentName};
use streamgate_contract::plan::{Media, Plan, SpanWork, TrackPlan};
use streamgate_contract::stills::Still;

/// The segments of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    tracks: Vec<(TrackId, Range<u32>)>,
}

/// What a name in the out folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A finished segment.
    Segment(SegmentName),
    /// A file that belongs there and is not delivered from here: plan, init, unfinished.
    Other,
    /// Nothing the plan knows.
    Unknown,
}

fn count(track: &TrackPlan) -> u32 {
    u32::try_from(track.starts.len().saturating_sub(1)).unwrap_or(u32::MAX)
}

fn is_video(track: &TrackPlan) -> bool {
    matches!(track.media, Media::Video { .. })
}

impl Expected {
    /// Every segment of the output.
    pub(super) fn whole(plan: &Plan) -> Self {
        Self::of(plan, |track| Some(0..count(track)))
    }

    /// The segments of one span.
    pub(super) fn span(plan: &Plan, work: SpanWork) -> Self {
        Self::of(plan, |track| match work {
            SpanWork::Audio => (!is_video(track)).then(|| 0..count(track)),
            SpanWork::Video {
                first_chunk,
                chunks,
            } => {
                let length = plan.grid.segments_per_chunk;
                let start = first_chunk.saturating_mul(length);
                let end = first_chunk.saturating_add(chunks).saturating_mul(length);
                is_video(track).then(|| start..end.min(count(track)))
            }
        })
    }

    fn of(plan: &Plan, range: impl Fn(&TrackPlan) -> Option<Range<u32>>) -> Self {
        let ranged = |track: &TrackPlan| Some((track.id.clone(), range(track)?));
        Self {
            tracks: plan.tracks.iter().filter_map(ranged).collect(),
        }
    }

    pub(super) fn contains(&self, segment: &SegmentName) -> bool {
        let has = |(id, range): &(TrackId, Range<u32>)| {
            *id == segment.track && range.contains(&segment.number)
        };
        self.tracks.iter().any(has)
    }

    /// How many segments of the step `committed` lacks.
    pub(super) fn missing(&self, committed: &BTreeSet<SegmentName>) -> u64 {
        let all: u64 = self.tracks.iter().map(|(_, r)| r.len() as u64).sum();
        let there = committed.iter().filter(|s| self.contains(s)).count();
        all.saturating_sub(there as u64)
    }

    /// What `name` is; `plan` knows the tracks whose init segments may lie there.
    pub(super) fn name(&self, name: &str, plan: &Plan) -> Name {
        if let Some(segment) = segment(name).filter(|s| self.contains(s)) {
            return Name::Segment(segment);
        }
        let inner = name
            .strip_prefix('.')
            .and_then(|n| n.strip_suffix(".part"))
            .unwrap_or(name);
        let still = |still: Still| plan.stills.is_some() && still.file() == inner;
        let known = inner == job_files::PLAN
            || Still::ALL.into_iter().any(still)
            || plan
                .text
                .iter()
                .any(|t| job_files::text_name(&t.id) == inner)
            || plan
                .tracks
                .iter()
                .any(|t| job_files::init_name(&t.id) == inner)
            || segment(inner).is_some_and(|s| self.contains(&s));
        if known { Name::Other } else { Name::Unknown }
    }
}

/// Reads the name of a segment's file; only the exact name it would be given counts.
fn segment(name: &str) -> Option<SegmentName> {
    let (track, number) = name.strip_suffix(".m4s")?.rsplit_once('-')?;
    let (track, number) = (track.parse().ok()?, number.parse().ok()?);
    let exact = job_files::segment_name(&track, number) == name;
    exact.then_some(SegmentName { track, number })
}

/// A plan whose track ids are distinct; the hostile side made it.
pub(super) fn has_distinct_tracks(plan: &Plan) -> bool {
    let ids: BTreeSet<&TrackId> = plan.tracks.iter().map(|t| &t.id).collect();
    !plan.tracks.is_empty() && ids.len() == plan.tracks.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Worked example of the formats: 6 segments, 1 a chunk, 2 chunks a span.
    fn plan() -> Plan {
        let video = json!({"kind": "video", "width": 1280, "height": 720, "maxKbps": 2800,
            "crf": 23, "frameRate": {"num": 25, "den": 1}});
        let audio = json!({"kind": "audio", "kbps": 128, "sampleRate": 48000, "channels": 2,
            "language": "und"});
        let track = |id: &str, media: &serde_json::Value| {
            json!({"id": id, "codecs": "x", "timescale": 1, "initSha256": "", "initBytes": 1,
                "media": media, "starts": [0, 1, 2, 3, 4, 5, 6]})
        };
        let source = json!({"bytes": 1, "container": "mov", "audio": [], "video": {
            "stream": 0, "codec": "h264", "width": 1280, "height": 720,
            "frameRate": {"num": 25, "den": 1}, "timeBase": {"num": 1, "den": 25},
            "frames": 600, "pts": [], "endPts": 600}});
        serde_json::from_value(json!({
            "engine": "e", "source": source, "spans": [],
            "grid": {"gopFrames": 50, "segmentFrames": 100, "segmentsPerChunk": 1,
                "chunksPerSpan": 2, "segments": 6},
            "tracks": [track("v720", &video), track("v240", &video), track("a-und-aac", &audio)]
        }))
        .unwrap()
    }

    fn named(track: &str, number: u32) -> SegmentName {
        SegmentName {
            track: track.parse().unwrap(),
            number,
        }
    }

    #[test]
    fn a_span_expects_its_chunks_of_every_video_track() {
        let work = SpanWork::Video {
            first_chunk: 2,
            chunks: 2,
        };
        let expected = Expected::span(&plan(), work);
        assert_eq!(expected.missing(&BTreeSet::new()), 4);
        assert!(expected.contains(&named("v240", 3)) && !expected.contains(&named("v240", 4)));
        assert!(!expected.contains(&named("a-und-aac", 2)));
    }

    #[test]
    fn a_span_past_the_end_expects_nothing_beyond_it() {
        let work = SpanWork::Video {
            first_chunk: 5,
            chunks: u32::MAX,
        };
        assert_eq!(Expected::span(&plan(), work).missing(&BTreeSet::new()), 2);
    }

    #[test]
    fn whole_and_audio_count_every_segment() {
        let committed = BTreeSet::from([named("v720", 0), named("v999", 0)]);
        assert_eq!(Expected::whole(&plan()).missing(&committed), 17);
        let audio = Expected::span(&plan(), SpanWork::Audio);
        assert_eq!(audio.missing(&committed), 6);
    }

    #[test]
    fn only_exact_names_of_the_plan_are_known() {
        let (plan, all) = (plan(), Expected::whole(&plan()));
        let segment = Name::Segment(named("v720", 4));
        assert_eq!(all.name("v720-4.m4s", &plan), segment);
        for other in ["plan.json", "v240-init.mp4", ".v720-4.m4s.part"] {
            assert_eq!(all.name(other, &plan), Name::Other, "{other}");
        }
        for unknown in [
            "v720-04.m4s",
            "v720-+4.m4s",
            "v720-6.m4s",
            "v1080-0.m4s",
            "x",
            "v720-4.m4s.part",
        ] {
            assert_eq!(all.name(unknown, &plan), Name::Unknown, "{unknown}");
        }
    }
}
