//! A job pod without Kubernetes: a folder, the real transcoder as a process, the courier as a task.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use streamgate_contract::job_files::{GIVE_UP, GiveUp, Termination};
use streamgate_dataplane::courier::{self, CourierArgs, CourierError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The pod.
pub struct Pod {
    folder: tempfile::TempDir,
    pub args: CourierArgs,
    courier: Option<Running>,
    transcoder: Option<Child>,
}

/// A courier and the word that ends it.
struct Running(JoinHandle<Result<(), CourierError>>, oneshot::Sender<()>);

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
        fs::write(&token, format!("{name}\n")).unwrap();
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
        let (stop, stopped) = oneshot::channel();
        let run = courier::run(self.args.clone(), async move { drop(stopped.await) });
        self.courier = Some(Running(tokio::spawn(run), stop));
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

    /// The courier is gone from one moment to the next.
    pub async fn kill_courier(&mut self) {
        let Running(courier, _stop) = self.courier.take().unwrap();
        courier.abort();
        drop(courier.await);
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

    pub async fn stop_courier(&mut self) {
        let Running(courier, stop) = self.courier.take().unwrap();
        drop(stop);
        courier.await.unwrap().unwrap();
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
    }
}
