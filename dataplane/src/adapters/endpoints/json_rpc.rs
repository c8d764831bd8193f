//! JSON-RPC 2.0 over HTTP. Errors leave out the endpoint's address, since providers put keys into
//! it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::ports::Source;

/// Longest wait for one answer; a viewer waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longest answer that is read.
const MAX_BYTES: usize = 4 << 20;

/// An answer: a result or a refusal.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// What was asked for.
    #[serde(default)]
    pub result: Value,
    /// Why there is none.
    pub error: Option<Refusal>,
}

/// Why an endpoint does not answer a question.
#[derive(Debug, Deserialize)]
pub struct Refusal {
    /// Its code.
    pub code: i64,
    /// Its words.
    #[serde(default)]
    pub message: String,
}

/// The client.
#[derive(Clone)]
pub struct JsonRpc(reqwest::Client);

impl JsonRpc {
    /// Makes the client.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new() -> Result<Self, Source> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // A key in the address goes to nobody else.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self(client))
    }

    /// Asks.
    ///
    /// # Errors
    /// When no answer comes, or one that is no JSON-RPC.
    pub async fn request(&self, url: &str, method: &str, params: Value) -> Result<Answer, Source> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let failed = |error: reqwest::Error| Source::from(error.without_url());
        let mut response = self.0.post(url).json(&body).send().await.map_err(failed)?;
        let status = response.status();
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if text.len() + chunk.len() > MAX_BYTES {
                return Err("the answer is too long".into());
            }
            text.extend_from_slice(&chunk);
        }
        // Some providers put the error of a call behind a status of 4xx: the body decides.
        let answer = serde_json::from_slice(&text);
        answer.map_err(|_| format!("the answer, of status {status}, is no JSON-RPC").into())
    }
}
