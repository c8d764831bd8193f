//! The endpoints of a cluster as one. With a quorum all are asked, each looks for itself at no slot
//! older than one that enough have reached, and what enough find counts. Without one the first that
//! answers is believed, and the next is asked too when it is slow.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use prometheus::IntCounter;
use streamgate_contract::config;
use tokio::time::{Instant, timeout, timeout_at};

use super::endpoint::{Endpoint, Fault};
use super::metrics::Families;
use super::question::Question;
use crate::adapters::endpoints::json_rpc::JsonRpc;
use crate::adapters::endpoints::tally::{agreement, shared_height};
use crate::ports::Source;
use crate::ports::chain::standing::ChainStanding;
use crate::ports::chain::{Block, ChainError, Reading};
use crate::ports::clock::Clock;

/// Longest wait for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(8);
/// How long those that are slower than the quorum may still be heard.
const GRACE: Duration = Duration::from_millis(250);
/// Without an answer for so long, the next endpoint is asked too.
const HEDGE: Duration = Duration::from_millis(500);

/// A cluster.
pub(super) struct Cluster {
    settings: config::SolanaCluster,
    endpoints: Vec<Endpoint>,
    clock: Arc<dyn Clock>,
    without_quorum: IntCounter,
}

impl Cluster {
    pub(super) fn new(
        settings: &config::SolanaCluster,
        rpc: &JsonRpc,
        clock: Arc<dyn Clock>,
        families: &Families,
    ) -> Self {
        let endpoint = |(place, url): (usize, &String)| {
            let (genesis, commitment) = (&settings.genesis_hash, settings.commitment.word());
            let metrics = families.endpoint(&settings.name, place);
            Endpoint::new(
                url.clone(),
                genesis.clone(),
                commitment,
                rpc.clone(),
                metrics,
            )
        };
        Self {
            endpoints: settings.rpc_urls.iter().enumerate().map(endpoint).collect(),
            without_quorum: families.without_quorum(&settings.name),
            settings: settings.clone(),
            clock,
        }
    }

    /// How its endpoints are.
    pub(super) fn standing(&self) -> ChainStanding {
        let endpoints = self.endpoints.iter().map(Endpoint::standing).collect();
        ChainStanding::new(&self.settings.name, self.quorum(), endpoints)
    }

    fn quorum(&self) -> usize {
        self.settings.quorum.max(1)
    }

    /// What enough endpoints find, and at which slot.
    pub(super) async fn read(&self, question: &Question) -> Result<Reading, ChainError> {
        let outcome = timeout(TIMEOUT, self.decide(question)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(self.unavailable("it took too long")));
        if let Err(ChainError::QuorumNotReached { .. }) = &outcome {
            self.without_quorum.inc();
        }
        outcome
    }

    async fn decide(&self, question: &Question) -> Result<Reading, ChainError> {
        let (heads, last) = self.ask(|endpoint| endpoint.head()).await;
        let block = self.shared(&heads, last)?;
        let ask = |endpoint| question.ask(endpoint, block.number);
        let (found, last) = self.ask(ask).await;
        let agreed = agreement(&found, self.quorum());
        let agreed = agreed.map_err(|most| self.too_few(most, last))?;
        // Without a quorum nobody can tell who lies.
        for place in agreed.others.iter().filter(|_| self.quorum() > 1) {
            self.endpoints[*place].metrics.disagrees.inc();
        }
        let holds = found[agreed.chosen].1;
        Ok(Reading { holds, block })
    }

    /// The highest slot that enough endpoints have reached, if the cluster's time there is not old;
    /// of its time what enough of them say at least.
    fn shared(&self, heads: &[(usize, Block)], last: Source) -> Result<Block, ChainError> {
        let of = |part: fn(&Block) -> u64| {
            let parts = heads.iter().map(|(_, head)| part(head)).collect();
            shared_height(parts, self.quorum())
        };
        let slot = of(|head| head.number);
        let reached = heads.iter().find(|(_, head)| Some(head.number) == slot);
        let time = of(|head| u64::try_from(head.time).unwrap_or_default());
        let (Some((_, block)), Some(time)) = (reached, time) else {
            return Err(self.too_few(heads.len(), last));
        };
        let time = i64::try_from(time).unwrap_or_default();
        let age_seconds = self.clock.now().saturating_sub(time);
        if age_seconds > i64::try_from(self.settings.max_age_seconds).unwrap_or(i64::MAX) {
            let chain = self.settings.name.clone();
            return Err(ChainError::Stale { chain, age_seconds });
        }
        Ok(Block { time, ..*block })
    }

    /// What endpoints answer, by place, until enough have and the others had a little time; also
    /// what the last failure was.
    async fn ask<'a, T, F>(&'a self, ask: impl Fn(&'a Endpoint) -> F) -> (Vec<(usize, T)>, Source)
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let one = |(place, endpoint): (usize, &'a Endpoint)| {
            let answer = ask(endpoint);
            async move { (place, answer.await) }
        };
        let mut waiting = self.endpoints.iter().enumerate();
        let first = if self.quorum() > 1 { usize::MAX } else { 1 };
        let mut running = FuturesUnordered::new();
        running.extend(waiting.by_ref().take(first).map(one));
        let (mut found, mut last) = (Vec::new(), Source::from("nobody answers"));
        let mut until: Option<Instant> = None;
        loop {
            let by = until.unwrap_or_else(|| Instant::now() + HEDGE);
            match (timeout_at(by, running.next()).await, until) {
                (Ok(Some((place, Ok(value)))), _) => found.push((place, value)),
                (Ok(Some((_, Err(fault)))), _) => {
                    last = fault.cause();
                    running.extend(waiting.next().map(one));
                }
                (Err(_), None) => running.extend(waiting.next().map(one)),
                (Ok(None), _) | (Err(_), Some(_)) => return (found, last),
            }
            if found.len() >= self.quorum() && until.is_none() {
                if self.quorum() == 1 {
                    return (found, last);
                }
                until = Some(Instant::now() + GRACE);
            }
        }
    }

    fn unavailable(&self, source: impl Into<Source>) -> ChainError {
        ChainError::Unavailable {
            chain: self.settings.name.clone(),
            source: source.into(),
        }
    }

    /// So many of them agree, and the last that failed did so for this.
    fn too_few(&self, agreed: usize, last: Source) -> ChainError {
        match agreed {
            0 => self.unavailable(last),
            agreed => ChainError::QuorumNotReached {
                chain: self.settings.name.clone(),
                wanted: self.quorum(),
                agreed,
            },
        }
    }
}
