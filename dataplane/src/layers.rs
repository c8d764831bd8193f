//! Layers of the request path, one concern each. Their order, with reasons, is in `edge.rs`.

pub mod authenticate;
