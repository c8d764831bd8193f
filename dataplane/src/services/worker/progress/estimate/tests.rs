//! Simulated runs: pods that encode, report every two seconds and commit segments as they end.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// A run of equal spans of pictures on `slots` pods, and a span of sound.
#[derive(Clone, Copy, Debug)]
struct Run {
    spans: usize,
    slots: usize,
    segments: u32,
    fps: f64,
    start_seconds: f64,
}

const STEP: f64 = 0.1;
const FRAMES_OF_SEGMENT: u64 = 100;

struct Pod {
    lane: usize,
    frames: f64,
    begins: f64,
    committed: u32,
    next_report: f64,
}

fn shape(run: &Run) -> Shape {
    let video = Lane {
        segments: run.segments,
        video_frames: u64::from(run.segments) * FRAMES_OF_SEGMENT,
        audio_frames: 0,
    };
    let sound = Lane {
        segments: 6,
        video_frames: 0,
        audio_frames: 6 * 188,
    };
    let mut lanes = vec![video; run.spans];
    lanes.push(sound);
    Shape {
        segments: lanes.iter().map(|lane| lane.segments).sum(),
        media_seconds: 24.0,
        frames_per_second: 50.0,
        lanes,
    }
}

/// What was told at every step, and when the run ended.
fn simulate(run: &Run) -> (Vec<(f64, Estimate)>, f64) {
    let shape = shape(run);
    let mut history = History::new(shape.clone());
    let mut waiting: Vec<usize> = (0..shape.lanes.len()).rev().collect();
    let mut pods: Vec<Pod> = Vec::new();
    let (mut told, mut now) = (Vec::new(), 0.0);
    while !history.is_complete() {
        while pods.len() < run.slots
            && let Some(lane) = waiting.pop()
        {
            let begins = now + run.start_seconds;
            pods.push(Pod {
                lane,
                frames: 0.0,
                begins,
                committed: 0,
                next_report: begins + 1.0,
            });
        }
        now += STEP;
        pods.retain_mut(|pod| advance(pod, run, &shape, &mut history, now));
        told.push((now, estimate(&history, Duration::from_secs_f64(now))));
    }
    (told, now)
}

/// True while the pod has work.
fn advance(pod: &mut Pod, run: &Run, shape: &Shape, history: &mut History, now: f64) -> bool {
    if now < pod.begins {
        return true;
    }
    let lane = shape.lanes[pod.lane];
    let sound = lane.video_frames == 0;
    let (all, fps) = if sound {
        (lane.audio_frames as f64, 5_000.0)
    } else {
        (lane.video_frames as f64, run.fps)
    };
    pod.frames = (pod.frames + fps * STEP).min(all);
    let at = Duration::from_secs_f64(now);
    if now >= pod.next_report {
        history.report(pod.lane as u32, pod.frames as u64, fps, at);
        pod.next_report = now + 2.0;
    }
    let done = (pod.frames / all * f64::from(lane.segments)) as u32;
    while pod.committed < done {
        pod.committed += 1;
        history.commit(pod.lane as u32, 1_000, at);
    }
    pod.committed < lane.segments
}

/// ETA at the share `at` of the run, over what was truly left.
fn ratio_at(run: &Run, at: f64) -> f64 {
    let (told, end) = simulate(run);
    let (now, estimate) = told.iter().find(|(now, _)| *now >= end * at).unwrap();
    let eta = estimate.eta.map_or(f64::NAN, |eta| eta.as_secs_f64());
    eta / (end - now)
}

fn run(spans: usize, slots: usize) -> Run {
    Run {
        spans,
        slots,
        segments: 20,
        fps: 80.0,
        start_seconds: 2.0,
    }
}

#[test]
fn half_way_the_eta_is_within_a_quarter_even_when_the_last_wave_is_small() {
    // 3 spans and sound at once; even waves; a last wave of one (a staircase end); one pod.
    for (spans, slots) in [(3, 4), (8, 4), (5, 4), (9, 4), (4, 1), (40, 7)] {
        let ratio = ratio_at(&run(spans, slots), 0.5);
        assert!(
            (0.75..=1.25).contains(&ratio),
            "{spans} on {slots}: {ratio}"
        );
    }
}

#[test]
fn sound_alone_says_nothing_about_pictures() {
    let mut history = History::new(shape(&run(3, 4)));
    let at = Duration::from_secs(1);
    history.report(3, 1_000, 9_000.0, at);
    let told = estimate(&history, at);
    assert_eq!((told.eta, told.speed), (None, None));
}

#[test]
fn sound_in_the_same_pod_does_not_hide_how_slow_pictures_are() {
    let lane = Lane {
        segments: 12,
        video_frames: 600,
        audio_frames: 1_125,
    };
    let shape = Shape {
        segments: 12,
        media_seconds: 24.0,
        frames_per_second: 25.0,
        lanes: vec![lane],
    };
    let mut history = History::new(shape);
    let at = Duration::from_secs;
    // Sound is done within two seconds; pictures go on at 30 frames per second.
    for (second, pictures, sound) in [(2, 60, 1_125), (4, 120, 1_125), (6, 180, 1_125)] {
        history.report(0, pictures + sound, 600.0, at(second));
    }
    let told = estimate(&history, at(6));
    assert_eq!(told.eta, Some(at(14)));
    assert_eq!(told.speed, Some(1.2));
}

#[test]
fn a_pod_that_began_anew_is_measured_anew() {
    let mut history = History::new(shape(&run(1, 1)));
    let at = Duration::from_secs;
    for (second, frames) in [(1, 100), (3, 300), (30, 0), (32, 20), (34, 40)] {
        history.report(0, frames, 10.0, at(second));
    }
    let told = estimate(&history, at(34));
    assert_eq!(told.eta, Some(at((2_000 - 40) / 10)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn percent_and_segments_never_go_back_and_end_at_all(
        spans in 1usize..12, slots in 1usize..6, segments in 1u32..30, fps in 20.0..400.0f64,
    ) {
        let run = Run { spans, slots, segments, fps, start_seconds: 1.0 };
        let (told, _) = simulate(&run);
        prop_assert!(told.is_sorted_by_key(|(_, e)| (e.percent, e.committed, e.bytes)));
        let last = told[told.len() - 1].1;
        prop_assert_eq!((last.percent, last.committed), (100, last.segments));
        prop_assert_eq!(last.eta, Some(Duration::ZERO));
        for (_, e) in &told {
            prop_assert_eq!(e.percent == 100, e.committed == e.segments);
        }
    }
}
