//! The endpoints of a chain as one: a block that enough of them share is pinned by its hash, and
//! what is asked at it counts when enough of them give the same result. Endpoints are asked in the
//! order of `rpcUrls`; one that fails, lags or lacks the block is passed over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use streamgate_contract::config;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::endpoint::Endpoint;
use super::metrics::{ChainMetrics, Families};
use super::rpc::{Fault, Outcome, Query, Rpc};
use crate::adapters::endpoints::tally::{agreement, shared_height};
use crate::ports::Source;
use crate::ports::chain::standing::ChainStanding;
use crate::ports::chain::{Block, ChainError};
use crate::ports::clock::Clock;

/// Longest wait for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(8);
/// How long those that are slower than the quorum may still be heard.
const GRACE: Duration = Duration::from_millis(250);
/// Without an answer for so long, the next endpoint is asked too.
const HEDGE: Duration = Duration::from_millis(500);
/// Every so many readings all endpoints are asked, so that one that lies is named before it is
/// needed.
const SPOT_CHECK: u64 = 16;
/// How far below the shared height a shared block is looked for: endpoints on a fork agree there.
const STEPS_BACK: [u64; 9] = [0, 1, 2, 3, 4, 6, 8, 12, 16];
/// Readings of which a block vanished on the way: a re-organisation, or a balancer whose nodes
/// differ. Tried so often, so far apart.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(150);

/// A chain.
pub(super) struct Provider {
    settings: config::Chain,
    endpoints: Vec<Endpoint>,
    clock: Arc<dyn Clock>,
    metrics: ChainMetrics,
    readings: AtomicU64,
}

/// Which block is pinned: so many blocks behind a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    tag: &'static str,
    behind: u64,
}

impl Policy {
    /// The newest block there is.
    pub(super) const NEWEST: Self = Self {
        tag: config::Finality::Latest.tag(),
        behind: 0,
    };
}

/// A pinned block, and the endpoints in the order they are to be asked.
struct Pin {
    block: Block,
    order: Vec<usize>,
}

/// A failed attempt, and whether another may go better.
struct Attempt {
    error: ChainError,
    block_missing: bool,
}

impl Provider {
    pub(super) fn new(
        settings: &config::Chain,
        rpc: &Rpc,
        clock: Arc<dyn Clock>,
        families: &Families,
    ) -> Self {
        let urls = settings.rpc_urls.iter().enumerate();
        let endpoint = |(place, url): (usize, &String)| {
            let metrics = families.endpoint(&settings.name, place);
            Endpoint::new(url.clone(), settings.chain_id, rpc.clone(), metrics)
        };
        Self {
            settings: settings.clone(),
            endpoints: urls.map(endpoint).collect(),
            clock,
            metrics: families.chain(&settings.name),
            readings: AtomicU64::new(0),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    pub(super) fn chain_id(&self) -> u64 {
        self.settings.chain_id
    }

    fn quorum(&self) -> usize {
        self.settings.quorum.max(1)
    }

    /// The block that counts as decided.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            tag: self.settings.finality.tag(),
            behind: self.settings.confirmations,
        }
    }

    /// An endpoint by its place in `rpcUrls`.
    pub(super) fn endpoint(&self, place: usize) -> Result<&Endpoint, ChainError> {
        let none = || self.unavailable("there is no such endpoint");
        self.endpoints.get(place).ok_or_else(none)
    }

    /// How its endpoints are.
    pub(super) fn standing(&self) -> ChainStanding {
        let endpoints = self.endpoints.iter().map(Endpoint::standing).collect();
        ChainStanding::new(self.name(), self.quorum(), endpoints)
    }

    pub(super) fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// What an endpoint failed with, as a failure of the chain.
    pub(super) fn failure(&self, fault: Fault) -> ChainError {
        self.unavailable(cause(fault))
    }

    /// Pins a block and asks at it.
    pub(super) async fn read(
        &self,
        query: &Query,
        policy: Policy,
    ) -> Result<(Outcome, Block), ChainError> {
        let outcome = self.in_time(self.attempts(query, policy)).await;
        if let Ok((_, block)) = &outcome {
            self.metrics.block.set(block.number as i64);
        }
        outcome
    }

