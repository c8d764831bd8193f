//! One binary for all integration tests: one link, one module per subject.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod chart;
mod crds;
mod monitor;
mod stream_gate;
mod tidy;
mod transcode_job;
mod worker;
