//! The same bytes from any number of workers, after kills at any moment, and without the machine's
//! vector units.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use streamgate_contract::ids::TrackId;
use streamgate_contract::job_files::{Event, OUT, Order, PLAN, SegmentName};
use streamgate_contract::plan::{Plan, SpanPlan};
use streamgate_contract::renditions::GridSettings;

use crate::pod::{
    Files, command, encode_order, events, files, footage, lay_down, plan_order, run, run_with,
    whole_output,
};
use crate::random::{Random, times};

/// Three spans of one chunk each, and sound.
fn grid() -> GridSettings {
    GridSettings {
        gop_milliseconds: 500,
        gops_per_segment: 2,
        segments_per_chunk: 1,
        chunks_per_span: 1,
    }
}

fn source() -> PathBuf {
    footage("small.mp4")
}

fn same(first: &Files, second: &Files, what: &str) {
    assert!(first.keys().eq(second.keys()), "{what}: other files");
    let differing: Vec<&String> = first
        .iter()
        .filter(|(name, bytes)| second[*name] != **bytes)
        .map(|(name, _)| name)
        .collect();
    assert!(differing.is_empty(), "{what}: {differing:?} differ");
}

/// All spans of `plan` by `workers` that take the next one each.
fn by_workers(plan: &Plan, workers: usize) -> Files {
    let spans = Mutex::new(plan.spans.clone());
    let made = Mutex::new(Files::new());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let span: Option<SpanPlan> = spans.lock().unwrap().pop();
                    let Some(span) = span else { break };
                    let done = run(&encode_order(plan, &span, Vec::new()), &source());
                    assert_eq!(done.code, 0, "{:?}", done.message);
                    made.lock().unwrap().extend(done.files);
                }
            });
        }
    });
    made.into_inner().unwrap()
}

#[test]
fn one_two_and_four_workers_make_the_same_bytes() {
    let plan = run(&plan_order(grid()), &source()).plan();
    assert_eq!(plan.spans.len(), 4);
    let one = by_workers(&plan, 1);
    assert_eq!(one.len(), 3 * plan.tracks.len());
    for workers in [2, 4] {
        same(
            &one,
            &by_workers(&plan, workers),
            &format!("{workers} workers"),
        );
    }
}

/// Segments among files of the out folder.
fn segments(files: &Files) -> Vec<SegmentName> {
    let segment = |name: &String| {
        let (track, number) = name.strip_suffix(".m4s")?.rsplit_once('-')?;
        let track: TrackId = track.parse().ok()?;
        let number = number.parse().ok()?;
        Some(SegmentName { track, number })
    };
    files.keys().filter_map(segment).collect()
}

/// Kills the engine `after` that long, unless it is done before; what it finished is kept.
fn killed(order: &Order, source: &Path, after: Duration) -> (Files, bool) {
    let work = tempfile::tempdir().unwrap();
    lay_down(work.path(), order, source);
    let mut child = command(work.path()).spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    let done = events(work.path()).contains(&Event::Done);
    (files(&work.path().join(OUT)), done)
}

#[test]
fn kills_at_random_moments_change_no_byte() {
    let mut random = Random::seeded("STREAMGATE_KILL_SEED");
    let at_once = GridSettings {
        chunks_per_span: 4,
        ..grid()
    };
    let (_, whole) = whole_output(&source(), at_once.clone());
    let (mut kills, mut made) = (0, Files::new());
    let wanted = times("STREAMGATE_KILLS", 3);
    while kills < wanted {
        let Order::Plan { request, .. } = plan_order(at_once.clone()) else {
            unreachable!()
        };
        let order = Order::Plan {
            request,
            committed: segments(&made),
            arriving: None,
        };
        let after = Duration::from_millis(random.below(700));
        let (mut files, done) = killed(&order, &source(), after);
        files.retain(|name, _| !name.starts_with('.') && name != PLAN);
        for (name, bytes) in &files {
            assert!(whole[name] == *bytes, "{name} differs after {kills} kills");
        }
        made.extend(files);
        match done {
            // Nothing was left to kill: begin anew.
            true => made.clear(),
            false => kills += 1,
        }
    }
    println!("{kills} kills");
}

#[test]
fn vector_units_do_not_decide_the_pictures() {
    let order = plan_order(GridSettings::default());
    let (source, scalar) = (source(), [("STREAMGATE_TEST_SCALAR", "1")]);
    let (mut vector, mut plain) = (run(&order, &source), run_with(&order, &source, scalar));
    assert_eq!((vector.code, plain.code), (0, 0), "{:?}", plain.message);
    // The AAC coder reckons in floating point and makes no such claim (docs/decisions/0006); that
    // it differs shows that the units are masked.
    assert!(vector.files["a-und-aac-0.m4s"] != plain.files["a-und-aac-0.m4s"]);
    for ended in [&mut vector, &mut plain] {
        ended.files.retain(|name, _| name.starts_with('v'));
    }
    assert_eq!(vector.files.len(), 2 * 2);
    same(&vector.files, &plain.files, "vector units");
}
