//! Output of the real engine: every step of a plan in a sandboxed process of its own, with this
//! test as the courier that hands it the source and takes everything over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use streamgate_contract::encryption::Protection;
use streamgate_contract::job_files::{
    COMMITTED, EVENTS, ORDER, OUT, Order, PLAN, PROTECTION, SOURCE, side_name,
};
use streamgate_contract::plan::{Plan, PlanRequest, SourceLimits};
use streamgate_contract::renditions::{AudioSettings, GridSettings, Rendition, standard};
use streamgate_contract::text::{SideFile, TextTraits};

/// Files of an output by the engine's names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Longest run of one step.
const LIMIT: Duration = Duration::from_secs(180);

fn target(path: &str, hint: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target")
        .join(path);
    assert!(path.exists(), "{} is missing; {hint}", path.display());
    path
}

/// Four rungs of the clip of 600 frames in three video spans, so that there are seams; encrypted, if
/// so wanted.
pub fn output(protection: Option<Protection>) -> (Plan, Files) {
    let renditions: Vec<Rendition> = standard().into_iter().filter(|r| r.height <= 720).collect();
    let grid = GridSettings {
        segments_per_chunk: 1,
        chunks_per_span: 2,
        ..GridSettings::default()
    };
    let order = Order::Plan {
        request: PlanRequest {
            grid,
            renditions,
            ladder: Default::default(),
            audio: AudioSettings::default(),
            subtitles: SUBTITLES.iter().map(side_file).collect(),
            limits: SourceLimits::default(),
        },
        committed: Vec::new(),
        arriving: None,
    };
    let mut files = run(&order, protection);
    let plan: Plan = serde_json::from_slice(&files.remove(PLAN).unwrap()).unwrap();
    for span in &plan.spans {
        let order = Order::Encode {
            plan: Box::new(plan.clone()),
            work: span.work,
            bytes: span.bytes.clone(),
            committed: Vec::new(),
        };
        files.extend(run(&order, protection));
    }
    (plan, files)
}

/// Language and file of the subtitles beside the clip. A cue crosses two seams of segments.
const SUBTITLES: [(&str, &str); 2] = [
    (
        "en",
        "1\n00:00:01,000 --> 00:00:02,500\nHello & welcome\n\n2\n00:00:03,000 --> 00:00:09,500\n<i>A long</i> cue\n\n3\n00:00:20,000 --> 00:00:23,000\nThe end\n",
    ),
    (
        "de",
        "WEBVTT\n\n00:01.000 --> 00:02.500 line:10%\nHallo\n\n00:12.000 --> 00:13.000\nMitte\n",
    ),
];

fn side_file((language, _): &(&str, &str)) -> SideFile {
    SideFile {
        language: (*language).into(),
        label: None,
        traits: TextTraits::default(),
    }
}

fn run(order: &Order, protection: Option<Protection>) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    let clip = target("footage/clip-720p25.mp4", "run tests/footage.sh");
    fs::copy(clip, work.join(SOURCE)).unwrap();
    for (number, (_, text)) in SUBTITLES.iter().enumerate() {
        fs::write(work.join(side_name(number)), text).unwrap();
    }
    if let Some(protection) = protection {
        let text = serde_json::to_vec(&protection).unwrap();
        fs::write(work.join(PROTECTION), text).unwrap();
    }
    fs::write(work.join("part"), serde_json::to_vec(order).unwrap()).unwrap();
    fs::rename(work.join("part"), work.join(ORDER)).unwrap();
    let hint = "run cargo build --release -p streamgate-transcoder";
    let mut child = Command::new(target("release/streamgate-transcoder", hint))
        .args([
            "--work".as_ref(),
            work,
            "--termination".as_ref(),
            &work.join("termination"),
        ])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let events = fs::read_to_string(work.join(EVENTS)).unwrap_or_default();
        if events.contains("\"done\"") {
            fs::write(work.join(COMMITTED), "").unwrap();
        }
        if began.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the engine hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let message = fs::read_to_string(work.join("termination")).unwrap_or_default();
    assert!(status.success(), "{message}");
    let entries = fs::read_dir(work.join(OUT)).unwrap().map(|e| e.unwrap());
    let file = |e: fs::DirEntry| {
        (
            e.file_name().into_string().unwrap(),
            fs::read(e.path()).unwrap(),
        )
    };
    entries.map(file).collect()
}
