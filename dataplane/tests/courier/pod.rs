//! A job pod without Kubernetes: a folder, and both shipped programs as processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use streamgate_contract::job_files::{GIVE_UP, GiveUp, Termination};
use streamgate_dataplane::courier::CourierArgs;

/// The pod.
pub struct Pod {
    folder: tempfile::TempDir,
    pub args: CourierArgs,
    courier: Option<Child>,
    transcoder: Option<Child>,
}

/// What every token of these tests begins with; it must not be seen in any log.
pub const TOKEN: &str = "canary-token.";

/// The shipped transcoder.
fn transcoder() -> PathBuf {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/streamgate-transcoder");
    assert!(
        path.exists(),
        "no transcoder; run cargo build --release -p streamgate-transcoder"
    );
    path
}

impl Pod {
    /// An empty pod; `name` is what its token says: `plan` or `encode-N`.
    pub fn new(name: &str, worker_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        fs::write(&token, format!("{TOKEN}{name}\n")).unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        let args = CourierArgs {
            work: folder.path().join("work"),
            worker_url: worker_url.to_owned(),
            token,
            mounted: None,
            patience_seconds: 120,
        };
        Self {
            folder,
            args,
            courier: None,
            transcoder: None,
        }
    }

    /// The shared folder.
    pub fn work(&self) -> PathBuf {
        self.args.work.clone()
    }

    /// Starts both containers.
    pub fn start(&mut self) {
        self.start_courier();
        self.start_transcoder();
    }

    pub fn start_courier(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamgate-dataplane"));
        command.arg("courier").arg("--work").arg(&self.args.work);
        command.arg("--worker-url").arg(&self.args.worker_url);
        command.arg("--token").arg(&self.args.token);
        if let Some(mounted) = &self.args.mounted {
            command.arg("--mounted").arg(mounted);
        }
        let patience = self.args.patience_seconds.to_string();
        command.args(["--patience-seconds", &patience]);
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.courier = Some(child.unwrap());
    }

    pub fn start_transcoder(&mut self) {
        let child = Command::new(transcoder())
            .arg("--work")
            .arg(self.work())
            .arg("--termination")
            .arg(self.folder.path().join("termination"))
            .stderr(Stdio::null())
            .spawn();
        self.transcoder = Some(child.unwrap());
    }

    /// SIGKILL for the courier.
    pub fn kill_courier(&mut self) {
        if let Some(mut child) = self.courier.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// SIGKILL for the transcoder.
    pub fn kill_transcoder(&mut self) {
        if let Some(mut child) = self.transcoder.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Waits for the transcoder's exit code, then ends the courier as kubelet does.
    pub async fn end(&mut self) -> i32 {
        let code = self.exit_code().await;
        self.stop_courier().await;
        code
    }

    pub async fn exit_code(&mut self) -> i32 {
        let began = Instant::now();
        let child = self.transcoder.as_mut().unwrap();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(began.elapsed() < Duration::from_secs(240), "the pod hangs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGTERM for the courier, which must end well and have logged nothing secret.
    pub async fn stop_courier(&mut self) {
        let mut child = self.courier.take().unwrap();
        let began = Instant::now();
        // One that was started a moment ago would be ended by the signal itself.
        while !catches_term(child.id()) && began.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            assert!(began.elapsed() < Duration::from_secs(25), "no end");
        };
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        assert!(status.success(), "{log}");
        for secret in [TOKEN, "signature=", "sha256="] {
            assert!(!log.contains(secret), "{secret} in the log: {log}");
        }
    }

    /// The transcoder's last words.
    pub fn message(&self) -> Option<Termination> {
        let text = fs::read_to_string(self.folder.path().join("termination")).unwrap_or_default();
        Termination::from_message(&text)
    }

    /// What the courier leaves when it gives up.
    pub async fn given_up(&mut self) -> GiveUp {
        let began = Instant::now();
        let path = self.work().join(GIVE_UP);
        while !path.exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "never gave up");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let given = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        self.stop_courier().await;
        given
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.kill_transcoder();
        self.kill_courier();
    }
}

/// The process has a handler for SIGTERM. Source: proc(5), `SigCgt`.
fn catches_term(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    let bit = Signal::TERM.as_raw() - 1;
    mask.is_some_and(|mask| (mask >> bit) & 1 == 1)
}
