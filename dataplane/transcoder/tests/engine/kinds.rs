//! Kinds of source, made of real footage: each comes out with every picture at its time, upright,
//! in the right shape and colours; held against what FFmpeg's command line makes of it.

use streamgate_contract::plan::{Media, Plan, TrackPlan, VideoFacts};
use streamgate_contract::renditions::GridSettings;

use crate::judge::{captions, decoded_frames, joined, peak, psnr, shown, times};
use crate::pod::{Files, footage, whole_output};

/// Several chunks and spans even of three seconds.
fn short_grid() -> GridSettings {
    GridSettings {
        gop_milliseconds: 500,
        gops_per_segment: 2,
        segments_per_chunk: 1,
        chunks_per_span: 2,
    }
}

/// Least likeness of a rung and its source in dB: far above any wrong picture, below every right.
const ALIKE: f64 = 28.0;

/// Encodes `name`; checks sizes, times and likeness of every video rung.
fn check(name: &str, filters: &str, sizes: &[(u32, u32)]) -> (Plan, Files) {
    let source = footage(name);
    let (plan, files) = whole_output(&source, short_grid());
    assert!(!plan.encodes_at_once(), "{name} must be cut");
    let expected = shown(&source);
    let made: Vec<(u32, u32)> = plan.tracks.iter().filter_map(size).collect();
    assert_eq!(made, sizes, "{name}");
    for track in plan.tracks.iter().filter(|t| size(t).is_some()) {
        let file = joined(track, &files);
        assert_eq!(decoded_frames(file.path()), expected.len(), "{name}");
        same_times(name, &shown(file.path()), &expected);
        let likeness = psnr(&source, filters, file.path(), size(track).unwrap());
        assert!(likeness > ALIKE, "{name} {}: {likeness:.1} dB", track.id);
    }
    (plan, files)
}

fn video(plan: &Plan) -> &VideoFacts {
    plan.source.video.as_ref().unwrap()
}

fn size(track: &TrackPlan) -> Option<(u32, u32)> {
    match track.media {
        Media::Video { width, height, .. } => Some((width, height)),
        Media::Audio { .. } => None,
    }
}

/// Within what containers round away.
fn same_times(name: &str, made: &[f64], expected: &[f64]) {
    let far = made
        .iter()
        .zip(expected)
        .find(|(a, b)| (**a - **b).abs() > 0.002);
    assert!(far.is_none(), "{name}: {far:?}");
}

/// Audio tracks by id; each decodes to the length of the video, less than a frame over.
fn sounds(plan: &Plan, files: &Files) -> Vec<String> {
    let seconds = plan.source.duration_milliseconds() as f64 / 1_000.0;
    let audio = plan.tracks.iter().filter(|t| size(t).is_none());
    let check = |track: &TrackPlan| {
        let file = joined(track, files);
        // One priming frame before zero.
        let frames = times(file.path()).len() as f64 - 1.0;
        let over = frames * 1_024.0 / 48_000.0 - seconds;
        assert!((-0.001..0.0215).contains(&over), "{} {over}", track.id);
        assert_eq!(decoded_frames(file.path()) as f64, frames + 1.0);
        track.id.to_string()
    };
    audio.map(check).collect()
}

const WIDE: &[(u32, u32)] = &[(640, 360), (426, 240)];
const SMALL: &[(u32, u32)] = &[(426, 240)];

#[test]
fn rotated_pictures_are_upright() {
    let (plan, _) = check("rotated.mp4", "null", &[(304, 540), (202, 360), (136, 240)]);
    assert_eq!(video(&plan).treatment.quarter_turns % 2, 1);
}

#[test]
fn variable_frame_rate_keeps_every_time() {
    let (plan, _) = check("vfr.mp4", "null", SMALL);
    let pts = &video(&plan).pts;
    let steps: Vec<i64> = pts.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(steps.iter().any(|s| *s != steps[0]), "the clip must vary");
}

#[test]
fn ten_bit_hevc_becomes_eight_bit_avc() {
    let (plan, _) = check("hevc-10bit.mp4", "null", SMALL);
    assert_eq!(video(&plan).codec, "hevc");
}

/// What FFmpeg's own filters make of a high dynamic range.
fn mapped(transfer: &str) -> String {
    format!(
        "zscale=tin={transfer}:pin=2020:min=2020_ncl:rin=tv:t=linear:p=2020:m=gbr:npl=100,\
         format=gbrpf32le,zscale=p=709,tonemap=hable:desat=0:peak=10,zscale=t=709:m=709:r=tv,\
         format=yuv420p"
    )
}

#[test]
fn hdr10_is_mapped_to_standard_range() {
    let (plan, _) = check("hdr10.mp4", &mapped("smpte2084"), SMALL);
    let colour = video(&plan).colour;
    assert_eq!(
        (colour.primaries, colour.transfer, colour.matrix),
        (1, 1, 1)
    );
}

