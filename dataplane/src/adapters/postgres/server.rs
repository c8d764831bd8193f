//! A real PostgreSQL for tests, ended with its test: Debian's, with a folder and a port of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// The server.
pub struct Server {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The fast way to stop: connections are ended, the log is kept whole.
        let _ = Command::new("kill")
            .args(["-INT", &self.process.id().to_string()])
            .status();
        let _ = self.process.wait();
    }
}

/// A program of Debian's PostgreSQL, under a user it accepts: it refuses to run as root.
fn program(name: &str) -> Command {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").expect("no postgresql; run `make databases`");
    let newest: Option<PathBuf> = versions
        .flatten()
        .map(|e| e.path().join("bin").join(name))
        .max();
    let path = newest.expect("no postgresql; run `make databases`");
    if !rustix::process::geteuid().is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
        .arg(path);
    command
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Lets the server's user in.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
}

fn run(data: &Path, port: u16) -> Child {
    program("postgres")
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(["-c", "unix_socket_directories=", "-D"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Server {
    /// Makes a server and waits until it answers.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        let data = folder.path().join("data");
        let made = program("initdb")
            .args([
                "--no-sync",
                "-A",
                "trust",
                "-U",
                "tester",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "-D",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb failed");
        let port = free_port();
        let process = run(&data, port);
        let server = Self {
            process,
            folder,
            port,
        };
        server.answers().await;
        server
    }

    /// Kills the server without a warning and starts it again.
    pub async fn kill(&mut self) {
        self.end();
        self.start_again().await;
    }

    /// Kills the server without a warning.
    pub fn end(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again. The children of a killed server end when they see that it is gone; until
    /// then it does not start.
    pub async fn start_again(&mut self) {
        let data = self.folder.path().join("data");
        for _ in 0..200 {
            self.process = run(&data, self.port);
            tokio::time::sleep(Duration::from_millis(100)).await;
            if self.process.try_wait().unwrap().is_none() {
                return self.answers().await;
            }
        }
        panic!("the PostgreSQL server does not start again");
    }

    /// Waits until it takes statements.
    async fn answers(&self) {
        use sqlx::{Connection, PgConnection};
        for _ in 0..400 {
            if PgConnection::connect(&self.url()).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the PostgreSQL server does not answer");
    }

    /// URL of its database.
    pub fn url(&self) -> String {
        format!("postgresql://tester@127.0.0.1:{}/postgres", self.port)
    }
}
