//! A whole clip through Plan and every index of Encode.

use std::fs;
use std::process::Command;

use sha2::{Digest, Sha256};
use streamgate_contract::job_files::Termination;
use streamgate_contract::renditions::{GridSettings, standard};
use streamgate_contract::text::{SideFile, TextTraits};

use crate::fixture::{planned, source, whole};
use crate::pod::Pod;
use crate::worker::{State, Worker, small_grid};

#[test]
fn a_clip_is_committed_whole_and_once() {
    let (planned, whole) = (planned(), whole());
    assert_eq!(planned.inits.len(), 5);
    assert_eq!((whole.segments.len(), whole.first_commits), (30, 30));
    let Some(Termination::Plan(summary)) = &planned.message else {
        panic!("{:?}", planned.message);
    };
    assert_eq!((summary.spans, summary.segments), (4, 30));
}

#[test]
fn spans_fetch_little_more_than_the_source() {
    let bytes = source().len() as u64;
    assert_eq!(planned().served, bytes);
    let served = whole().served;
    println!(
        "spans fetched {:.3} of the source",
        served as f64 / bytes as f64
    );
    assert!(served * 10 <= bytes * 12, "{served} of {bytes}");
}

/// Sound has one packet more than the worked example counts: the encoder's priming.
#[test]
fn what_was_delivered_plays_in_full() {
    for (track, stream, frames) in [
        ("v720", "v:0", "600"),
        ("v240", "v:0", "600"),
        ("a-", "a:0", "1126"),
    ] {
        let track = planned()
            .inits
            .keys()
            .find(|t| t.starts_with(track))
            .unwrap();
        let mut bytes = planned().objects[&planned().inits[track]].clone();
        for (name, segment) in &whole().segments {
            if name.track.as_str() == track {
                bytes.extend_from_slice(segment);
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let probe = Command::new("ffprobe")
            .args(["-v", "error", "-count_packets", "-select_streams", stream])
            .args(["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"])
            .arg(file.path())
            .output()
            .unwrap();
        let counted = String::from_utf8(probe.stdout).unwrap();
        assert_eq!(counted.trim().trim_end_matches(','), frames, "{track}");
    }
}

#[tokio::test]
async fn a_source_of_one_span_is_done_by_the_plan_pod() {
    let lowest = standard().split_off(4);
    let state = State::new(source(), GridSettings::default(), lowest);
    let worker = Worker::start(state).await;
    let mut pod = Pod::new("plan", &worker.url());
    pod.start();
    assert_eq!(pod.end().await, 0, "{:?}", pod.message());
    let state = worker.state();
    state.check();
    assert_eq!((state.committed.len(), state.inits.len()), (12, 2));
    let reports: Vec<_> = state.progress.iter().map(|(at, _)| at).collect();
    let close = |pair: &[&std::time::Instant]| pair[1].duration_since(*pair[0]).as_millis() < 1_900;
    assert!(!reports.is_empty() && !reports.windows(2).any(close));
    let [usage] = state.usage[..] else {
        panic!("{:?}", state.usage);
    };
    assert_eq!(usage.fetched_bytes, source().len() as u64);
    assert!(
        usage.cpu_milliseconds > 0 && usage.pod_milliseconds > 0,
        "{usage:?}"
    );
    let [quality] = &state.quality[..] else {
        panic!("{:?}", state.quality);
    };
    assert_eq!(quality.track.as_str(), "v240");
    // One of each of the two chunks.
    assert_eq!(quality.nearness.pictures, 2);
}

#[tokio::test]
async fn a_source_in_a_claim_is_copied_and_planned() {
    let claim = tempfile::tempdir().unwrap();
    fs::create_dir(claim.path().join("films")).unwrap();
    fs::write(claim.path().join("films/clip.mp4"), source()).unwrap();
    let mut state = State::new(Vec::new(), small_grid(), standard());
    state.mounted = Some("films/clip.mp4".to_owned());
    let worker = Worker::start(state).await;
    let mut pod = Pod::new("plan", &worker.url());
    pod.args.mounted = Some(claim.path().to_owned());
    pod.start();
    assert_eq!(pod.end().await, 0, "{:?}", pod.message());
    assert_eq!(worker.state().plan.as_ref().unwrap(), &planned().plan);
}

#[tokio::test]
async fn what_is_there_already_is_not_encoded() {
    let lowest = standard().split_off(4);
    let several = State::new(source(), small_grid(), standard());
    let one = State::new(source(), GridSettings::default(), lowest);
    for mut state in [several, one] {
        state.has_it_all = true;
        let worker = Worker::start(state).await;
        let mut pod = Pod::new("plan", &worker.url());
        pod.start();
        assert_eq!(pod.end().await, 0, "{:?}", pod.message());
        let Some(Termination::Plan(summary)) = pod.message() else {
            panic!("{:?}", pod.message());
        };
        assert_eq!(summary.spans, 0, "Encode has nothing to do");
        let state = worker.state();
        let said = state.source_sha256.clone();
        assert_eq!(said.unwrap(), hex::encode(Sha256::digest(source())));
        assert!(state.objects.keys().all(|key| !key.ends_with(".m4s")));
    }
}

/// A job with these subtitles beside its source, which is in a claim.
async fn with_subtitles(bytes: &[u8]) -> (Worker, Pod, tempfile::TempDir) {
    let claim = tempfile::tempdir().unwrap();
    fs::write(claim.path().join("clip.mp4"), source()).unwrap();
    fs::write(claim.path().join("clip.srt"), bytes).unwrap();
    let mut state = State::new(Vec::new(), small_grid(), standard().split_off(4));
    state.mounted = Some("clip.mp4".to_owned());
    state.subtitles = vec!["clip.srt".to_owned()];
    state.request.subtitles = vec![SideFile {
        language: "en".into(),
        label: None,
        traits: TextTraits::default(),
    }];
    let worker = Worker::start(state).await;
    let mut pod = Pod::new("plan", &worker.url());
    pod.args.mounted = Some(claim.path().to_owned());
    (worker, pod, claim)
}

#[tokio::test]
async fn subtitles_in_the_claim_become_a_track_that_plan_delivers() {
    let words = b"1\n00:00:01,000 --> 00:00:02,000\nwords\n";
    let (worker, mut pod, _claim) = with_subtitles(words).await;
    pod.start();
    assert_eq!(pod.end().await, 0, "{:?}", pod.message());
    let state = worker.state();
    let [text] = &state.plan.as_ref().unwrap().text[..] else {
        panic!("{:?}", state.plan);
    };
    let key = format!("out/s-en/text-{}", &text.sha256[..16]);
    let object = &state.objects[&key];
    assert_eq!(object.len() as u64, text.bytes);
    assert!(String::from_utf8_lossy(object).contains("00:00:01.000 --> 00:00:02.000\nwords\n"));
}

#[tokio::test]
async fn a_file_too_large_to_be_subtitles_ends_the_job_with_its_reason() {
    let (_worker, mut pod, _claim) = with_subtitles(&[b'a'; (4 << 20) + 1]).await;
    pod.start_courier();
    let given = pod.given_up().await;
    let reason = given.failed.reason.as_str();
    assert_eq!((given.exit_code, reason), (64, "SubtitlesRefused"));
}
