//! House rules as tests: who may depend on whom, who may touch what, and how large a file may be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use streamgate_tests::root;

/// Crates a manifest may name in `[dependencies]`, by folder. The arrows of the design:
/// operator → crds ← dataplane, the contract below both, the transcoder knows the contract alone.
const ARROWS: &[(&str, &[&str])] = &[
    ("crds/contract", &[]),
    ("crds", &["streamgate-contract"]),
    ("operator", &["streamgate-contract", "streamgate-crds"]),
    ("dataplane", &["streamgate-contract", "streamgate-crds"]),
    ("dataplane/transcoder", &["streamgate-contract"]),
];

/// Words that must not stand in the files of a room, with the reason.
const ROOMS: &[(&str, &[&str], &str)] = &[
    (
        "crds/contract/src",
        &["kube::", "k8s_openapi", "tokio", "std::fs", "std::net"],
        "the contract is plain values",
    ),
    (
        "crds/src",
        &["tokio", "std::net", "kube::Client", "kube::Api"],
        "the kinds do no I/O",
    ),
    (
        "dataplane/transcoder/src",
        &[
            "kube::",
            "hyper",
            "reqwest",
            "aws_sdk",
            "std::net",
            "TcpStream",
        ],
        "the engine knows no network",
    ),
    (
        "dataplane/transcoder/src/plan",
        &["ffmpeg", "std::fs", "SystemTime", "Instant::now"],
        "planning is pure",
    ),
    (
        "operator/src/transcode_job/step.rs",
        &["Client", "async ", "Timestamp::now", "rand::"],
        "step is pure",
    ),
    (
        "operator/src/transcode_job/step",
        &["Client", "async ", "Timestamp::now", "rand::"],
        "step is pure",
    ),
    (
        "operator/src/transcode_job/job.rs",
        &["Client", "async ", "Timestamp::now", "rand::"],
        "Jobs are built from values",
    ),
    (
        "operator/src/transcode_job/observe.rs",
        &["Api", "async fn observe", "Timestamp::now", ".apply"],
        "observing reads watched stores alone",
    ),
    (
        "operator/src/streamgate/desired",
        &["Client", "async ", "Timestamp::now", "rand::"],
        "desired is pure",
    ),
    (
        "operator/src/streamgate/keys/ring.rs",
        &["Client", "async ", "Timestamp::now", "rand::"],
        "what becomes of keys is pure",
    ),
    (
        "operator/src/streamgate/keys/secret.rs",
        &["Client", "async ", "Timestamp::now", "rand::"],
        "what becomes of keys is pure",
    ),
    (
        "operator/src/streamgate/validate.rs",
        &["Client", "async ", "Timestamp::now", "rand::"],
        "validate is pure",
    ),
    (
        "dataplane/src/services/streaming/playlist.rs",
        &["axum", "async ", "Timestamp::now"],
        "playlists are pure",
    ),
    (
        "dataplane/src/services/streaming/manifest.rs",
        &["axum", "async ", "Timestamp::now"],
        "manifests are pure",
    ),
    (
        "dataplane/src/ports",
        &["axum", "sqlx", "aws_sdk", "reqwest", "kube::"],
        "ports name no technology",
    ),
];

#[test]
fn dependencies_follow_the_arrows() {
    for (folder, allowed) in ARROWS {
        let Ok(text) = fs::read_to_string(root().join(folder).join("Cargo.toml")) else {
            continue;
        };
        let section = text.split("[dependencies]").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        for line in section.lines().filter(|l| l.starts_with("streamgate-")) {
            let name = line.split([' ', '=', '.']).next().unwrap_or_default();
            assert!(
                allowed.contains(&name),
                "{folder} must not depend on {name}"
            );
        }
    }
}

#[test]
fn rooms_are_kept() {
    for (room, words, why) in ROOMS {
        for file in rust_files(&root().join(room)) {
            let text = production(&fs::read_to_string(&file).unwrap());
            for word in *words {
                assert!(
                    !text.contains(word),
                    "{}: {word:?} does not belong here: {why}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn files_stay_readable() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let lines = production(&text).lines().count();
        assert!(
            lines <= 450,
            "{} has {lines} lines: which second idea moved in?",
            file.display()
        );
        assert!(
            text.starts_with("//!"),
            "{} does not say what it is",
            file.display()
        );
        assert!(
            file.file_name().is_none_or(|n| n != "mod.rs"),
            "{}: no mod.rs",
            file.display()
        );
    }
}

#[test]
fn the_inventory_is_that_of_the_code() {
    let checked = Command::new("python3")
        .args(["-m", "bench.inventory", "--check"])
        .current_dir(root().join("e2e"))
        .output()
        .expect("run python3, which claims are measured with");
    let wrong = String::from_utf8_lossy(&checked.stdout);
    let trouble = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{wrong}{trouble}");
}

#[test]
fn the_rules_see_the_code() {
    // A rule that reads no file cannot fail: the list of sources must not be empty.
    assert!(sources().len() > 30);
    assert!(!rust_files(&root().join("crds/src")).is_empty());
}

/// A file without its test module and without comments.
fn production(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn sources() -> Vec<PathBuf> {
    ["crds", "operator", "dataplane", "tests"]
        .iter()
        .flat_map(|f| rust_files(&root().join(f)))
        .collect()
}

fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    entries
        .flatten()
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                rust_files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}
