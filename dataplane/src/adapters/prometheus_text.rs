//! Metrics in the Prometheus text format 0.0.4 over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use streamgate_contract::roles::METRICS_PATH;

use crate::ports::Source;
use crate::ports::scrape::{Exposition, ScrapeError, Scraper, Target};

mod parse;

pub use parse::parse;

/// Longest wait for a target.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes read from a target at most.
const MAX_BYTES: usize = 8 << 20;

/// The client.
pub struct PrometheusText(reqwest::Client);

impl PrometheusText {
    /// A client with its own connections.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new() -> Result<Self, Source> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
        let builder = builder.redirect(reqwest::redirect::Policy::none());
        Ok(Self(builder.build()?))
    }
}

#[async_trait]
impl Scraper for PrometheusText {
    async fn scrape(&self, target: &Target) -> Result<Exposition, ScrapeError> {
        let unreachable = |e: reqwest::Error| ScrapeError::Unreachable(e.into());
        let url = format!("http://{}{METRICS_PATH}", target.instance);
        let sent = self.0.get(url).send().await;
        let mut answer = sent.map_err(unreachable)?;
        if !answer.status().is_success() {
            return Err(ScrapeError::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&part);
            if body.len() > MAX_BYTES {
                return Err(ScrapeError::TooLarge(MAX_BYTES));
            }
        }
        Ok(parse(&String::from_utf8_lossy(&body)))
    }
}
