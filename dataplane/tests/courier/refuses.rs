//! A transcoder that was taken over: whatever it plants in the shared folder, nothing outside of
//! it is read, nothing but its own finished files is delivered, and the step ends as FileRefused.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use streamgate_contract::exit;
use streamgate_contract::job_files::{EVENTS, ORDER, OUT};
use streamgate_contract::reasons::job;

use crate::fixture::{planned, source};
use crate::pod::{Pod, TOKEN};
use crate::worker::{State, Worker};

/// A name the first span expects.
const SEGMENT: &str = "v240-0.m4s";
const SECRET: &[u8] = b"canary: not of this folder";

/// A courier in the middle of the first span, and a folder beside its own with a secret in it.
struct Scene {
    worker: Worker,
    pod: Pod,
    outside: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let worker = Worker::start(State::planned(source(), planned().plan.clone())).await;
        let pod = Pod::new("encode-0", &worker.url());
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), SECRET).unwrap();
        fs::create_dir(pod.work().join(OUT)).unwrap();
        Self {
            worker,
            pod,
            outside,
        }
    }

    fn secret(&self) -> PathBuf {
        self.outside.path().join("secret")
    }

    fn planted(&self, name: &str) -> PathBuf {
        self.pod.work().join(OUT).join(name)
    }

    /// Runs the courier until it gives up for the planted file, having delivered nothing.
    async fn refused(mut self) {
        self.pod.start_courier();
        let given = self.pod.given_up().await;
        assert_eq!(
            given.failed.reason,
            job::FILE_REFUSED,
            "{}",
            given.failed.detail
        );
        assert_eq!(given.exit_code, exit::INTERNAL);
        let state = self.worker.state();
        assert!(state.objects.is_empty() && state.commits.is_empty());
        assert_eq!(fs::read(self.secret()).unwrap(), SECRET);
    }
}

