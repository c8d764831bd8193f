//! A retry does what is missing and nothing else, and makes the same bytes.

use streamgate_contract::job_files::{Event, SegmentName, segment_name};

use crate::pod::{encode_order, footage, plan_order, run, small_grid};

#[test]
fn a_retry_makes_only_what_is_missing_and_the_same_bytes() {
    let source = footage("clip-720p25.mp4");
    let plan = run(&plan_order(small_grid()), &source).plan();
    let span = &plan.spans[1];
    let full = run(&encode_order(&plan, span, Vec::new()), &source);
    let video = plan
        .tracks
        .iter()
        .filter(|t| t.id.as_str().starts_with('v'));
    let committed: Vec<SegmentName> = video
        .clone()
        .map(|t| SegmentName {
            track: t.id.clone(),
            number: 2,
        })
        .collect();
    let retry = run(&encode_order(&plan, span, committed), &source);
    assert_eq!(retry.code, 0);
    assert_eq!(retry.files.len(), 4);
    for track in video {
        let name = segment_name(&track.id, 3);
        assert!(retry.files[&name] == full.files[&name], "{name} differs");
    }
    let last = retry.events.iter().rev().find_map(|e| match e {
        Event::Progress { frames, of, .. } => Some((*frames, *of)),
        _ => None,
    });
    assert_eq!(last, Some((800, 800)));
}