    /// Asks at a block that was pinned before.
    pub(super) async fn read_at(&self, block: Block, query: &Query) -> Result<Outcome, ChainError> {
        let order = (0..self.endpoints.len()).collect();
        let pin = Pin { block, order };
        let asked = async { self.ask(&pin, query).await.map_err(|failed| failed.error) };
        self.in_time(asked).await
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        let outcome = timeout(TIMEOUT, work).await;
        let outcome = outcome.unwrap_or_else(|_| Err(self.unavailable("it took too long")));
        if let Err(ChainError::QuorumNotReached { .. }) = &outcome {
            self.metrics.without_quorum.inc();
        }
        outcome
    }

    async fn attempts(
        &self,
        query: &Query,
        policy: Policy,
    ) -> Result<(Outcome, Block), ChainError> {
        let mut attempt = 1;
        loop {
            let pin = self.pin(policy).await?;
            match self.ask(&pin, query).await {
                Ok(outcome) => return Ok((outcome, pin.block)),
                Err(failed) if failed.block_missing && attempt < ATTEMPTS => {
                    attempt += 1;
                    sleep(PAUSE).await;
                }
                Err(failed) => return Err(failed.error),
            }
        }
    }

    /// The block decisions rest on now.
    async fn pin(&self, policy: Policy) -> Result<Pin, ChainError> {
        match self.quorum() {
            1 => self.first_head(policy).await,
            _ => self.shared_block(policy).await,
        }
    }

    /// Without a quorum, the first endpoint that answers and is not behind is believed.
    async fn first_head(&self, policy: Policy) -> Result<Pin, ChainError> {
        let mut error = self.unavailable("no endpoint is configured");
        for (place, endpoint) in self.endpoints.iter().enumerate() {
            match decided(endpoint, policy).await {
                Ok(block) => match self.fresh(block) {
                    Ok(()) => {
                        let others = (0..self.endpoints.len()).filter(|other| *other != place);
                        let order = std::iter::once(place).chain(others).collect();
                        return Ok(Pin { block, order });
                    }
                    Err(stale) => error = stale,
                },
                Err(fault) => error = self.unavailable(cause(fault)),
            }
        }
        Err(error)
    }

    /// The highest block whose hash enough endpoints share.
    async fn shared_block(&self, Policy { tag, behind }: Policy) -> Result<Pin, ChainError> {
        let quorum = self.quorum();
        let asked = self.endpoints.iter().enumerate();
        let asked = asked.map(|(place, e)| async move { (place, e.block(tag).await) });
        let (heads, last) = gather(asked, quorum).await;
        let height = shared_height(heads.iter().map(|(_, b)| b.number).collect(), quorum);
        let Some(height) = height else {
            return Err(match heads.len() {
                0 => self.unavailable(last),
                agreed => self.without_quorum(agreed),
            });
        };
        let height = height.saturating_sub(behind);
        let mut agreed = 0;
        for back in STEPS_BACK {
            let Some(number) = height.checked_sub(back) else {
                break;
            };
            match self.shared_at(number, &heads).await {
                Ok(pin) => return self.fresh(pin.block).map(|()| pin),
                Err(largest) => agreed = largest.max(agreed),
            }
        }
        Err(self.without_quorum(agreed))
    }

    /// The block of this number if enough of those that are so far share it, else how many do.
    async fn shared_at(&self, number: u64, heads: &[(usize, Block)]) -> Result<Pin, usize> {
        let reached = heads.iter().filter(|(_, head)| head.number >= number);
        let asked = reached.map(|&(place, head)| async move {
            let block = match head.number == number {
                true => Ok(head),
                false => self.endpoints[place].block(&format!("{number:#x}")).await,
            };
            (place, block)
        });
        let (votes, _) = gather(asked, self.quorum()).await;
        let found = agreement(&votes, self.quorum())?;
        for place in &found.others {
            self.endpoints[*place].metrics.wrong_block();
        }
        let mut order = found.agreeing;
        order.sort_unstable();
        let rest = (0..self.endpoints.len()).filter(|place| !order.contains(place));
        let rest: Vec<usize> = rest.collect();
        order.extend(rest);
        let block = votes[found.chosen].1;
        Ok(Pin { block, order })
    }

