//! The log against kills, tampering and time.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use rand::Rng;
use serde_json::Map;

use super::verify::{Fault, PublishedHead, Report, verify};
use super::*;
use crate::ports::audit_log::{Actor, Outcome, Stage, now};

const KEY: [u8; 32] = [7; 32];

fn settings(segment_bytes: u64) -> Settings {
    Settings {
        key: KEY,
        segment_bytes,
        rotate_after: Duration::from_secs(3_600),
        retention: Duration::from_secs(3_600),
        max_bytes: 1 << 40,
    }
}

fn open(folder: &Path, settings: Settings) -> AuditFiles {
    AuditFiles::open(folder, settings, Figures::new(&Registry::new()).unwrap()).unwrap()
}

fn record(id: &str) -> Record {
    Record {
        id: id.to_owned(),
        time: now(),
        stage: Stage::ResponseStarted,
        kind: EventKind::Write,
        actor: Actor {
            wallet: Some(format!("hmac:{}", "0".repeat(32))),
            address: None,
        },
        action: "POST".into(),
        resource: "/api/v1/uploads".into(),
        result: Outcome {
            status: Some(201),
            reason: None,
        },
        details: Map::new(),
    }
}

async fn filled(folder: &Path, records: usize, segment_bytes: u64) {
    let log = open(folder, settings(segment_bytes));
    for n in 0..records {
        log.append(&record(&format!("r{n}"))).await.unwrap();
    }
}

fn ids(folder: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    verify(folder, Some(&KEY), None, |_, payload| {
        let record: Record = serde_json::from_slice(payload).unwrap();
        ids.push(record.id);
    })
    .unwrap();
    ids
}

#[tokio::test]
async fn records_come_back_in_order_over_segments_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 20, 1_000).await;
    filled(folder.path(), 20, 1_000).await;
    let wanted: Vec<_> = (0..20).chain(0..20).map(|n| format!("r{n}")).collect();
    assert_eq!(ids(folder.path()), wanted);
    let report = verify(folder.path(), Some(&KEY), None, |_, _| {}).unwrap();
    assert!(
        report.segments > 5 && report.seals >= report.segments - 1,
        "{report:?}"
    );
    assert!(matches!(
        verify(folder.path(), Some(&[0; 32]), None, |_, _| {}),
        Err(Fault::Seal { .. })
    ));
}

#[tokio::test]
async fn a_torn_tail_is_set_aside_and_the_log_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 5, 1 << 20).await;
    let path = segment::list(folder.path()).unwrap().pop().unwrap().path;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - frame::HEAD - 32 - 10);
    std::fs::write(&path, &bytes).unwrap();
    filled(folder.path(), 1, 1 << 20).await;
    let ids = ids(folder.path());
    assert_eq!(
        (ids.len(), ids[3].as_str(), ids[5].as_str()),
        (6, "r3", "r0"),
        "{ids:?}"
    );
    let torn = std::fs::read_dir(folder.path()).unwrap();
    let torn = torn.filter(|f| {
        f.as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|e| e == "torn")
    });
    assert_eq!(torn.count(), 1);
}

#[tokio::test]
async fn retention_removes_the_oldest_and_the_rest_still_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let few = Settings {
        max_bytes: 3_000,
        ..settings(1_000)
    };
    let log = open(folder.path(), few);
    for n in 0..60 {
        log.append(&record(&format!("r{n}"))).await.unwrap();
    }
    drop(log);
    let report = verify(folder.path(), Some(&KEY), None, |_, _| {}).unwrap();
    assert!(report.first > 1 && report.segments < 8, "{report:?}");
    // Whoever removes one more is found.
    let files = segment::list(folder.path()).unwrap();
    std::fs::remove_file(&files[0].path).unwrap();
    assert!(matches!(
        verify(folder.path(), Some(&KEY), None, |_, _| {}),
        Err(Fault::Beginning { .. })
    ));
}

/// Cuts a segment into its frames.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(frame) = frame::read(&bytes[at..]) {
        found.push(bytes[at..at + frame.len()].to_vec());
        at += frame.len();
    }
    found
}

/// A sound log, each file of it in memory.
struct Sound {
    files: Vec<(PathBuf, Vec<u8>)>,
    head: PublishedHead,
    folder: tempfile::TempDir,
}

