//! Text tracks: what FFmpeg reads of a source is what the segments say, cut at the grid.

use std::collections::BTreeSet;
use std::path::Path;

use streamgate_contract::exit;
use streamgate_contract::job_files::{Order, side_name, text_name};
use streamgate_contract::plan::Plan;
use streamgate_contract::renditions::GridSettings;
use streamgate_contract::text::{SideFile, Slice, TextPlan, TextTraits};

use crate::judge::{cues, first_picture, read_cues};
use crate::pod::{Ended, Files, footage, plan_order, run, run_in};

type Cue = (u64, u64, String);

/// Segments of a second.
fn short_grid() -> GridSettings {
    GridSettings {
        gop_milliseconds: 500,
        gops_per_segment: 2,
        segments_per_chunk: 1,
        chunks_per_span: 2,
    }
}

fn planned(name: &str) -> (Plan, Files) {
    let done = run(&plan_order(short_grid()), &footage(name));
    assert_eq!(done.code, 0, "{:?}", done.message);
    (done.plan(), done.files)
}

fn piece(files: &Files, track: &TextPlan, slice: Slice) -> Vec<u8> {
    files[&text_name(&track.id)][slice.0 as usize..slice.1 as usize].to_vec()
}

/// Cues of all segments; each segment has those, and only those, that are shown in it.
fn said(plan: &Plan, files: &Files, track: &TextPlan) -> Vec<Cue> {
    let first = &plan.tracks[0];
    assert_eq!(track.vtt.len(), plan.grid.segments as usize);
    assert_eq!(files[&text_name(&track.id)].len() as u64, track.bytes);
    let segments: Vec<Vec<Cue>> = track
        .vtt
        .iter()
        .map(|slice| {
            let text = String::from_utf8(piece(files, track, *slice)).unwrap();
            let head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n";
            assert!(text.starts_with(head), "{text}");
            read_cues(&text)
        })
        .collect();
    let all: BTreeSet<Cue> = segments.iter().flatten().cloned().collect();
    let scale = u64::from(first.timescale);
    for (segment, bounds) in segments.iter().zip(first.starts.windows(2)) {
        for cue in &all {
            let shown = cue.0 * scale < bounds[1] * 1_000 && cue.1 * scale > bounds[0] * 1_000;
            assert_eq!(segment.contains(cue), shown, "{cue:?} {bounds:?}");
        }
    }
    all.into_iter().collect()
}

/// As FFmpeg reads the stream, cut at the end of the output.
fn expected(plan: &Plan, name: &str, stream: usize) -> Vec<Cue> {
    let path = footage(name);
    // Times as they are in the file, whose pictures need not begin at 0.
    let input = ["-copyts", "-i", path.to_str().unwrap()];
    let found = cues(&input, &format!("0:s:{stream}"));
    let end = plan.source.duration_milliseconds();
    let first = first_picture(&path);
    let cut = |(start, stop, text): Cue| (start - first, (stop - first).min(end), text);
    let found: BTreeSet<Cue> = found.into_iter().map(cut).collect();
    found.into_iter().collect()
}

fn same(name: &str, made: &[Cue], expected: &[Cue]) {
    assert_eq!(made.len(), expected.len(), "{name}: {made:?} {expected:?}");
    for (made, expected) in made.iter().zip(expected) {
        let near = made.0.abs_diff(expected.0) <= 10 && made.1.abs_diff(expected.1) <= 10;
        assert!(
            near && made.2 == expected.2,
            "{name}: {made:?} {expected:?}"
        );
    }
}

#[test]
fn every_stream_of_text_is_a_track() {
    for (name, ids) in [
        ("subtitles.mkv", &["s-en", "s-de", "s-fr"][..]),
        ("subtitles.mp4", &["s-en", "s-de"]),
    ] {
        let (plan, files) = planned(name);
        let found: Vec<&str> = plan.text.iter().map(|t| t.id.as_str()).collect();
        assert_eq!(found, ids, "{name}");
        assert!(plan.notes.is_empty() && !plan.captions);
        for (stream, track) in plan.text.iter().enumerate() {
            let made = said(&plan, &files, track);
            same(name, &made, &expected(&plan, name, stream));
            assert_eq!((track.cues, made.len()), (2, 2));
        }
        assert_eq!(plan.summary().tracks.len(), plan.tracks.len() + ids.len());
    }
    let (plan, files) = planned("subtitles.mkv");
    let [en, de, _] = &plan.text[..] else {
        panic!()
    };
    assert_eq!(
        (en.label.as_str(), en.traits.hearing_impaired),
        ("English CC", true)
    );
    assert!(de.traits.forced && !de.traits.default);
    assert_eq!(
        planned("subtitles.mkv"),
        (plan, files),
        "the same bytes again"
    );
}