    /// Asks at a pinned block until enough endpoints say the same. Endpoints that did not take part
    /// in pinning count as well: what they say at this hash is of the same block.
    async fn ask(&self, pin: &Pin, query: &Query) -> Result<Outcome, Attempt> {
        let quorum = self.quorum();
        let spot = self
            .readings
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(SPOT_CHECK);
        let mut waiting = pin.order.iter().copied();
        let mut running = FuturesUnordered::new();
        let one = |place: usize| async move {
            let answer = self.endpoints[place].ask(query, pin.block.hash).await;
            (place, answer)
        };
        let first = if spot { usize::MAX } else { quorum };
        running.extend(waiting.by_ref().take(first).map(one));
        let (mut votes, mut last, mut block_missing) = (Vec::new(), None, false);
        loop {
            let next = match timeout(HEDGE, running.next()).await {
                Ok(Some(answer)) => Some(answer),
                Ok(None) => break,
                Err(_) => {
                    running.extend(waiting.next().map(one));
                    None
                }
            };
            match next {
                Some((place, Ok(outcome))) => votes.push((place, outcome)),
                Some((_, Err(fault))) => {
                    block_missing |= matches!(fault, Fault::Missing);
                    last = Some(fault);
                }
                None => continue,
            }
            match agreement(&votes, quorum) {
                Ok(_) => break,
                // Whoever still runs cannot be enough: more are asked.
                Err(largest) => {
                    let lacking = (quorum - largest).saturating_sub(running.len());
                    running.extend(waiting.by_ref().take(lacking).map(one));
                }
            }
        }
        if spot {
            let until = Instant::now() + GRACE;
            while let Ok(Some((place, answer))) = timeout_at(until, running.next()).await {
                votes.extend(answer.ok().map(|outcome| (place, outcome)));
            }
        }
        self.verdict(votes, last, block_missing)
    }

    fn verdict(
        &self,
        mut votes: Vec<(usize, Outcome)>,
        last: Option<Fault>,
        block_missing: bool,
    ) -> Result<Outcome, Attempt> {
        let error = match agreement(&votes, self.quorum()) {
            Ok(found) => {
                // Without a quorum nobody can tell who lies.
                for place in found.others.iter().filter(|_| self.quorum() > 1) {
                    self.endpoints[*place].metrics.wrong_result();
                }
                return Ok(votes.swap_remove(found.chosen).1);
            }
            Err(0) => self.unavailable(last.map_or("nobody answers".into(), cause)),
            Err(agreed) => self.without_quorum(agreed),
        };
        Err(Attempt {
            error,
            block_missing,
        })
    }

    fn fresh(&self, block: Block) -> Result<(), ChainError> {
        let age_seconds = self.clock.now().saturating_sub(block.time);
        let most = i64::try_from(self.settings.max_age_seconds).unwrap_or(i64::MAX);
        if age_seconds <= most {
            return Ok(());
        }
        let chain = self.settings.name.clone();
        Err(ChainError::Stale { chain, age_seconds })
    }

    fn unavailable(&self, source: impl Into<Source>) -> ChainError {
        ChainError::Unavailable {
            chain: self.settings.name.clone(),
            source: source.into(),
        }
    }

    fn without_quorum(&self, agreed: usize) -> ChainError {
        ChainError::QuorumNotReached {
            chain: self.settings.name.clone(),
            wanted: self.quorum(),
            agreed,
        }
    }
}

/// The block that a policy names, as one endpoint sees it.
async fn decided(endpoint: &Endpoint, policy: Policy) -> Result<Block, Fault> {
    let head = endpoint.block(policy.tag).await?;
    let number = head.number.saturating_sub(policy.behind);
    if number == head.number {
        return Ok(head);
    }
    endpoint.block(&format!("{number:#x}")).await
}

fn cause(fault: Fault) -> Source {
    match fault {
        Fault::Failed(source) => source,
        Fault::Missing => "it does not have the block".into(),
        Fault::Refused(code) => format!("it refused the question with code {code}").into(),
    }
}

/// What is answered, by place: everything, but when `enough` have answered the others have only a
/// short while more. Also what the last failure was.
async fn gather<T>(
    asked: impl Iterator<Item = impl Future<Output = (usize, Result<T, Fault>)>>,
    enough: usize,
) -> (Vec<(usize, T)>, Source) {
    let mut running: FuturesUnordered<_> = asked.collect();
    let (mut found, mut last) = (Vec::new(), Source::from("nobody answers"));
    let mut until = None;
    loop {
        let next = match until {
            None => running.next().await,
            Some(until) => timeout_at(until, running.next()).await.unwrap_or(None),
        };
        match next {
            None => return (found, last),
            Some((place, Ok(value))) => found.push((place, value)),
            Some((_, Err(fault))) => last = cause(fault),
        }
        if found.len() >= enough && until.is_none() {
            until = Some(Instant::now() + GRACE);
        }
    }
}
