//! Mutated media: every run ends in time, by no signal, with a typed reason or with output, and
//! within its memory. The recipe is here and the seed is fixed, so a run can be repeated.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use streamgate_contract::job_files::{COMMITTED, Event, Termination};

use crate::pod::{command, events, footage, lay_down, plan_order};
use crate::random::{Random, times};

const SEED: u64 = 0x5712_ea36_a7e0;
/// What is mutated: every container and most codecs that are opened.
const SOURCES: &[&str] = &[
    "small.mp4",
    "two-languages.mkv",
    "surround.ts",
    "odd-size.webm",
    "hevc-10bit.mp4",
    "prores.mov",
];
/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Four fifths of a job pod's default limit of 2 GiB, in KiB.
const MEMORY: i64 = (2 << 20) / 5 * 4;

/// One to eight changes, half of them near the head, where the structure is.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(8) {
        let length = bytes.len() as u64;
        let reach = if random.below(2) == 0 {
            length.min(4_096)
        } else {
            length
        };
        let at = random.below(reach) as usize;
        let end = (at + 1 + random.below(64) as usize).min(bytes.len());
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at..end].fill(0xff),
            2 => bytes[at..end].fill(0),
            3 => bytes[at..end]
                .iter_mut()
                .for_each(|b| *b = random.below(256) as u8),
            4 => bytes.truncate(length as usize / 4 + random.below(length * 3 / 4) as usize),
            5 => drop(bytes.drain(at..end)),
            _ => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

/// How a run ended: reason, or `done`; peak memory in KiB. It is waited for by [`ended`], which
/// the lint cannot see.
#[allow(clippy::zombie_processes)]
fn outcome(source: &Path) -> (String, i64) {
    let work = tempfile::tempdir().unwrap();
    lay_down(work.path(), &plan_order(Default::default()), source);
    let child = command(work.path()).spawn().unwrap();
    let (pid, began) = (child.id() as i32, Instant::now());
    let (status, peak) = loop {
        if let Some(ended) = ended(pid) {
            break ended;
        }
        if began.elapsed() > PATIENCE {
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        if events(work.path()).contains(&Event::Done) {
            std::fs::write(work.path().join(COMMITTED), "").unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    if began.elapsed() > PATIENCE {
        return ("hung".into(), peak);
    }
    let message = std::fs::read_to_string(work.path().join("termination")).unwrap_or_default();
    let word = match (status.code(), Termination::from_message(&message)) {
        (Some(0), _) => "done".to_owned(),
        (Some(_), Some(Termination::Failed(failure))) => failure.reason,
        (Some(code), _) => format!("code {code} without a reason"),
        (None, _) => format!("signal {:?}", status.signal()),
    };
    (word, peak)
}

/// Status and peak memory of an ended child.
fn ended(pid: i32) -> Option<(std::process::ExitStatus, i64)> {
    let mut status = 0;
    // SAFETY: both places are ours and valid for the call; the child is ours and not yet reaped.
    let (found, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (
            libc::wait4(pid, &mut status, libc::WNOHANG, &mut usage),
            usage,
        )
    };
    (found == pid).then(|| (std::process::ExitStatus::from_raw(status), usage.ru_maxrss))
}

#[test]
fn mutated_media_end_in_a_reason() {
    let count = times("STREAMGATE_MUTATIONS", 36);
    // Where the inputs are kept for jobs on a cluster, when somebody wants them.
    let kept = std::env::var_os("STREAMGATE_MUTATIONS_KEEP").map(PathBuf::from);
    let originals: Vec<Vec<u8>> = SOURCES
        .iter()
        .map(|name| std::fs::read(footage(name)).unwrap())
        .collect();
    let (mut outcomes, mut highest) = (BTreeMap::<String, u64>::new(), 0);
    let mut bad = Vec::new();
    for number in 0..count {
        let mut random = Random::of(SEED + number);
        let mut bytes = originals[number as usize % originals.len()].clone();
        mutate(&mut bytes, &mut random);
        let source = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(source.path(), &bytes).unwrap();
        if let Some(folder) = &kept {
            std::fs::copy(source.path(), folder.join(format!("{number:03}.media"))).unwrap();
        }
        let (word, peak) = outcome(source.path());
        let typed =
            word.chars().all(char::is_alphabetic) && word != "InternalError" && word != "hung";
        if !typed || peak > MEMORY {
            bad.push(format!("{number}: {word}, {peak} KiB"));
        }
        highest = highest.max(peak);
        *outcomes.entry(word).or_default() += 1;
    }
    println!("{count} inputs, peak {} MiB, {outcomes:?}", highest >> 10);
    assert!(bad.is_empty(), "{bad:#?}");
}
