//! Loudness: FFmpeg's meter says of the source what the plan says, and of the output what was asked.

use std::path::Path;
use std::process::Command;

use streamgate_contract::job_files::Order;
use streamgate_contract::plan::{Media, Plan, SoundLevel};
use streamgate_contract::renditions::{GridSettings, Loudness, LoudnessMode};

use crate::judge::joined;
use crate::pod::{Files, footage, plan_order, whole_output_of};

fn made(name: &str, loudness: Option<Loudness>) -> (Plan, Files) {
    let mut order = plan_order(GridSettings::default());
    if let Order::Plan { request, .. } = &mut order {
        request.audio.loudness = loudness;
    }
    whole_output_of(&order, &footage(name))
}

fn level(plan: &Plan) -> SoundLevel {
    match plan.tracks[0].media {
        Media::Audio { level, .. } => level.unwrap(),
        Media::Video { .. } => panic!("the first track has pictures"),
    }
}

/// Integrated loudness (LUFS) and true peak (dBTP) of the first stream of sound, as stereo at 48 kHz.
fn heard(file: &Path) -> (f64, f64) {
    let meter = "aformat=channel_layouts=stereo,aresample=48000,ebur128=peak=true";
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(file)
        .args(["-map", "0:a:0", "-af", meter, "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let summary = text.rsplit("Summary:").next().unwrap();
    let number = |name: &str| {
        let line = summary.lines().find(|l| l.trim().starts_with(name));
        let word = line.unwrap().split_whitespace().nth(1);
        word.unwrap().parse().unwrap()
    };
    (number("I:"), number("Peak:"))
}

#[test]
fn sound_becomes_as_loud_as_asked() {
    let source = footage("audio-only.mp4");
    let (before, peak) = heard(&source);
    let wanted = Loudness {
        target_lufs: before.round() as i32 - 4,
        ..Loudness::default()
    };
    let target = f64::from(wanted.target_lufs);
    let (plan, files) = made("audio-only.mp4", Some(wanted));
    let level = level(&plan);
    let said = f64::from(level.loudness.unwrap()) / 100.0;
    assert!((said - before).abs() <= 0.1, "{said} {before}");
    let said = f64::from(level.true_peak.unwrap()) / 100.0;
    assert!((said - peak).abs() <= 0.2, "{said} {peak}");
    let (after, _) = heard(joined(&plan.tracks[0], &files).path());
    assert!((after - target).abs() <= 0.3, "{after} {target}");
}

#[test]
fn the_peak_bounds_the_gain() {
    let wanted = Loudness {
        target_lufs: -5,
        peak_dbtp: -2,
        ..Loudness::default()
    };
    let (plan, files) = made("audio-only.mp4", Some(wanted));
    let level = level(&plan);
    assert_eq!(level.true_peak.unwrap() + level.gain, -200);
    // The encode itself moves peaks a little.
    let (after, peak) = heard(joined(&plan.tracks[0], &files).path());
    assert!(after < -5.3 && peak < -1.0, "{after} {peak}");
}

#[test]
fn measuring_changes_no_byte() {
    let measure = Loudness {
        mode: LoudnessMode::Measure,
        ..Loudness::default()
    };
    let (plan, measured) = made("audio-only.mp4", Some(measure));
    assert!(level(&plan).loudness.is_some());
    assert_eq!(level(&plan).gain, 0);
    let (_, plain) = made("audio-only.mp4", None);
    assert!(measured == plain);
}
