//! The worked example of the formats: counts, times and cuts exact, seams without gap or overlap,
//! the same bytes again and from any grid of spans.

use mp4_atom::{Any, DecodeMaybe};
use streamgate_contract::job_files::segment_name;
use streamgate_contract::plan::{Plan, TrackPlan};
use streamgate_contract::renditions::GridSettings;

use crate::judge::{decoded_frames, joined, times};
use crate::pod::{Files, footage, small_grid, whole_output};

/// What the boxes say: a segment begins where the plan says and lasts until the next one begins.
fn check_boxes(track: &TrackPlan, files: &Files, priming: u64) {
    let later = |n: usize| if n == 0 { 0 } else { priming };
    for number in 0..track.starts.len() - 1 {
        let bytes = &files[&segment_name(&track.id, number as u32)];
        let mut next = track.starts[number] + later(number);
        let mut rest = bytes.as_slice();
        while let Some(atom) = Any::decode_maybe(&mut rest).unwrap() {
            let Any::Moof(moof) = atom else { continue };
            let traf = &moof.traf[0];
            let start = traf.tfdt.as_ref().unwrap().base_media_decode_time;
            assert_eq!(start, next, "{} {number}", track.id);
            let lengths = traf.trun[0].samples.iter().map(|s| s.duration.unwrap());
            next += lengths.map(u64::from).sum::<u64>();
        }
        let end = track.starts[number + 1] + later(number + 1);
        assert_eq!(next, end, "end of {} {number}", track.id);
    }
}

fn check_video(plan: &Plan, track: &TrackPlan, files: &Files) {
    check_boxes(track, files, 0);
    let file = joined(track, files);
    let frames = plan.source.grid_frames() as usize;
    assert_eq!(decoded_frames(file.path()), frames, "{}", track.id);
    let times = times(file.path());
    let step = (track.starts.last().unwrap() / frames as u64) as i64;
    assert!(
        times.windows(2).all(|w| w[1] - w[0] == step),
        "{}: {times:?}",
        track.id
    );
}

#[test]
fn the_worked_example_is_exact() {
    let (plan, files) = whole_output(&footage("clip-720p25.mp4"), small_grid());
    assert_eq!((plan.grid.segments, plan.spans.len()), (6, 4));
    assert_eq!(files.len(), 5 + 5 * 6 + 2, "with the stills");
    let (audio, video) = plan.tracks.split_last().unwrap();
    let ids: Vec<&str> = video.iter().map(|t| t.id.as_str()).collect();
    assert_eq!(ids, ["v720", "v540", "v360", "v240"]);
    for track in video {
        check_video(&plan, track, &files);
    }
    let cuts: Vec<u64> = audio.starts.iter().map(|s| s / 1_024).collect();
    assert_eq!(cuts, [0, 188, 375, 563, 750, 938, 1125]);
    check_boxes(audio, &files, 1_024);
    let file = joined(audio, &files);
    let times = times(file.path());
    // The priming frame lies before zero; then every frame of the 24 s.
    let expected: Vec<i64> = (-1..1125).map(|n| n * 1_024).collect();
    assert_eq!(times, expected);
    assert_eq!(decoded_frames(file.path()), 1126);
    let fetched: u64 = plan
        .spans
        .iter()
        .flat_map(|s| &s.bytes)
        .map(|b| b.end - b.start)
        .sum();
    assert!(
        fetched * 5 <= plan.source.bytes * 6,
        "{fetched} bytes of {}",
        plan.source.bytes
    );
}

#[test]
fn bytes_do_not_depend_on_the_run_nor_on_the_spans() {
    let source = footage("clip-720p25.mp4");
    let (_, first) = whole_output(&source, small_grid());
    let (_, again) = whole_output(&source, small_grid());
    assert!(first == again, "two runs differ");
    let one_span = GridSettings {
        chunks_per_span: 6,
        ..small_grid()
    };
    let (plan, at_once) = whole_output(&source, one_span);
    assert!(plan.encodes_at_once());
    assert!(
        first == at_once,
        "the Plan pod encodes otherwise than the spans"
    );
}

#[test]
fn other_containers_open_groups_and_rates_come_out_exact() {
    for name in ["clip-720p25.mkv", "clip-720p25.ts", "open-gop-2997.mp4"] {
        let (plan, files) = whole_output(&footage(name), small_grid());
        for track in plan
            .tracks
            .iter()
            .filter(|t| t.id.as_str().starts_with('v'))
        {
            check_video(&plan, track, &files);
        }
    }
}
