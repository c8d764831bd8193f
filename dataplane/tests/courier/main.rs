//! The courier between a worker of these tests and the real transcoder on real footage, over real
//! HTTP and a real folder. Needs `tests/footage.sh` and the built transcoder.

#![allow(clippy::unwrap_used)]

mod arriving;
mod fixture;
mod kills;
mod outages;
mod pod;
mod refuses;
mod routes;
mod whole;
mod worker;
