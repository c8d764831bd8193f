//! A real OpenID provider for tests, ended with its test.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The provider.
pub struct Server {
    process: Child,
    /// Its issuer identifier.
    pub issuer: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port nobody uses.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    /// Starts it with a new key of this algorithm and name, and waits until it answers.
    pub async fn start(port: u16, algorithm: &str, kid: &str, callback: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../e2e/oidc/provider.mjs");
        let arguments = [program, &port.to_string(), algorithm, kid, callback];
        let mut command = Command::new("node");
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().expect("no node");
        let issuer = format!("http://127.0.0.1:{port}");
        let server = Self { process, issuer };
        let url = format!("{}/.well-known/openid-configuration", server.issuer);
        for _ in 0..200 {
            if reqwest::get(&url).await.is_ok_and(|r| r.status() == 200) {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the provider does not answer; run `make oidc`");
    }
}
