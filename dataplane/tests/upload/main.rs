//! Resumable uploads over real HTTP, against a server in a process of its own: the protocol, cut
//! connections and a server that is killed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod client;
mod draft;
mod extensions;
mod files;
mod interruptions;
mod protocol;
mod server;
mod tus_js;
#[path = "../../src/adapters/s3/versity.rs"]
mod versity;

/// Not a test: the body of the processes that the tests start and kill.
#[test]
fn serves_when_asked() {
    server::serve_when_asked();
}
