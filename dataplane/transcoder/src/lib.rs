//! The media engine: turns a plan and the bytes of a source into CMAF segments. Knows files of
//! one folder and FFmpeg's libraries; nothing of Kubernetes, HTTP or storage. The binary enters
//! the sandbox first and then calls [`run`]; tests call the same functions.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audio;
mod bits;
pub mod decode;
pub mod encode;
pub mod engine;
pub mod error;
pub mod events;
mod fit;
pub mod input;
pub mod package;
pub mod plan;
pub mod probe;
pub mod run;
pub mod sandbox;
pub mod scale;
pub mod seal;
pub mod source;
pub mod steps;
pub mod stills;
pub mod text;
pub mod treat;
pub mod video;

pub use error::EngineError;