#[test]
fn hlg_is_mapped_to_standard_range() {
    let (plan, _) = check("hlg.mp4", &mapped("arib-std-b67"), SMALL);
    assert_eq!(video(&plan).treatment.tone_map, Some(18));
}

#[test]
fn interlaced_pictures_are_made_whole() {
    let sizes = [(720, 540), (480, 360), (320, 240)];
    let (plan, _) = check("interlaced.ts", "bwdif=mode=send_frame", &sizes);
    assert!(video(&plan).treatment.deinterlace);
}

#[test]
fn portrait_stays_portrait() {
    check("portrait.mp4", "null", &[(202, 360), (136, 240)]);
}

#[test]
fn odd_sizes_become_even_webm_with_opus() {
    let (plan, files) = check("odd-size.webm", "null", SMALL);
    assert_eq!(sounds(&plan, &files), ["a-und-aac"]);
}

#[test]
fn oblong_pixels_become_square() {
    check("anamorphic.mp4", "null", &[(534, 240)]);
}

#[test]
fn mov_with_prores_and_pcm() {
    let (plan, files) = check("prores.mov", "null", SMALL);
    assert_eq!(sounds(&plan, &files), ["a-und-aac"]);
}

#[test]
fn every_language_is_a_rendition() {
    let (plan, files) = check("two-languages.mkv", "null", WIDE);
    assert_eq!(sounds(&plan, &files), ["a-en-aac", "a-de-aac"]);
}

#[test]
fn surround_in_eac3_becomes_stereo() {
    let (plan, files) = check("surround.ts", "null", WIDE);
    let audio = &plan.source.audio[0];
    assert_eq!((audio.codec.as_str(), audio.channels), ("eac3", 6));
    assert_eq!(sounds(&plan, &files), ["a-und-aac"]);
}

#[test]
fn video_without_sound_has_no_audio_track() {
    let (plan, files) = check("open-gop-2997.mp4", "null", WIDE);
    assert!(sounds(&plan, &files).is_empty());
}

#[test]
fn an_edit_list_is_obeyed() {
    let (plan, files) = check(
        "edit-list.mp4",
        "null",
        &[(1280, 720), (960, 540), (640, 360), (426, 240)],
    );
    assert_eq!(sounds(&plan, &files).len(), 1);
}

#[test]
fn a_negative_start_is_the_start() {
    let (plan, files) = check("negative-start.mp4", "null", WIDE);
    assert_eq!(sounds(&plan, &files).len(), 1);
}

#[test]
fn an_odd_duration_ends_in_a_short_segment() {
    let (plan, files) = check("odd-duration.mp4", "null", SMALL);
    assert_eq!((video(&plan).frames, plan.grid.segments), (68, 3));
    assert_eq!(sounds(&plan, &files).len(), 1);
}

#[test]
fn sound_alone_is_cut_like_pictures() {
    let (plan, files) = whole_output(&footage("audio-only.mp4"), short_grid());
    assert!(plan.source.video.is_none() && plan.encodes_at_once());
    assert_eq!((plan.grid.segments, plan.tracks.len()), (24, 1));
    assert_eq!(sounds(&plan, &files), ["a-und-aac"]);
}

#[test]
fn sound_alone_in_a_stream_that_begins_late_starts_at_its_first_sample() {
    let (plan, files) = whole_output(&footage("audio-only.ts"), short_grid());
    assert!(plan.source.start_microseconds() > 1_000_000);
    assert_eq!(sounds(&plan, &files), ["a-und-aac", "a-de-aac"]);
    let file = joined(&plan.tracks[0], &files);
    let loudest = peak(file.path());
    let original = peak(&footage("audio-only.ts"));
    assert!((loudest - original).abs() < 1.5, "{loudest} {original}");
}

#[test]
fn pictures_alone_have_no_audio_track() {
    let (plan, files) = check("video-only.mkv", "null", WIDE);
    assert!(plan.source.audio.is_empty() && sounds(&plan, &files).is_empty());
    assert!(plan.tracks.iter().all(|t| size(t).is_some()));
}

#[test]
fn an_index_at_the_head_or_the_end_makes_no_difference() {
    let (_, end) = check("small.mp4", "null", WIDE);
    let (_, head) = check("small-faststart.mp4", "null", WIDE);
    assert!(end == head, "where the index is decides bytes");
}

#[test]
fn captions_in_the_pictures_stay_in_them() {
    let (plan, files) = check("cea608.ts", "null", WIDE);
    assert!(sounds(&plan, &files).is_empty());
    let expected = captions(&footage("cea608.ts"));
    assert!(expected.contains("These are 608 captions"), "{expected}");
    for track in &plan.tracks {
        assert_eq!(captions(joined(track, &files).path()), expected);
    }
}
