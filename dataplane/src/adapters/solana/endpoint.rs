//! One JSON-RPC endpoint of a cluster: proves once that it serves the cluster, is left alone while
//! it fails, and is counted under its place in `rpcUrls`. Source: Solana's JSON-RPC over HTTP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::metrics::EndpointMetrics;
use super::token::{self, Holding};
use crate::adapters::endpoints::breaker::Breaker;
use crate::adapters::endpoints::json_rpc::JsonRpc;
use crate::ports::Source;
use crate::ports::chain::Block;
use crate::ports::chain::standing::Standing;

/// Where every cluster keeps its time.
const CLOCK: &str = "SysvarC1ock11111111111111111111111111111111";
/// Code of "the node has not reached this slot".
const MIN_CONTEXT_SLOT: i64 = -32_016;
/// Codes of a node that is behind, and of too many requests.
const FAILED: [i64; 3] = [-32_005, -32_429, 429];

/// Why an endpoint gave no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is not as it should be: out of reach, slow, limiting, incomprehensible, of another cluster.
    Failed(Source),
    /// It has not reached the slot.
    Behind,
    /// It does not take this question; the next one may be fine.
    Refused(i64),
    /// The account holds more tokens than are looked through.
    TooMany,
}

impl Fault {
    pub(super) fn cause(self) -> Source {
        match self {
            Self::Failed(source) => source,
            Self::Behind => "it has not reached the slot".into(),
            Self::Refused(code) => format!("it refused the question with code {code}").into(),
            Self::TooMany => "the account holds too many tokens".into(),
        }
    }
}

fn incomprehensible(method: &str) -> Fault {
    Fault::Failed(format!("{method} gave something else").into())
}

