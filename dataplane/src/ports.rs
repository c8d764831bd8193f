//! Ports: what services need of the world, in the project's own words. Each has one conformance
//! suite (`suite` beside the port) that every adapter must pass.

pub mod audit_log;
pub mod cache;
pub mod catalog;
pub mod chain;
pub mod clock;
pub mod figures;
pub mod hooks;
pub mod identity;
pub mod jobs;
pub mod notices;
pub mod objects;
pub mod openid;
pub mod peers;
pub mod policies;
pub mod scrape;
pub mod shared_limits;
pub mod shared_streams;
pub mod solana;

/// The error of the technology behind an adapter.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error with everything that caused it, for logs.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<String> = chain.map(ToString::to_string).collect();
    words.join(": ")
}