#[test]
fn captions_become_a_track_and_stay_in_the_pictures() {
    let (plan, files) = planned("cea608.ts");
    assert!(plan.captions);
    let [track] = &plan.text[..] else {
        panic!("{:?}", plan.text)
    };
    assert!(track.captions && track.id.as_str() == "s-cc1");
    let graph = format!("movie={}[out0+subcc]", footage("cea608.ts").display());
    let judge = cues(&["-f", "lavfi", "-i", &graph], "0:s");
    same("captions", &said(&plan, &files, track), &judge);
}

#[test]
fn subtitles_of_pictures_are_left_out_with_a_note() {
    let (plan, _) = planned("bitmaps.mkv");
    assert!(plan.text.is_empty());
    let note = "subtitle stream 1 (hdmv_pgs_subtitle) is no text this engine reads; left out";
    assert_eq!(plan.summary().notes, [note]);
}

fn side(language: &str, traits: TextTraits) -> SideFile {
    SideFile {
        language: language.into(),
        label: None,
        traits,
    }
}

/// Plans a clip with these files beside it.
fn beside(clip: &Path, files: &[(SideFile, &str)]) -> Ended {
    let mut order = plan_order(short_grid());
    if let Order::Plan { request, .. } = &mut order {
        request.subtitles = files.iter().map(|(side, _)| side.clone()).collect();
    }
    let work = tempfile::tempdir().unwrap();
    for (number, (_, text)) in files.iter().enumerate() {
        std::fs::write(work.path().join(side_name(number)), text).unwrap();
    }
    run_in(work.path(), &order, clip)
}

#[test]
fn files_beside_the_source_are_tracks_before_its_own() {
    let default = TextTraits {
        default: true,
        ..TextTraits::default()
    };
    let ttml = "<tt xmlns='http://www.w3.org/ns/ttml'><body><div>\
                <p begin='0.5s' end='2.25s'>aus TTML</p></div></body></tt>";
    let files = [
        (
            side("en", default),
            "1\n00:00:00,100 --> 00:00:01,000\nfrom SubRip\n",
        ),
        (
            side("pt-BR", TextTraits::default()),
            "WEBVTT\n\n00:00.200 --> 00:09.000\nde WebVTT\n",
        ),
        (side("de", TextTraits::default()), ttml),
    ];
    let done = beside(&footage("subtitles.mkv"), &files);
    assert_eq!(done.code, 0, "{:?}", done.message);
    let plan = done.plan();
    let ids: Vec<&str> = plan.text.iter().map(|t| t.id.as_str()).collect();
    assert_eq!(ids, ["s-en", "s-pt-br", "s-de", "s-en-2", "s-de-2", "s-fr"]);
    assert!(plan.text[0].traits.default);
    let end = plan.source.duration_milliseconds();
    for (track, cue) in plan.text.iter().zip([
        (100, 1_000, "from SubRip"),
        (200, end, "de WebVTT"),
        (500, 2_250, "aus TTML"),
    ]) {
        let made = said(&plan, &done.files, track);
        assert_eq!(made, [(cue.0, cue.1, cue.2.to_owned())]);
    }
}

#[test]
fn a_file_that_is_no_subtitles_is_refused_with_a_reason() {
    let good = "1\n00:00:00,100 --> 00:00:01,000\nfine\n";
    let traits = TextTraits::default();
    for bad in [
        "",
        "just words",
        "<svg xmlns='http://www.w3.org/2000/svg'/>",
    ] {
        let files = [(side("en", traits), good), (side("de", traits), bad)];
        let done = beside(&footage("small.mp4"), &files);
        assert_eq!(
            (done.code, done.reason()),
            (exit::SOURCE_REFUSED.into(), "SubtitlesRefused")
        );
        let text = format!("{:?}", done.message);
        assert!(text.contains("subtitle file 1 of the job"), "{text}");
    }
}