/// Whose tokens are asked for: of one mint, or of one program.
#[derive(Clone, Copy)]
pub(super) enum Of<'a> {
    Mint(&'a str),
    Program(&'a str),
}

/// An endpoint.
pub(super) struct Endpoint {
    url: String,
    genesis: String,
    commitment: &'static str,
    rpc: JsonRpc,
    breaker: Breaker,
    proven: AtomicBool,
    pub(super) metrics: EndpointMetrics,
}

impl Endpoint {
    pub(super) fn new(
        url: String,
        genesis: String,
        commitment: &'static str,
        rpc: JsonRpc,
        metrics: EndpointMetrics,
    ) -> Self {
        Self {
            url,
            genesis,
            commitment,
            rpc,
            breaker: Breaker::default(),
            proven: AtomicBool::new(false),
            metrics,
        }
    }

    /// The newest slot it stands for, with its block's hash and the cluster's time there.
    pub(super) async fn head(&self) -> Result<Block, Fault> {
        self.guarded(async {
            let method = "getLatestBlockhash";
            let said = self
                .ask(method, json!([{"commitment": self.commitment}]))
                .await?;
            let hash = said["value"]["blockhash"].as_str();
            let hash = hash.and_then(|text| bs58::decode(text).into_vec().ok()?.try_into().ok());
            let slot = said["context"]["slot"].as_u64();
            let (number, hash) = slot.zip(hash).ok_or_else(|| incomprehensible(method))?;
            let clock = self.accounts(&[CLOCK.to_owned()], number).await?;
            let clock = clock.into_iter().next().flatten();
            let time = clock.and_then(|(_, data)| data.get(32..40)?.try_into().ok());
            let time = i64::from_le_bytes(time.ok_or_else(|| incomprehensible("the clock"))?);
            Ok(Block { number, hash, time })
        })
        .await
    }

    /// How it is.
    pub(super) fn standing(&self) -> Standing {
        self.breaker.standing(self.proven.load(Ordering::Relaxed))
    }

    /// What an account holds, at no slot older than `slot`.
    pub(super) async fn holdings(
        &self,
        owner: &[u8; 32],
        of: Of<'_>,
        slot: u64,
    ) -> Result<Vec<Holding>, Fault> {
        self.guarded(async {
            let method = "getTokenAccountsByOwner";
            let filter = match of {
                Of::Mint(mint) => json!({"mint": mint}),
                Of::Program(program) => json!({"programId": program}),
            };
            let slice = json!({"offset": 0, "length": token::LOOKED_AT});
            let how = json!({"encoding": "base64", "commitment": self.commitment,
                "minContextSlot": slot, "dataSlice": slice});
            let owner_text = bs58::encode(owner).into_string();
            let said = self.ask(method, json!([owner_text, filter, how])).await?;
            let listed = said["value"].as_array();
            let listed = listed.ok_or_else(|| incomprehensible(method))?;
            let mut found = Vec::with_capacity(listed.len());
            for entry in listed {
                let (program, data) =
                    account(&entry["account"]).ok_or_else(|| incomprehensible(method))?;
                let known = [token::TOKEN, token::TOKEN_2022].contains(&program.as_str());
                let holding = token::read(&data).filter(|holding| holding.owner == *owner);
                match holding.filter(|_| known) {
                    Some(holding) => found.push(holding),
                    None => return Err(incomprehensible(method)),
                }
            }
            Ok(found)
        })
        .await
    }

    /// Accounts by their addresses, at no slot older than `slot`: each its program and data, in order.
    pub(super) async fn records(
        &self,
        addresses: &[String],
        slot: u64,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, Fault> {
        self.guarded(self.accounts(addresses, slot)).await
    }

    async fn accounts(
        &self,
        addresses: &[String],
        slot: u64,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, Fault> {
        let method = "getMultipleAccounts";
        let how = json!({"encoding": "base64", "commitment": self.commitment,
            "minContextSlot": slot});
        let said = self.ask(method, json!([addresses, how])).await?;
        let listed = said["value"]
            .as_array()
            .filter(|l| l.len() == addresses.len());
        let listed = listed.ok_or_else(|| incomprehensible(method))?;
        let read = |entry: &Value| match entry.is_null() {
            true => Ok(None),
            false => account(entry)
                .map(Some)
                .ok_or_else(|| incomprehensible(method)),
        };
        listed.iter().map(read).collect()
    }

    async fn ask(&self, method: &str, params: Value) -> Result<Value, Fault> {
        let answer = self.rpc.request(&self.url, method, params).await;
        let answer = answer.map_err(Fault::Failed)?;
        match answer.error.map(|refusal| refusal.code) {
            None => Ok(answer.result),
            Some(MIN_CONTEXT_SLOT) => Err(Fault::Behind),
            Some(code) if FAILED.contains(&code) => Err(Fault::Failed(
                format!("{method} failed with code {code}").into(),
            )),
            Some(code) => Err(Fault::Refused(code)),
        }
    }

    async fn guarded<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        if !self.breaker.admits(Instant::now()) {
            return Err(Fault::Failed("it failed lately and is left alone".into()));
        }
        let outcome = match self.prove().await {
            Ok(()) => work.await,
            Err(fault) => Err(fault),
        };
        match &outcome {
            Err(Fault::Failed(_)) => {
                // It may come back as something else.
                self.proven.store(false, Ordering::Relaxed);
                let open = self.breaker.failed(Instant::now());
                self.metrics.failed(open);
            }
            other => {
                self.breaker.succeeded();
                self.metrics.answered(other.as_ref().err());
            }
        }
        outcome
    }

    async fn prove(&self) -> Result<(), Fault> {
        if self.proven.load(Ordering::Relaxed) {
            return Ok(());
        }
        let genesis = self.ask("getGenesisHash", json!([])).await?;
        if genesis.as_str() != Some(&self.genesis) {
            let text = "the endpoint serves another cluster than genesisHash says";
            return Err(Fault::Failed(text.into()));
        }
        self.proven.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Program and data of an account.
fn account(value: &Value) -> Option<(String, Vec<u8>)> {
    let data = BASE64_STANDARD.decode(value["data"][0].as_str()?).ok()?;
    Some((value["owner"].as_str()?.to_owned(), data))
}
