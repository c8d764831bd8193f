//! A job pod without Kubernetes: the real binary on a real folder, with this test as the courier
//! that lays down the order and exactly the bytes of the byte map, and commits when all is done.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use streamgate_contract::job_files::{
    COMMITTED, EVENTS, Event, ORDER, OUT, Order, PLAN, SOURCE, SegmentName, Termination,
};
use streamgate_contract::plan::{ByteRange, Plan, PlanRequest, SourceLimits, SpanPlan};
use streamgate_contract::renditions::{AudioSettings, GridSettings, standard};

/// Files of the out folder by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// How a run ended.
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// Termination message.
    pub message: Option<Termination>,
    /// Results.
    pub files: Files,
    /// Events in order.
    pub events: Vec<Event>,
}

impl Ended {
    /// Reason of a failure.
    pub fn reason(&self) -> &str {
        match &self.message {
            Some(Termination::Failed(failure)) => &failure.reason,
            other => panic!("no failure but {other:?}"),
        }
    }

    /// The plan.
    pub fn plan(&self) -> Plan {
        serde_json::from_slice(&self.files[PLAN]).unwrap()
    }
}

/// A clip of `target/footage`.
pub fn footage(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/footage")
        .join(name);
    assert!(
        path.exists(),
        "{name} is missing; run tests/footage.sh first"
    );
    path
}

/// The order to plan with this grid.
pub fn plan_order(grid: GridSettings) -> Order {
    Order::Plan {
        request: PlanRequest {
            grid,
            renditions: standard(),
            ladder: Default::default(),
            audio: AudioSettings::default(),
            subtitles: Vec::new(),
            limits: SourceLimits::default(),
        },
        committed: Vec::new(),
        arriving: None,
    }
}

/// The grid of the worked example.
pub fn small_grid() -> GridSettings {
    GridSettings {
        segments_per_chunk: 1,
        chunks_per_span: 2,
        ..GridSettings::default()
    }
}

/// The order for a span.
pub fn encode_order(plan: &Plan, span: &SpanPlan, committed: Vec<SegmentName>) -> Order {
    Order::Encode {
        plan: Box::new(plan.clone()),
        work: span.work,
        bytes: span.bytes.clone(),
        committed,
    }
}

/// Starts the binary in `work`.
pub fn start(work: &Path) -> Child {
    command(work).spawn().unwrap()
}

/// The binary in `work`, not yet started.
pub fn command(work: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamgate-transcoder"));
    command
        .arg("--work")
        .arg(work)
        .arg("--termination")
        .arg(work.join("termination"))
        .stderr(Stdio::null());
    command
}

/// Runs an order to its end as a courier would.
pub fn run(order: &Order, source: &Path) -> Ended {
    run_with(order, source, [])
}

/// The same with variables of the environment.
pub fn run_with(
    order: &Order,
    source: &Path,
    environment: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Ended {
    let work = tempfile::tempdir().unwrap();
    in_folder(work.path(), order, source, environment)
}

/// The same in a folder where something lies already.
pub fn run_in(work: &Path, order: &Order, source: &Path) -> Ended {
    in_folder(work, order, source, [])
}

fn in_folder(
    work: &Path,
    order: &Order,
    source: &Path,
    environment: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Ended {
    lay_down(work, order, source);
    let mut child = command(work).envs(environment).spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(
            began.elapsed() < Duration::from_secs(180),
            "the engine hangs"
        );
        if events(work).contains(&Event::Done) {
            fs::write(work.join(COMMITTED), "").unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let message = fs::read_to_string(work.join("termination")).unwrap_or_default();
    Ended {
        // A signal is no code.
        code: status.code().unwrap_or(-1),
        message: Termination::from_message(&message),
        files: files(&work.join(OUT)),
        events: events(work),
    }
}

/// Puts the source and then the order into the folder.
pub fn lay_down(work: &Path, order: &Order, source: &Path) {
    let bytes = fs::read(source).unwrap();
    let whole = [ByteRange {
        start: 0,
        end: bytes.len() as u64,
    }];
    let ranges = match order {
        Order::Plan { .. } => &whole[..],
        Order::Encode { bytes, .. } => bytes,
    };
    let sparse = fs::File::create(work.join(SOURCE)).unwrap();
    sparse.set_len(bytes.len() as u64).unwrap();
    for range in ranges {
        let part = &bytes[range.start as usize..range.end as usize];
        sparse.write_all_at(part, range.start).unwrap();
    }
    let part = work.join("order.part");
    fs::write(&part, serde_json::to_vec(order).unwrap()).unwrap();
    fs::rename(part, work.join(ORDER)).unwrap();
}

/// Whole lines only: the last may be in the making.
pub fn events(work: &Path) -> Vec<Event> {
    let text = fs::read_to_string(work.join(EVENTS)).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Finished files of the out folder.
pub fn files(out: &Path) -> Files {
    let Ok(entries) = fs::read_dir(out) else {
        return Files::new();
    };
    let file = |e: fs::DirEntry| {
        let name = e.file_name().into_string().unwrap();
        (name, fs::read(e.path()).unwrap())
    };
    entries.map(|e| file(e.unwrap())).collect()
}

/// Plans and does every span; init and media segments of the whole output.
pub fn whole_output(source: &Path, grid: GridSettings) -> (Plan, Files) {
    whole_output_of(&plan_order(grid), source)
}

/// The same by an order.
pub fn whole_output_of(order: &Order, source: &Path) -> (Plan, Files) {
    let planned = run(order, source);
    assert_eq!(planned.code, 0, "{:?}", planned.message);
    let plan = planned.plan();
    let mut files = planned.files;
    if !plan.encodes_at_once() {
        for span in &plan.spans {
            let done = run(&encode_order(&plan, span, Vec::new()), source);
            assert_eq!(done.code, 0, "{:?} {:?}", span.work, done.message);
            files.extend(done.files);
        }
    }
    files.remove(PLAN);
    (plan, files)
}
