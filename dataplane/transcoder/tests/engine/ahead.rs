//! Sources that are still being uploaded: what can be is encoded as its bytes come, nothing leaves
//! before the last, and every byte is the same as of a source that was there from the beginning.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use streamgate_contract::encryption::{ContentKey, Hex16, Protection, Scheme};
use streamgate_contract::job_files::{
    COMMITTED, Event, OUT, Order, PLAN, PROTECTION, SOURCE, Termination,
};
use streamgate_contract::reasons::job;
use streamgate_contract::renditions::GridSettings;

use crate::pod::{Ended, command, events, files, footage, lay_down, plan_order, run, run_in};

/// An order to plan a source that will have this many bytes.
fn arriving(bytes: u64) -> Order {
    let mut order = plan_order(GridSettings::default());
    if let Order::Plan { arriving, .. } = &mut order {
        *arriving = Some(bytes);
    }
    order
}

/// A pod whose source comes piece by piece.
struct Upload {
    work: tempfile::TempDir,
    source: Vec<u8>,
    file: File,
    child: Child,
}

impl Upload {
    fn of(source: &Path, bytes: Option<u64>, protection: Option<&Protection>) -> Self {
        let work = tempfile::tempdir().unwrap();
        let nothing = work.path().join("nothing");
        File::create(&nothing).unwrap();
        let source = fs::read(source).unwrap();
        if let Some(protection) = protection {
            let text = serde_json::to_vec(protection).unwrap();
            fs::write(work.path().join(PROTECTION), text).unwrap();
        }
        let order = arriving(bytes.unwrap_or(source.len() as u64));
        lay_down(work.path(), &order, &nothing);
        fs::remove_file(nothing).unwrap();
        let file = File::options().append(true).open(work.path().join(SOURCE));
        Self {
            child: command(work.path()).spawn().unwrap(),
            file: file.unwrap(),
            work,
            source,
        }
    }

    /// Appends up to this share of the whole.
    fn come(&mut self, percent: usize) {
        let here = self.file.metadata().unwrap().len() as usize;
        let until = self.source.len() * percent / 100;
        self.file.write_all(&self.source[here..until]).unwrap();
    }

    /// Names in the out folder that look like this.
    fn names(&self, wanted: impl Fn(&str) -> bool) -> usize {
        let names = files(&self.work.path().join(OUT));
        names.keys().filter(|name| wanted(name)).count()
    }

    /// Segments that are made and kept.
    fn kept(&self) -> usize {
        self.names(|name| name.starts_with(".v") && name.ends_with(".m4s.part"))
    }

    fn until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !reached(self) {
            assert!(began.elapsed() < Duration::from_secs(120), "never {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(mut self) -> Ended {
        let work = self.work.path();
        let began = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            assert!(began.elapsed() < Duration::from_secs(120), "it hangs");
            if events(work).contains(&Event::Done) {
                fs::write(work.join(COMMITTED), "").unwrap();
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let message = fs::read_to_string(work.join("termination")).unwrap_or_default();
        Ended {
            code,
            message: Termination::from_message(&message),
            files: files(&work.join(OUT)),
            events: events(work),
        }
    }
}

fn assert_same(one: &Ended, other: &Ended) {
    assert_eq!((one.code, other.code), (0, 0), "{:?}", one.message);
    assert!(one.files.keys().eq(other.files.keys()));
    for (name, bytes) in &one.files {
        assert!(other.files[name] == *bytes, "{name} differs");
    }
    let segments = |ended: &Ended| {
        let told = ended.events.iter();
        let mut told: Vec<_> = told
            .filter(|e| matches!(e, Event::Segment { .. } | Event::Quality(_)))
            .map(|e| format!("{e:?}"))
            .collect();
        told.sort();
        told
    };
    assert_eq!(segments(one), segments(other));
}

#[test]
fn pictures_are_encoded_as_they_come_and_leave_when_all_are_here() {
    let source = footage("faststart.mp4");
    let mut upload = Upload::of(&source, None, None);
    upload.come(70);
    // Two segments of each of four rungs, of six that there will be.
    upload.until("worked ahead", |upload| upload.kept() >= 8);
    assert_eq!(upload.names(|name| !name.starts_with('.')), 0);
    assert!(events(upload.work.path()).is_empty());
    upload.come(100);
    let ahead = upload.end();
    assert_eq!(ahead.files.len(), 4 * 6 + 6 + 5 + 2 + 1);
    let progress = ahead.events.iter().rev().find_map(|event| match event {
        Event::Progress { frames, of, .. } => Some((*frames, *of)),
        _ => None,
    });
    // Four rungs, and the frames of sound.
    assert_eq!(
        progress.map(|(frames, of)| frames == of && of > 2_400),
        Some(true)
    );
    let serial = run(&plan_order(GridSettings::default()), &source);
    assert_same(&ahead, &serial);
}

#[test]
fn what_cannot_be_foreseen_waits_for_the_last_byte() {
    let fragmented = made("fragmented.mp4", &["-movflags", "frag_keyframe+empty_moov"]);
    // Index behind the media, none at all, in fragments.
    for source in [footage("small.mp4"), footage("subtitles.mkv"), fragmented] {
        let mut upload = Upload::of(&source, None, None);
        upload.come(50);
        std::thread::sleep(Duration::from_millis(300));
        upload.come(100);
        let serial = run(&plan_order(GridSettings::default()), &source);
        assert_same(&upload.end(), &serial);
    }
}

#[test]
fn an_encrypted_output_is_the_same_too() {
    let protection = Protection {
        scheme: Scheme::Cbcs,
        key: ContentKey {
            id: Hex16::new([7; 16]),
            key: Hex16::new([9; 16]),
        },
    };
    let source = footage("small-faststart.mp4");
    let mut upload = Upload::of(&source, None, Some(&protection));
    upload.come(60);
    std::thread::sleep(Duration::from_millis(300));
    upload.come(100);
    let work = tempfile::tempdir().unwrap();
    let text = serde_json::to_vec(&protection).unwrap();
    fs::write(work.path().join(PROTECTION), text).unwrap();
    let serial = run_in(work.path(), &plan_order(GridSettings::default()), &source);
    assert_same(&upload.end(), &serial);
}

#[test]
fn a_source_that_ends_early_is_refused_as_ever() {
    let mut upload = Upload::of(&footage("truncated.mp4"), None, None);
    upload.come(50);
    std::thread::sleep(Duration::from_millis(500));
    upload.come(100);
    let ended = upload.end();
    assert_eq!((ended.code, ended.reason()), (64, job::TRUNCATED));
    assert!(!ended.files.contains_key(PLAN));
    assert!(ended.files.keys().all(|name| name.starts_with('.')));
}

#[test]
fn what_is_no_video_is_refused_while_it_still_comes() {
    let source = footage("not-a-video.mp4");
    let mut upload = Upload::of(&source, Some(1 << 20), None);
    upload.source.resize(1 << 20, b' ');
    upload.come(100);
    let ended = upload.end();
    assert_eq!((ended.code, ended.reason()), (64, job::NOT_A_VIDEO));
}

/// `small.mp4` in another layout.
fn made(name: &str, arguments: &[&str]) -> PathBuf {
    let target = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(footage("small.mp4"))
        .args(["-c", "copy"])
        .args(arguments)
        .arg(&target)
        .status();
    assert!(done.unwrap().success());
    target
}
