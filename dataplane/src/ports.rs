//! Ports: what services need of the world, in the project's own words. Each has one conformance
//! suite (`suite` beside the port) that every adapter must pass.

pub mod catalog;
pub mod chain;
pub mod clock;
pub mod identity;
pub mod jobs;
pub mod notices;
pub mod objects;
pub mod policies;
pub mod scrape;

/// The error of the technology behind an adapter.
pub type Source = Box<dyn std::error::Error + Send + Sync>;
