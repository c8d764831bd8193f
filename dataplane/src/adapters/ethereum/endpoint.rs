//! One JSON-RPC endpoint of a chain: proves once that it serves the chain, is left alone while it
//! fails, and is counted under its place in `rpcUrls`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use alloy_primitives::{Address, B256};

use super::metrics::EndpointMetrics;
use super::rpc::{Fault, Log, Outcome, Query, Rpc};
use crate::adapters::endpoints::breaker::Breaker;
use crate::ports::chain::Block;
use crate::ports::chain::moves::Header;
use crate::ports::chain::standing::Standing;

/// An endpoint.
pub(super) struct Endpoint {
    url: String,
    chain_id: u64,
    rpc: Rpc,
    breaker: Breaker,
    proven: AtomicBool,
    pub(super) metrics: EndpointMetrics,
}

impl Endpoint {
    pub(super) fn new(url: String, chain_id: u64, rpc: Rpc, metrics: EndpointMetrics) -> Self {
        Self {
            url,
            chain_id,
            rpc,
            breaker: Breaker::default(),
            proven: AtomicBool::new(false),
            metrics,
        }
    }

    /// How it is.
    pub(super) fn standing(&self) -> Standing {
        self.breaker.standing(self.proven.load(Ordering::Relaxed))
    }

    /// A block by tag or by number written in hex.
    pub(super) async fn block(&self, which: &str) -> Result<Block, Fault> {
        Ok(self.header(which).await?.block)
    }

    /// The same with the hash of the block before.
    pub(super) async fn header(&self, which: &str) -> Result<Header, Fault> {
        self.guarded(self.rpc.header(&self.url, which)).await
    }

    /// What contracts logged in a block.
    pub(super) async fn logs(
        &self,
        hash: [u8; 32],
        contracts: &[Address],
        topics: &[B256],
    ) -> Result<Vec<Log>, Fault> {
        let logs = self.rpc.logs(&self.url, hash, contracts, topics);
        self.guarded(logs).await
    }

    /// Asks at a block, named by its hash.
    pub(super) async fn ask(&self, query: &Query, hash: [u8; 32]) -> Result<Outcome, Fault> {
        self.guarded(self.rpc.ask(&self.url, query, hash)).await
    }

    async fn guarded<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        if !self.breaker.admits(Instant::now()) {
            return Err(Fault::Failed("it failed lately and is left alone".into()));
        }
        let outcome = match self.prove().await {
            Ok(()) => work.await,
            Err(fault) => Err(fault),
        };
        self.count(outcome.as_ref().err());
        outcome
    }

    fn count(&self, fault: Option<&Fault>) {
        match fault {
            Some(Fault::Failed(_)) => {
                // It may come back as something else.
                self.proven.store(false, Ordering::Relaxed);
                let open = self.breaker.failed(Instant::now());
                self.metrics.failed(open);
            }
            other => {
                self.breaker.succeeded();
                self.metrics.answered(other);
            }
        }
    }

    async fn prove(&self) -> Result<(), Fault> {
        if self.proven.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (id, wanted) = (self.rpc.chain_id(&self.url).await?, self.chain_id);
        if id != wanted {
            let text = format!("the endpoint serves chain {id}, not {wanted}");
            return Err(Fault::Failed(text.into()));
        }
        self.proven.store(true, Ordering::Relaxed);
        Ok(())
    }
}
