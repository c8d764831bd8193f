//! The roles. A service knows ports; only its `http.rs` knows HTTP: parse, one call, render.

pub mod upload;