impl Sound {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 24, 1_200).await;
        let files = segment::list(folder.path()).unwrap().into_iter();
        let files = files.map(|f| (f.path.clone(), std::fs::read(&f.path).unwrap()));
        let files: Vec<_> = files.collect();
        assert!(files.len() >= 4);
        let Report { head, .. } = verify(folder.path(), Some(&KEY), None, |_, _| {}).unwrap();
        let head = PublishedHead {
            sequence: head.sequence,
            prefix: head.hash[..6].to_vec(),
        };
        Self {
            files,
            head,
            folder,
        }
    }

    /// Is it seen when this file holds that instead?
    fn seen(&self, file: usize, bytes: &[u8]) -> bool {
        let (path, sound) = &self.files[file];
        std::fs::write(path, bytes).unwrap();
        let found = verify(self.folder.path(), Some(&KEY), Some(&self.head), |_, _| {}).is_err();
        std::fs::write(path, sound).unwrap();
        found
    }

    /// Is it seen when this file is gone?
    fn missed(&self, file: usize) -> bool {
        let (path, sound) = &self.files[file];
        std::fs::remove_file(path).unwrap();
        let found = verify(self.folder.path(), Some(&KEY), Some(&self.head), |_, _| {}).is_err();
        std::fs::write(path, sound).unwrap();
        found
    }
}

#[tokio::test]
async fn every_flip_removal_reorder_and_cut_is_found() {
    let log = Sound::new().await;
    let (mut flips, mut cuts, mut moves) = (0, 0, 0);
    let last = log.files.len() - 1;
    for (n, (_, bytes)) in log.files.iter().enumerate() {
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(log.seen(n, &flipped), "flip at {at} of segment {n}");
            flips += 1;
        }
        let frames = frames(bytes);
        let seal = bytes.len() - frames.last().unwrap().len();
        for length in 0..bytes.len() {
            // The last segment without its seal is a log in use: no record is missing.
            if !(n == last && length == seal) {
                assert!(
                    log.seen(n, &bytes[..length]),
                    "cut to {length} of segment {n}"
                );
                cuts += 1;
            }
        }
        for one in 0..frames.len() {
            let without: Vec<u8> = frames
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != one)
                .flat_map(|(_, f)| f.clone())
                .collect();
            if !(n == last && one + 1 == frames.len()) {
                assert!(
                    log.seen(n, &without),
                    "frame {one} removed from segment {n}"
                );
                moves += 1;
            }
            let twice: Vec<u8> = frames
                .iter()
                .enumerate()
                .flat_map(|(i, f)| {
                    if i == one {
                        [f.clone(), f.clone()].concat()
                    } else {
                        f.clone()
                    }
                })
                .collect();
            assert!(log.seen(n, &twice), "frame {one} twice in segment {n}");
            for other in one + 1..frames.len() {
                let mut swapped = frames.clone();
                swapped.swap(one, other);
                assert!(
                    log.seen(n, &swapped.concat()),
                    "frames {one} and {other} swapped"
                );
                moves += 2;
            }
        }
        for other in 0..log.files.len() {
            assert!(
                n == other || log.seen(n, &log.files[other].1),
                "segment {other} in the place of {n}"
            );
        }
    }
    println!("found: {flips} flips, {cuts} cuts, {moves} removals and reorders");
}

#[tokio::test]
async fn a_segment_that_was_removed_is_missed() {
    let log = Sound::new().await;
    for n in 0..log.files.len() {
        assert!(log.missed(n), "segment {n}");
    }
}

#[tokio::test]
async fn a_chain_made_anew_without_the_key_is_found() {
    let log = Sound::new().await;
    // Somebody who may write the folder, but has no key, changes a record and all hashes after it.
    let mut head = segment::Head::default();
    for (path, bytes) in &log.files {
        let mut out = Vec::new();
        for bytes in frames(bytes) {
            let frame = frame::read(&bytes).unwrap();
            let payload = String::from_utf8_lossy(frame.payload).replace("\"r3\"", "\"rX\"");
            match frame.kind {
                frame::Kind::Record => {
                    let hash = frame::chain(&head.hash, frame.sequence, payload.as_bytes());
                    head = segment::Head {
                        sequence: frame.sequence,
                        hash,
                    };
                    frame::Frame {
                        hash,
                        payload: payload.as_bytes(),
                        ..frame
                    }
                    .write(&mut out);
                }
                _ => frame::Frame {
                    hash: head.hash,
                    ..frame
                }
                .write(&mut out),
            }
        }
        std::fs::write(path, out).unwrap();
    }
    let folder = log.folder.path();
    assert!(
        verify(folder, None, None, |_, _| {}).is_ok(),
        "without key and head it looks sound"
    );
    assert!(matches!(
        verify(folder, Some(&KEY), None, |_, _| {}),
        Err(Fault::Seal { .. })
    ));
    assert!(matches!(
        verify(folder, None, Some(&log.head), |_, _| {}),
        Err(Fault::Head { .. })
    ));
}

