//! The way of a viewer with real parts: real engine output in a real store, signed in with a real
//! signature, played over HTTP by real FFmpeg. Needs `tests/footage.sh` and the built engine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod engine;
mod gate;
mod play;
mod serve;
