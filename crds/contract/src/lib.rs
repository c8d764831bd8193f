//! The plain words that operator, data plane and transcoder share: roles, ports, labels, ids,
//! the role configuration file, gate rules, plans, the files between containers and the
//! job interface. Values only: nothing in this crate reads, writes, waits or knows Kubernetes.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod audit;
pub mod config;
pub mod encryption;
pub mod exit;
pub mod ids;
pub mod job_api;
pub mod job_files;
pub mod knobs;
pub mod labels;
pub mod limits;
pub mod names;
pub mod peers;
pub mod plan;
pub mod playback;
pub mod profiles;
pub mod quality;
pub mod reasons;
pub mod renditions;
pub mod roles;
pub mod rules;
pub mod stills;
pub mod text;
pub mod uploads;

pub use ids::{CategoryId, ContentId, InvalidId, OutputId, ScheduleId, TrackId, UploadId};
pub use roles::Role;
