//! Layers of the request path, one concern each. Their order, with reasons, is in `edge.rs`.

pub mod around;
pub mod arrival;
pub mod audit;
pub mod authenticate;
pub mod cache;
pub mod circumstances;
pub mod client_address;
pub mod deadline;
pub mod farewell;
pub mod limit;
pub mod metrics;
pub mod peer;
pub mod routes;
pub mod shed;
pub mod split;
pub mod trace;
