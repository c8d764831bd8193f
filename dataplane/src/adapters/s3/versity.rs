//! A real S3 server for tests, ended with its test: Versity's gateway over a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Bucket the server starts with.
pub const BUCKET: &str = "tests";
/// Region of the server.
pub const REGION: &str = "us-east-1";

/// The server.
pub struct Versity {
    process: Child,
    folder: TempDir,
    /// Its endpoint.
    pub url: String,
}

impl Drop for Versity {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> String {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin/versitygw");
    std::env::var("VERSITYGW").unwrap_or_else(|_| tools.to_owned())
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Versity {
    /// Starts the server and waits until it answers.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("data").join(BUCKET)).unwrap();
        fs::create_dir(folder.path().join("credentials")).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let process = Command::new(program())
            .args(["--port", &address, "--region", REGION, "--quiet", "posix"])
            .arg(folder.path().join("data"))
            .env("ROOT_ACCESS_KEY", "tester")
            .env("ROOT_SECRET_KEY", "only-for-tests")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("no versitygw; run `make s3`");
        let url = format!("http://{address}");
        let server = Self {
            process,
            folder,
            url,
        };
        server.write_credentials("tester", "only-for-tests");
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(&address).await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the S3 server does not answer");
    }

    /// Folder of the credentials' files.
    pub fn credentials(&self) -> PathBuf {
        self.folder.path().join("credentials")
    }

    /// Changes the credentials' files.
    pub fn write_credentials(&self, id: &str, secret: &str) {
        fs::write(self.credentials().join("accessKeyId"), id).unwrap();
        fs::write(self.credentials().join("secretAccessKey"), secret).unwrap();
    }
}
