//! The data plane of a StreamGate: ports, the adapters behind them and the services on top.
//! Services know ports only; adapters know one technology each.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod adapters;
pub mod app;
pub mod config;
pub mod courier;
pub mod edge;
pub mod error;
pub mod extract;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod health;
pub mod layers;
pub mod pace;
pub mod ports;
pub mod server;
pub mod services;
pub mod tokens;
pub mod validation;
