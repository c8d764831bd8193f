//! Bad input, each with its own word and an exit code that says whether trying again helps.

use std::process::Command;

use streamgate_contract::job_files::{Event, Failure, GIVE_UP, GiveUp, Order};
use streamgate_contract::plan::ByteRange;

use crate::pod::{encode_order, footage, lay_down, plan_order, run, small_grid, start};

#[test]
fn each_bad_source_has_its_reason() {
    let table = [
        ("empty.mp4", "SourceEmpty"),
        ("not-a-video.mp4", "NotAVideo"),
        ("subtitles-only.mkv", "NoMediaStream"),
        ("truncated.mp4", "SourceTruncated"),
        ("truncated-no-index.mp4", "SourceTruncated"),
        ("huffyuv.mkv", "UnsupportedCodec"),
    ];
    for (name, reason) in table {
        let ended = run(&plan_order(small_grid()), &footage(name));
        assert_eq!((ended.code, ended.reason()), (64, reason), "{name}");
        assert!(ended.events.iter().any(|e| matches!(e, Event::Failed(_))));
    }
}

#[test]
fn a_source_beyond_a_limit_is_refused() {
    let Order::Plan { mut request, .. } = plan_order(small_grid()) else {
        unreachable!()
    };
    request.limits.max_duration_seconds = 10;
    let order = Order::Plan {
        request,
        committed: Vec::new(),
        arriving: None,
    };
    let ended = run(&order, &footage("clip-720p25.mp4"));
    assert_eq!((ended.code, ended.reason()), (64, "SourceLimitExceeded"));
}

#[test]
fn a_hole_and_another_engines_plan_are_told_apart() {
    let source = footage("clip-720p25.mp4");
    let plan = run(&plan_order(small_grid()), &source).plan();
    let mut holed = plan.spans[1].clone();
    let last = holed
        .bytes
        .iter_mut()
        .max_by_key(|b| b.end - b.start)
        .unwrap();
    *last = ByteRange {
        start: last.start,
        end: last.end - 200_000,
    };
    let ended = run(&encode_order(&plan, &holed, Vec::new()), &source);
    assert_eq!((ended.code, ended.reason()), (70, "SourceHole"));
    let mut foreign = plan.clone();
    foreign.engine = "another".to_owned();
    let ended = run(&encode_order(&foreign, &plan.spans[0], Vec::new()), &source);
    assert_eq!((ended.code, ended.reason()), (65, "SettingsRefused"));
    let mut other = plan.clone();
    other.tracks[0].init_sha256 = "00".repeat(32);
    let ended = run(&encode_order(&other, &plan.spans[0], Vec::new()), &source);
    assert_eq!((ended.code, ended.reason()), (70, "InitMismatch"));
}

#[test]
fn a_courier_that_gives_up_ends_the_engine_with_its_code() {
    let work = tempfile::tempdir().unwrap();
    let mut child = start(work.path());
    let give_up = GiveUp {
        exit_code: 75,
        failed: Failure {
            reason: "GateOutOfReach".into(),
            detail: "no answer".into(),
            chunk: None,
        },
    };
    let text = serde_json::to_vec(&give_up).unwrap();
    std::fs::write(work.path().join(GIVE_UP), text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let message = std::fs::read_to_string(work.path().join("termination")).unwrap();
    assert!(message.contains("GateOutOfReach"), "{message}");
}

#[test]
fn sigterm_ends_the_engine_in_mid_work() {
    let work = tempfile::tempdir().unwrap();
    let order = plan_order(Default::default());
    lay_down(work.path(), &order, &footage("clip-720p25.mp4"));
    let mut child = start(work.path());
    std::thread::sleep(std::time::Duration::from_millis(800));
    let killed = Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
}
