//! Encrypted outputs, decrypted by FFmpeg: picture for picture and sample for sample what the engine
//! makes without encryption.

use std::fs;
use std::path::Path;
use std::process::Command;

use streamgate_contract::encryption::{ContentKey, Hex16, Protection, Scheme, vector};
use streamgate_contract::job_files::{
    COMMITTED, Event, OUT, Order, PLAN, PROTECTION, init_name, segment_name,
};
use streamgate_contract::plan::{Media, Plan, TrackPlan};
use streamgate_contract::renditions::{Rendition, VideoCodec};

use crate::judge::joined;
use crate::pod::{self, Files, footage, plan_order};

fn protection(scheme: Scheme) -> Protection {
    let key = ContentKey {
        id: Hex16::new([0x11; 16]),
        key: Hex16::new([0x22; 16]),
    };
    Protection { scheme, key }
}

/// Output of the shipped binary for a clip of one span, encrypted or not, in one rung.
fn output(codec: VideoCodec, protection: Option<Protection>) -> (Plan, Files) {
    let work = tempfile::tempdir().unwrap();
    let work = work.path();
    if let Some(protection) = protection {
        let text = serde_json::to_vec(&protection).unwrap();
        fs::write(work.join(PROTECTION), text).unwrap();
    }
    let mut order = plan_order(Default::default());
    if let Order::Plan { request, .. } = &mut order {
        request.renditions = vec![Rendition::new(240, 350, codec)];
    }
    pod::lay_down(work, &order, &footage("small.mp4"));
    let mut child = pod::start(work);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if pod::events(work).contains(&Event::Done) {
            fs::write(work.join(COMMITTED), "").unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert!(status.success());
    let mut files = pod::files(&work.join(OUT));
    let plan = serde_json::from_slice(&files.remove(PLAN).unwrap()).unwrap();
    (plan, files)
}

/// What FFmpeg 5.1 can decrypt of a track: all of its sound; of its pictures the first fragment, since
/// in files of several fragments with subsamples it takes those of the last one for all. Claim
/// transcode-7 holds all pictures against clear ones.
fn readable(track: &TrackPlan, files: &Files) -> tempfile::NamedTempFile {
    if matches!(track.media, Media::Audio { .. }) {
        return joined(track, files);
    }
    let segment = &files[&segment_name(&track.id, 0)];
    let mut end = 0;
    loop {
        let kind = &segment[end + 4..end + 8];
        end += u32::from_be_bytes(segment[end..end + 4].try_into().unwrap()) as usize;
        if kind == b"mdat" {
            break;
        }
    }
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    let bytes = [&files[&init_name(&track.id)], &segment[..end]].concat();
    fs::write(file.path(), bytes).unwrap();
    file
}

/// What FFmpeg makes of a file with these options: its answer, and whether it complained of nothing.
fn ffmpeg(options: &[&str], input: &str, rest: &[&str]) -> (Vec<u8>, bool) {
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(options)
        .args(["-i", input])
        .args(rest)
        .arg("-")
        .output()
        .unwrap();
    (done.stdout, done.status.success() && done.stderr.is_empty())
}

/// Hashes of everything that a file decodes to with a key.
fn decoded(file: &Path, key: Option<Hex16>) -> (Vec<u8>, bool) {
    let key = key.map(|key| key.to_string());
    let options: Vec<&str> = key.iter().flat_map(|k| ["-decryption_key", k]).collect();
    ffmpeg(&options, file.to_str().unwrap(), &["-f", "framemd5"])
}

#[test]
fn common_encryption_opens_with_its_key_alone() {
    for codec in [VideoCodec::H264, VideoCodec::Hevc] {
        let (_, clear) = output(codec, None);
        for scheme in [Scheme::Cbcs, Scheme::Cenc] {
            opens_with_its_key_alone(codec, scheme, &clear);
        }
    }
}

fn opens_with_its_key_alone(codec: VideoCodec, scheme: Scheme, clear: &Files) {
    let protection = protection(scheme);
    let (plan, files) = output(codec, Some(protection));
    assert_eq!(plan.protected, Some(protection.public()));
    let written = serde_json::to_string(&plan).unwrap();
    assert!(!written.contains(&protection.key.key.to_string()));
    for track in &plan.tracks {
        let file = readable(track, &files);
        let expected = decoded(readable(track, clear).path(), None);
        assert!(expected.1 && expected.0.len() > 200);
        let opened = decoded(file.path(), Some(protection.key.key));
        assert!(opened == expected, "{scheme:?} {}", track.id);
        for wrong in [None, Some(Hex16::new([0x23; 16]))] {
            let (frames, _) = decoded(file.path(), wrong);
            assert!(frames != expected.0, "{scheme:?} {} opens", track.id);
        }
    }
}

#[test]
fn whole_segments_open_with_the_vector_of_their_place() {
    // Every codec can be encrypted this way.
    let (_, clear) = output(VideoCodec::Vp9, None);
    let protection = protection(Scheme::Aes128);
    let (plan, files) = output(VideoCodec::Vp9, Some(protection));
    for track in &plan.tracks {
        let name = segment_name(&track.id, 0);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &files[&name]).unwrap();
        let key = protection.key.key.to_string();
        let vector = vector(protection.key.id, &track.id, Some(0)).to_string();
        let options = ["-key", &key, "-iv", &vector, "-f", "data"];
        let input = format!("crypto:{}", file.path().display());
        let (opened, clean) = ffmpeg(&options, &input, &["-map", "0", "-c", "copy", "-f", "data"]);
        assert!(clean && opened == clear[&name], "{name}");
        assert!(files[&name] != clear[&name]);
    }
}
