//! Reconciles StreamGate, TranscodeJob and AlertPolicy.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod admin;
pub mod alert_policy;
pub mod apply;
pub mod context;
pub mod drive;
pub mod error;
pub mod events;
pub mod lease;
pub mod metrics;
pub mod run;
pub mod streamgate;
pub mod transcode_job;
pub mod unchanged;
pub mod watch;
