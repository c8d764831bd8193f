//! What is asked of an endpoint of an EVM chain. Source: the Ethereum JSON-RPC specification, EIP-1474 (error codes), EIP-1898 (block by hash).

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::adapters::endpoints::json_rpc::{Answer, JsonRpc, Refusal};
use crate::ports::Source;
use crate::ports::chain::Block;
use crate::ports::chain::moves::Header;

/// Gas a question may use: a hundred times what reading a balance costs.
const GAS: u64 = 10_000_000;
/// JSON-RPC error code of a call that the contract reverted.
const REVERTED: i64 = 3;
/// Codes of EIP-1474 for "there is no such thing" and "too many requests".
const NOT_FOUND: i64 = -32_001;
const LIMIT_EXCEEDED: i64 = -32_005;

/// What a contract logged.
#[derive(Deserialize)]
pub(super) struct Log {
    pub(super) address: Address,
    pub(super) topics: Vec<B256>,
    pub(super) data: Bytes,
}

/// Why an endpoint gave no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is not as it should be: out of reach, slow, limiting, incomprehensible, of another chain.
    Failed(Source),
    /// It does not have the block.
    Missing,
    /// It does not take this question; the next one may be fine.
    Refused(i64),
}

/// What is asked of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// Calls a contract.
    Call {
        /// The contract; none for code that is run without being deployed.
        to: Option<Address>,
        /// Input.
        data: Bytes,
    },
    /// Balance of an account in wei.
    Balance(Address),
    /// Code of an account.
    Code(Address),
}

/// What came back. Providers are compared by this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// These bytes; a balance as one word.
    Returned(Bytes),
    /// The contract refused the call.
    Reverted,
    /// The contract broke: out of gas, no such instruction.
    Broke,
}

/// Does the endpoint lack the block?
fn is_missing(refusal: &Refusal) -> bool {
    const MISSING: [&str; 5] = [
        "header not found",
        "block not found",
        "unknown block",
        "missing trie node",
        "is not canonical",
    ];
    let text = refusal.message.to_ascii_lowercase();
    refusal.code == NOT_FOUND || MISSING.iter().any(|word| text.contains(word))
}

/// What an error of a call means. Providers word it differently, so words decide where codes do not.
fn read_refusal(refusal: &Refusal) -> Result<Outcome, Fault> {
    const BROKE: [&str; 6] = [
        "out of gas",
        "outofgas",
        "invalid opcode",
        "evm error",
        "stack underflow",
        "invalid jump",
    ];
    let text = refusal.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match refusal.code {
        REVERTED => Ok(Outcome::Reverted),
        LIMIT_EXCEEDED => Err(Fault::Failed("the endpoint limits requests".into())),
        _ if is_missing(refusal) => Err(Fault::Missing),
        _ if says(&["revert"]) => Ok(Outcome::Reverted),
        _ if says(&BROKE) => Ok(Outcome::Broke),
        code => Err(Fault::Refused(code)),
    }
}

/// The client.
#[derive(Clone)]
pub(super) struct Rpc(JsonRpc);

impl Rpc {
    pub(super) fn new() -> Result<Self, Source> {
        Ok(Self(JsonRpc::new()?))
    }

    async fn request(&self, url: &str, method: &str, params: Value) -> Result<Answer, Fault> {
        let answer = self.0.request(url, method, params).await;
        answer.map_err(Fault::Failed)
    }

    /// The result of a method; an error of any kind is a failure of the endpoint.
    pub(super) async fn result(
        &self,
        url: &str,
        method: &str,
        params: Value,
    ) -> Result<Value, Fault> {
        let answer = self.request(url, method, params).await?;
        match answer.error {
            None => Ok(answer.result),
            Some(refusal) if is_missing(&refusal) => Err(Fault::Missing),
            Some(refusal) => {
                let text = format!("{method} failed with code {}", refusal.code);
                Err(Fault::Failed(text.into()))
            }
        }
    }

    /// EIP-155 id of the chain that is served.
    pub(super) async fn chain_id(&self, url: &str) -> Result<u64, Fault> {
        let id = self.result(url, "eth_chainId", json!([])).await?;
        quantity(&id).ok_or_else(|| Fault::Failed("eth_chainId gave no number".into()))
    }

