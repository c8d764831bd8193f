//! The roles. A service knows ports; only its `http.rs` knows HTTP: parse, one call, render.

pub mod auth;
pub mod cache;
pub mod gateway;
pub mod metadata;
pub mod monitor;
pub mod streaming;
pub mod upload;
pub mod worker;
