//! JSON-RPC 2.0 over HTTP: the three methods a gate needs. Errors leave out the endpoint's
//! address, since providers put keys into it.

use std::time::Duration;

use alloy_primitives::{Address, Bytes};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ports::Source;

/// Longest wait for one answer; a viewer waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// JSON-RPC error code of a call that the contract reverted.
const REVERTED: i64 = 3;

/// What a contract did with a call.
pub(super) enum Outcome {
    /// It returned these bytes.
    Returned(Bytes),
    /// It reverted.
    Reverted,
}

#[derive(Deserialize)]
struct Answer {
    result: Option<Value>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

/// The client.
pub(super) struct Rpc(reqwest::Client);

impl Rpc {
    pub(super) fn new() -> Result<Self, Source> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self(client))
    }

    async fn request(&self, url: &str, method: &str, params: Value) -> Result<Answer, Source> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let sent = async {
            self.0
                .post(url)
                .json(&body)
                .send()
                .await?
                .json::<Answer>()
                .await
        };
        sent.await.map_err(|e| e.without_url().into())
    }

    /// A method without parameters that answers with a number.
    pub(super) async fn number(&self, url: &str, method: &str) -> Result<u64, Source> {
        let answer = self.request(url, method, json!([])).await?;
        let text = answer
            .result
            .as_ref()
            .and_then(Value::as_str)
            .unwrap_or_default();
        let digits = text.strip_prefix("0x").unwrap_or_default();
        u64::from_str_radix(digits, 16).map_err(|_| format!("{method} gave no number").into())
    }

    /// Calls a contract at a block.
    pub(super) async fn call(
        &self,
        url: &str,
        contract: Address,
        data: &Bytes,
        block: u64,
    ) -> Result<Outcome, Source> {
        let params = json!([{"to": contract, "data": data}, format!("{block:#x}")]);
        let answer = self.request(url, "eth_call", params).await?;
        match (answer.result, answer.error) {
            (Some(result), _) => Ok(Outcome::Returned(serde_json::from_value(result)?)),
            (None, Some(e)) if e.code == REVERTED || e.message.contains("revert") => {
                Ok(Outcome::Reverted)
            }
            (None, Some(e)) => Err(format!("eth_call failed with code {}", e.code).into()),
            (None, None) => Err("eth_call gave neither result nor error".into()),
        }
    }
}