    /// A block by tag or by number written in hex.
    pub(super) async fn header(&self, url: &str, which: &str) -> Result<Header, Fault> {
        let method = "eth_getBlockByNumber";
        let found = self.result(url, method, json!([which, false])).await?;
        if found.is_null() {
            return Err(Fault::Missing);
        }
        header(&found).ok_or_else(|| Fault::Failed(format!("{method} gave no block").into()))
    }

    /// What contracts logged under one of these first topics in the block with this hash.
    pub(super) async fn logs(
        &self,
        url: &str,
        hash: [u8; 32],
        contracts: &[Address],
        topics: &[B256],
    ) -> Result<Vec<Log>, Fault> {
        let filter = json!([{
            "blockHash": B256::from(hash), "address": contracts, "topics": [topics],
        }]);
        let found = self.result(url, "eth_getLogs", filter).await?;
        serde_json::from_value(found)
            .map_err(|_| Fault::Failed("eth_getLogs gave something else".into()))
    }

    /// Asks at a block, named by its hash.
    pub(super) async fn ask(
        &self,
        url: &str,
        query: &Query,
        hash: [u8; 32],
    ) -> Result<Outcome, Fault> {
        let at = json!({"blockHash": B256::from(hash)});
        let (method, params) = match query {
            Query::Call { to, data } => {
                let mut call = json!({"data": data, "gas": format!("{GAS:#x}")});
                if let Some(to) = to {
                    call["to"] = json!(to);
                }
                ("eth_call", json!([call, at]))
            }
            Query::Balance(account) => ("eth_getBalance", json!([account, at])),
            Query::Code(account) => ("eth_getCode", json!([account, at])),
        };
        let answer = self.request(url, method, params).await?;
        if let Some(refusal) = &answer.error {
            return match (read_refusal(refusal), query) {
                (Ok(outcome), Query::Call { .. }) => Ok(outcome),
                (Ok(_), _) => Err(Fault::Refused(refusal.code)),
                (Err(fault), _) => Err(fault),
            };
        }
        let bytes = match query {
            Query::Balance(_) => word(&answer.result),
            _ => serde_json::from_value(answer.result).ok(),
        };
        let garbage = || Fault::Failed(format!("{method} gave something else").into());
        bytes.map(Outcome::Returned).ok_or_else(garbage)
    }
}

/// A number: `0x` and hex digits.
fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// A 256-bit number as a word.
fn word(value: &Value) -> Option<Bytes> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    let number = U256::from_str_radix(digits, 16).ok()?;
    Some(number.to_be_bytes::<32>().to_vec().into())
}

fn header(value: &Value) -> Option<Header> {
    let hash = |name: &str| value[name].as_str()?.parse::<B256>().ok();
    Some(Header {
        block: Block {
            number: quantity(&value["number"])?,
            hash: hash("hash")?.0,
            time: i64::try_from(quantity(&value["timestamp"])?).ok()?,
        },
        parent: hash("parentHash")?.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: i64, message: &str) -> Result<Outcome, Fault> {
        let message = message.to_owned();
        read_refusal(&Refusal { code, message })
    }

    #[test]
    fn what_a_contract_did_is_told_from_what_an_endpoint_lacks() {
        assert!(matches!(read(3, ""), Ok(Outcome::Reverted)));
        let reverted = read(-32_000, "VM Exception: execution reverted: no");
        assert!(matches!(reverted, Ok(Outcome::Reverted)));
        for broke in [
            "EVM error InvalidFEOpcode",
            "out of gas",
            "invalid opcode: INVALID",
        ] {
            assert!(
                matches!(read(-32_000, broke), Ok(Outcome::Broke)),
                "{broke}"
            );
        }
        assert!(matches!(
            read(-32_001, "Resource not found"),
            Err(Fault::Missing)
        ));
        assert!(matches!(
            read(-32_000, "header not found"),
            Err(Fault::Missing)
        ));
        assert!(matches!(read(-32_005, "slow down"), Err(Fault::Failed(_))));
        assert!(matches!(
            read(-32_602, "invalid argument"),
            Err(Fault::Refused(-32_602))
        ));
    }
}
