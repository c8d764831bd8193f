//! Codecs: each rung is what it says, decodes without a complaint, shows every picture at its time
//! and looks like the source; sound decodes to the length of the pictures; passed-through frames
//! are those of the source.

use std::path::Path;
use std::process::Command;

use streamgate_contract::job_files::Order;
use streamgate_contract::plan::{Media, Plan, TrackPlan};
use streamgate_contract::renditions::{
    AudioCodec, AudioSettings, GridSettings, Rendition, VideoCodec,
};

use crate::judge::{decoded_frames, joined, psnr, shown};
use crate::pod::{Files, encode_order, footage, plan_order, run, whole_output_of};

/// Several chunks and spans even of three seconds.
fn order(renditions: Vec<Rendition>, audio: AudioSettings) -> Order {
    let mut order = plan_order(GridSettings {
        gop_milliseconds: 500,
        gops_per_segment: 2,
        segments_per_chunk: 1,
        chunks_per_span: 2,
    });
    if let Order::Plan { request, .. } = &mut order {
        request.renditions = renditions;
        request.audio = audio;
    }
    order
}

fn rungs(codec: VideoCodec) -> Vec<Rendition> {
    vec![
        Rendition::new(360, 700, codec),
        Rendition::new(240, 350, codec),
    ]
}

/// What FFmpeg's prober says of the first stream.
fn probed(file: &Path, fields: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "0", "-of", "csv=p=0"])
        .args(["-show_entries", &format!("stream={fields}")])
        .arg(file)
        .output()
        .unwrap();
    // Some fields leave a comma behind them.
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().trim_end_matches(',').to_owned()
}

/// Encodes small.mp4 with `codec` and checks every rung; gives the codecs strings.
fn check(codec: VideoCodec, name: &str) -> Vec<String> {
    let source = footage("small.mp4");
    let (plan, files) = whole_output_of(&order(rungs(codec), AudioSettings::default()), &source);
    assert!(!plan.encodes_at_once());
    let expected = shown(&source);
    let video = plan.tracks.iter().filter(|t| is_video(t));
    let check = |track: &TrackPlan| {
        let Media::Video { width, height, .. } = track.media else {
            unreachable!()
        };
        let file = joined(track, &files);
        assert_eq!(probed(file.path(), "codec_name"), name);
        assert_eq!(decoded_frames(file.path()), expected.len(), "{}", track.id);
        for (made, wanted) in shown(file.path()).iter().zip(&expected) {
            assert!(
                (made - wanted).abs() < 0.002,
                "{}: {made} {wanted}",
                track.id
            );
        }
        let likeness = psnr(&source, "null", file.path(), (width, height));
        assert!(likeness > 28.0, "{}: {likeness:.1} dB", track.id);
        track.codecs.clone()
    };
    let names = video.map(check).collect();
    same_bytes_again(&plan, &files, &source);
    names
}

fn is_video(track: &TrackPlan) -> bool {
    matches!(track.media, Media::Video { .. })
}

/// A span done again by itself, with what is committed of it lost, makes the same bytes.
fn same_bytes_again(plan: &Plan, files: &Files, source: &Path) {
    let again = run(&encode_order(plan, &plan.spans[1], Vec::new()), source);
    assert_eq!(again.code, 0, "{:?}", again.message);
    for (name, bytes) in again
        .files
        .iter()
        .filter(|(name, _)| name.ends_with(".m4s"))
    {
        assert!(files[name] == *bytes, "{name} differs");
    }
}

#[test]
fn hevc_is_exact() {
    let names = check(VideoCodec::Hevc, "hevc");
    assert_eq!(names, ["hvc1.1.6.L63.90", "hvc1.1.6.L60.90"]);
}

#[test]
fn av1_is_exact() {
    let names = check(VideoCodec::Av1, "av1");
    for name in names {
        assert!(
            name.starts_with("av01.0.0") && name.ends_with("M.08.0.110.06.06.06.0"),
            "{name}"
        );
    }
}