/// `RECORDS=200000` in the claim.
#[test]
fn records_are_committed_in_groups() {
    let asked = std::env::var("RECORDS").ok();
    let total: usize = asked.as_ref().map_or(4_000, |n| n.parse().unwrap());
    const CALLERS: usize = 512;
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(open(folder.path(), settings(64 << 20)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let begin = Instant::now();
    let mut waits: Vec<u64> = runtime.block_on(async {
        let callers = (0..CALLERS).map(|caller| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut waits = Vec::new();
                for n in 0..total / CALLERS {
                    let begin = Instant::now();
                    log.append(&record(&format!("{caller}-{n}"))).await.unwrap();
                    waits.push(begin.elapsed().as_micros() as u64);
                }
                waits
            })
        });
        let mut waits = Vec::new();
        for caller in callers.collect::<Vec<_>>() {
            waits.extend(caller.await.unwrap());
        }
        waits
    });
    let rate = waits.len() as f64 / begin.elapsed().as_secs_f64();
    waits.sort_unstable();
    println!(
        "{} records: {rate:.0} per second, ack p50 {} us, p99 {} us, {} commits",
        waits.len(),
        waits[waits.len() / 2],
        waits[waits.len() * 99 / 100],
        log.figures.seconds.get_sample_count()
    );
    assert!(log.figures.seconds.get_sample_count() < waits.len() as u64 / 4);
    if asked.is_some() {
        assert!(rate >= 20_000.0, "{rate}");
    }
}

/// Not a test of its own: what `kills` runs in another process, to be killed.
#[test]
fn child_writes_until_it_is_killed() {
    let Ok(folder) = std::env::var("AUDIT_CHILD") else {
        return;
    };
    let log = Arc::new(open(Path::new(&folder), settings(256 << 10)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let out = Arc::new(std::sync::Mutex::new(std::io::stdout()));
    runtime.block_on(async {
        for _ in 0..32 {
            let (log, out) = (log.clone(), out.clone());
            tokio::spawn(async move {
                loop {
                    let id = hex::encode(rand::random::<[u8; 8]>());
                    log.append(&record(&id)).await.unwrap();
                    writeln!(out.lock().unwrap(), "acked {id}").unwrap();
                }
            });
        }
        std::future::pending::<()>().await;
    });
}

/// `KILLS=1000` in the claim.
#[test]
fn nothing_acknowledged_is_lost_by_kills() {
    if std::env::var("AUDIT_CHILD").is_ok() {
        return;
    }
    let kills: usize = std::env::var("KILLS").map_or(5, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut acked = HashSet::new();
    let (mut checked, mut lost) = (0, 0);
    for kill in 1..=kills {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([
            "child_writes_until_it_is_killed",
            "--nocapture",
            "--test-threads=1",
        ]);
        let mut child = child
            .env("AUDIT_CHILD", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let until = rand::rng().random_range(1..400);
        let mut read = lines
            .map_while(Result::ok)
            .filter(|line| line.starts_with("acked "));
        acked.extend(read.by_ref().take(until));
        child.kill().unwrap();
        // What was acknowledged while the kill was on its way counts as well.
        acked.extend(read.filter(|line| line.len() == "acked ".len() + 16));
        child.wait().unwrap();
        if kill % 20 == 0 || kill == kills {
            // Take it up once in order, so that a torn tail is dealt with.
            drop(open(folder.path(), settings(256 << 10)));
            let found: HashSet<String> = ids(folder.path()).into_iter().collect();
            lost += acked
                .iter()
                .filter(|line| !found.contains(&line[6..]))
                .count();
            checked += acked.len();
            acked.clear();
            std::fs::remove_dir_all(folder.path()).unwrap();
        }
    }
    println!("{kills} kills: {checked} acknowledged records, {lost} lost");
    assert!(
        checked > kills && lost == 0,
        "{checked} acknowledged, {lost} lost"
    );
}
