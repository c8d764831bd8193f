//! What several tests share: the footage, its plan, and one undisturbed run to compare with.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

use streamgate_contract::job_files::{SegmentName, Termination};
use streamgate_contract::plan::Plan;
use streamgate_contract::renditions::standard;

use crate::pod::Pod;
use crate::worker::{State, Worker, small_grid};

/// The clip of the worked example.
pub fn source() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/footage/clip-720p25.mp4");
    assert!(path.exists(), "no footage; run tests/footage.sh first");
    fs::read(path).unwrap()
}

/// A Plan pod's run.
pub struct Planned {
    pub plan: Plan,
    pub objects: BTreeMap<String, Vec<u8>>,
    pub inits: BTreeMap<String, String>,
    pub served: u64,
    pub message: Option<Termination>,
}

/// The plan of the clip, made once.
pub fn planned() -> &'static Planned {
    static PLANNED: OnceLock<Planned> = OnceLock::new();
    PLANNED.get_or_init(|| apart(plan()))
}

/// Runs on a thread of its own, since tests call this from within their runtimes.
fn apart<T: Send>(work: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| {
        let run = || tokio::runtime::Runtime::new().unwrap().block_on(work);
        scope.spawn(run).join().unwrap()
    })
}

async fn plan() -> Planned {
    let worker = Worker::start(State::new(source(), small_grid(), standard())).await;
    let mut pod = Pod::new("plan", &worker.url());
    pod.start();
    assert_eq!(pod.end().await, 0, "{:?}", pod.message());
    let state = worker.state();
    state.check();
    assert!(state.committed.is_empty());
    Planned {
        plan: state.plan.clone().unwrap(),
        objects: state.objects.clone(),
        inits: state.inits.clone(),
        served: state.served,
        message: pod.message(),
    }
}

/// An undisturbed run of every span.
pub struct Whole {
    pub segments: BTreeMap<SegmentName, Vec<u8>>,
    pub first_commits: usize,
    pub served: u64,
}

/// Every span of the clip, encoded once.
pub fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| apart(encode()))
}

async fn encode() -> Whole {
    let plan = &planned().plan;
    let worker = Worker::start(State::planned(source(), plan.clone())).await;
    for index in 0..plan.spans.len() {
        let mut pod = Pod::new(&format!("encode-{index}"), &worker.url());
        pod.start();
        assert_eq!(pod.end().await, 0, "{:?}", pod.message());
    }
    let state = worker.state();
    state.check();
    let names = state.committed.keys();
    Whole {
        segments: names
            .map(|n| (n.clone(), state.segment(n).to_vec()))
            .collect(),
        first_commits: state.commits.iter().filter(|(_, first)| *first).count(),
        served: state.served,
    }
}

/// What is committed is byte for byte what the undisturbed run made.
pub fn assert_same_as_undisturbed(state: &State) {
    state.check();
    for name in state.committed.keys() {
        let same = state.segment(name) == whole().segments[name];
        assert!(same, "{} {} differs", name.track, name.number);
    }
}