#[test]
fn vp9_is_exact() {
    let names = check(VideoCodec::Vp9, "vp9");
    assert_eq!(names[0], "vp09.00.21.08.00.06.06.06.00");
}

#[test]
fn codecs_stand_beside_each_other_in_one_ladder() {
    let mixed = VideoCodec::ALL.map(|codec| Rendition::new(240, 350, codec));
    let order = order(mixed.to_vec(), AudioSettings::default());
    let (plan, _) = whole_output_of(&order, &footage("small.mp4"));
    let ids: Vec<&str> = plan.tracks.iter().map(|t| t.id.as_str()).collect();
    assert_eq!(
        ids,
        ["v240", "v240-hevc", "v240-av1", "v240-vp9", "a-und-aac"]
    );
}

/// Seconds a decoder hears of a file, priming skipped.
fn heard(file: &Path) -> f64 {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file)
        .args(["-f", "s16le", "-ac", "1", "-ar", "48000", "-"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    output.stdout.len() as f64 / 2.0 / 48_000.0
}

#[test]
fn opus_is_as_long_as_the_pictures() {
    let audio = AudioSettings {
        codec: AudioCodec::Opus,
        ..AudioSettings::default()
    };
    let order = order(rungs(VideoCodec::H264), audio);
    let (plan, files) = whole_output_of(&order, &footage("two-languages.mkv"));
    let seconds = plan.source.duration_milliseconds() as f64 / 1_000.0;
    let sound: Vec<&TrackPlan> = plan.tracks.iter().filter(|t| !is_video(t)).collect();
    assert_eq!(sound.len(), 2);
    for track in sound {
        assert_eq!(track.codecs, "Opus");
        let file = joined(track, &files);
        assert_eq!(probed(file.path(), "codec_name"), "opus");
        let over = heard(file.path()) - seconds;
        assert!((-0.001..0.0205).contains(&over), "{} {over}", track.id);
    }
}

/// Frames of the first audio stream, joined.
fn frames(file: &Path) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file)
        .args(["-map", "0:a:0", "-c", "copy", "-f", "data", "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn surround_is_passed_through_untouched() {
    let audio = AudioSettings {
        passthrough: true,
        ..AudioSettings::default()
    };
    for (name, codecs, codec) in [("surround.ts", "ec-3", "eac3"), ("ac3.mp4", "ac-3", "ac3")] {
        let source = footage(name);
        let order = order(rungs(VideoCodec::H264), audio.clone());
        let (plan, files) = whole_output_of(&order, &source);
        let (encoded, passed) = (&plan.tracks[2], &plan.tracks[3]);
        assert_eq!(encoded.codecs, "mp4a.40.2");
        assert_eq!(
            (passed.codecs.as_str(), passed.id.as_str()),
            (codecs, &*format!("a-und-{codec}"))
        );
        let file = joined(passed, &files);
        assert_eq!(
            probed(file.path(), "codec_name,channels"),
            format!("{codec},6")
        );
        let (made, original) = (frames(file.path()), frames(&source));
        let found = original.windows(made.len()).any(|w| w == made);
        assert!(found && made.len() * 10 > original.len() * 9, "{name}");
    }
}

#[test]
fn options_that_are_not_allowed_are_refused_with_those_that_are() {
    let mut rung = Rendition::new(240, 350, VideoCodec::H264);
    rung.options.insert("threads".into(), "8".into());
    let ended = run(
        &order(vec![rung.clone()], AudioSettings::default()),
        &footage("small.mp4"),
    );
    assert_eq!((ended.code, ended.reason()), (65, "SettingsRefused"));
    rung.options = [("preset", "medium"), ("tune", "film"), ("bf", "2")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let (plan, files) = whole_output_of(
        &order(vec![rung], AudioSettings::default()),
        &footage("small.mp4"),
    );
    assert!(decoded_frames(joined(&plan.tracks[0], &files).path()) > 70);
}