#[tokio::test]
async fn courier_refuses_a_symlink_and_reads_nothing_behind_it() {
    let scene = Scene::new().await;
    symlink(scene.secret(), scene.planted(SEGMENT)).unwrap();
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_an_out_folder_that_is_a_symlink() {
    let scene = Scene::new().await;
    fs::rename(scene.secret(), scene.outside.path().join(SEGMENT)).unwrap();
    fs::remove_dir(scene.pod.work().join(OUT)).unwrap();
    symlink(scene.outside.path(), scene.pod.work().join(OUT)).unwrap();
    fs::write(scene.secret(), SECRET).unwrap();
    let left = scene.outside.path().join(SEGMENT);
    let outside = fs::read(&left).unwrap();
    assert_eq!(outside, SECRET);
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_a_magic_link_of_proc() {
    let scene = Scene::new().await;
    symlink("/proc/self/environ", scene.planted(SEGMENT)).unwrap();
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_a_fifo_without_waiting_for_a_writer() {
    let scene = Scene::new().await;
    fifo(&scene.planted(SEGMENT));
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_a_hard_link() {
    let scene = Scene::new().await;
    fs::hard_link(scene.secret(), scene.planted(SEGMENT)).unwrap();
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_a_folder_with_the_name_of_a_segment() {
    let scene = Scene::new().await;
    fs::create_dir(scene.planted(SEGMENT)).unwrap();
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_an_oversized_file() {
    let scene = Scene::new().await;
    let file = fs::File::create(scene.planted(SEGMENT)).unwrap();
    file.set_len((256 << 20) + 1).unwrap();
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_names_the_plan_does_not_know() {
    for name in [
        "v240-6.m4s",
        "v240-2.m4s",
        "v9999-0.m4s",
        "x",
        "v240-00.m4s",
    ] {
        let scene = Scene::new().await;
        fs::write(scene.planted(name), "x").unwrap();
        scene.refused().await;
    }
}

#[tokio::test]
async fn courier_refuses_a_file_rewritten_while_it_is_delivered() {
    let scene = Scene::new().await;
    let path = scene.planted(SEGMENT);
    fs::write(&path, vec![1; 600_000]).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let change = move || file.write_all_at(SECRET, 100).unwrap();
    scene.worker.state().on_ticket = Some(Box::new(change));
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_a_file_that_shrinks_or_grows_while_it_is_delivered() {
    for length in [10, 700_000] {
        let scene = Scene::new().await;
        let path = scene.planted(SEGMENT);
        fs::write(&path, vec![1; 600_000]).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        scene.worker.state().on_ticket = Some(Box::new(move || file.set_len(length).unwrap()));
        scene.refused().await;
    }
}

#[tokio::test]
async fn courier_refuses_a_file_swapped_while_it_is_delivered() {
    let scene = Scene::new().await;
    let path = scene.planted(SEGMENT);
    fs::write(&path, vec![1; 600_000]).unwrap();
    let secret = scene.secret();
    let swap = move || {
        // Another file under the same name: a link to what must not be read.
        let beside = path.with_extension("swap");
        symlink(&secret, &beside).unwrap();
        fs::rename(&beside, &path).unwrap();
    };
    scene.worker.state().on_ticket = Some(Box::new(swap));
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_events_that_are_a_link_or_a_fifo() {
    let scene = Scene::new().await;
    symlink(scene.secret(), scene.pod.work().join(EVENTS)).unwrap();
    scene.refused().await;
    let scene = Scene::new().await;
    fifo(&scene.pod.work().join(EVENTS));
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_a_plan_that_is_a_link() {
    let mut scene = Scene::new().await;
    symlink(scene.secret(), scene.planted("plan.json")).unwrap();
    fs::write(&scene.pod.args.token, format!("{TOKEN}plan")).unwrap();
    scene.pod.args.patience_seconds = 5;
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_init_segments_the_plan_does_not_describe() {
    let scene = Scene::new().await;
    let plan = &planned().plan;
    fs::write(&scene.pod.args.token, format!("{TOKEN}plan")).unwrap();
    for track in &plan.tracks {
        fs::write(scene.planted(&format!("{}-init.mp4", track.id)), "other").unwrap();
    }
    fs::write(
        scene.planted("plan.json"),
        serde_json::to_vec(plan).unwrap(),
    )
    .unwrap();
    scene.refused().await;
}

#[tokio::test]
async fn courier_refuses_to_write_through_a_planted_link() {
    let mut scene = Scene::new().await;
    let work = scene.pod.work();
    for name in ["source", ".source.part", ORDER, "committed"] {
        symlink(scene.secret(), work.join(name)).unwrap();
    }
    // Links that answer to the names of a finished run are taken for one, and are not followed.
    scene.pod.start_courier();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    scene.pod.stop_courier().await;
    for name in [ORDER, "committed"] {
        fs::remove_file(work.join(name)).unwrap();
    }
    scene.pod.start_courier();
    while !work.join(ORDER).exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    scene.pod.stop_courier().await;
    assert_eq!(fs::read(scene.secret()).unwrap(), SECRET);
    assert!(fs::symlink_metadata(work.join("source")).unwrap().is_file());
}

#[tokio::test]
async fn courier_survives_events_full_of_noise_and_reports_a_false_end() {
    let mut scene = Scene::new().await;
    let mut noise = vec![b'{'; 3 << 20];
    noise.extend(b"\n\xff\xfe\n{\"event\":\"segment\",\"track\":\"../../secret\",\"number\":0,\"bytes\":1}\n");
    noise.extend(b"{\"event\":\"done\"}\n");
    fs::write(scene.pod.work().join(EVENTS), noise).unwrap();
    scene.pod.start_courier();
    let given = scene.pod.given_up().await;
    assert_eq!(
        (given.exit_code, given.failed.reason.as_str()),
        (70, job::INTERNAL)
    );
    assert!(
        given.failed.detail.contains("missing"),
        "{}",
        given.failed.detail
    );
}

fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}
