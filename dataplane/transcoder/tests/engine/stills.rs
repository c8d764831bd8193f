//! Poster and storyboard against what FFmpeg shows of the source at the same times.

use std::path::Path;

use sha2::{Digest, Sha256};
use streamgate_contract::plan::Plan;
use streamgate_contract::stills::Still;

use crate::judge::psnr;
use crate::pod::{Files, footage, plan_order, run, small_grid};

/// Least likeness in dB: JPEG and another scaler lie between.
const LIKE: f64 = 28.0;

fn stills(name: &str) -> (Plan, Files) {
    let planned = run(&plan_order(small_grid()), &footage(name));
    assert_eq!(planned.code, 0, "{:?}", planned.message);
    (planned.plan(), planned.files)
}

/// The key frame of a source at or before a time, in a file.
fn key_frame(source: &Path, seconds: f64) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    let done = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-noaccurate_seek", "-ss"])
        .arg(seconds.to_string())
        .arg("-i")
        .arg(source)
        .args(["-frames:v", "1"])
        .arg(file.path())
        .status();
    assert!(done.unwrap().success());
    file
}

/// Likeness of a part of an image to what FFmpeg shows at a time.
fn likeness(image: &[u8], part: &str, size: (u32, u32), source: &Path, seconds: f64) -> f64 {
    let whole = tempfile::Builder::new().suffix(".jpg").tempfile().unwrap();
    std::fs::write(whole.path(), image).unwrap();
    let cut = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    let done = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(whole.path())
        .args(["-vf", part])
        .arg(cut.path())
        .status();
    assert!(done.unwrap().success());
    psnr(key_frame(source, seconds).path(), "null", cut.path(), size)
}

#[test]
fn stills_show_the_source_at_their_times() {
    let (plan, files) = stills("clip-720p25.mp4");
    let stills = plan.stills.as_ref().unwrap();
    for still in Still::ALL {
        let (bytes, said) = (&files[&still.file()], stills.plan(still));
        assert_eq!(hex::encode(Sha256::digest(bytes)), said.sha256);
        assert_eq!(bytes.len() as u64, said.bytes);
    }
    let source = footage("clip-720p25.mp4");
    let poster = &files["poster.jpg"];
    let size = (stills.poster.width, stills.poster.height);
    assert_eq!(size, (1_280, 720));
    let like = likeness(poster, "null", size, &source, 2.4);
    assert!(like > LIKE, "poster: {like} dB");

    let tiles = stills.tiles;
    assert_eq!(
        (tiles.count, tiles.columns, tiles.milliseconds),
        (24, 10, 1_000)
    );
    let tile = (tiles.width, tiles.height);
    assert_eq!(tile, (160, 90));
    let mut unlike = 0;
    for number in 0..tiles.count {
        let (x, y) = tiles.corner(number);
        let part = format!("crop=160:90:{x}:{y}");
        let seconds = f64::from(number);
        let like = likeness(&files["storyboard.jpg"], &part, tile, &source, seconds);
        assert!(like > LIKE, "tile {number}: {like} dB");
        let other = (seconds + 12.0) % 24.0;
        let other = likeness(&files["storyboard.jpg"], &part, tile, &source, other);
        unlike += u32::from(other < LIKE);
    }
    assert!(unlike > 12, "any picture would do: {unlike}");
}

#[test]
fn every_kind_of_picture_has_stills() {
    for (name, tile) in [
        ("portrait.mp4", (50, 90)),
        ("rotated.mp4", (50, 90)),
        ("hdr10.mp4", (160, 90)),
        ("interlaced.ts", (120, 90)),
        ("clip-720p25.mkv", (160, 90)),
    ] {
        let (plan, files) = stills(name);
        let stills = plan.stills.unwrap();
        assert_eq!((stills.tiles.width, stills.tiles.height), tile, "{name}");
        assert!(files["storyboard.jpg"].starts_with(&[0xff, 0xd8, 0xff]));
    }
}
