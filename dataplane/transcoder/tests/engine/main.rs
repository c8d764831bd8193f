//! The engine from order to segments, on real footage, through the shipped binary in its sandbox;
//! results are judged by FFmpeg's command line. Needs `tests/footage.sh`.

#![allow(clippy::unwrap_used)]

mod ahead;
mod codecs;
mod determinism;
mod fitted;
mod hostile;
mod judge;
mod kinds;
mod loudness;
mod output;
mod pod;
mod quality;
mod random;
mod refusals;
mod resume;
mod sealed;
mod stills;
mod text;
