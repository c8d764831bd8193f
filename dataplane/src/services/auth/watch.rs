//! Watches the chains of log-backed rules: every endpoint is followed by itself, and whatever any of
//! them shows to have moved is asked anew, so one that hides a transfer hides nothing and one that
//! invents some costs questions only. Rules without logs (view call, native, rebasing ERC-20, Solana)
//! are asked anew with every lease.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use super::Auth;
use super::revocations::{address, is_logged};
use super::through::logged;
use crate::ports::causes;
use crate::ports::chain::ChainError;
use crate::ports::chain::moves::Moves;

mod trail;

pub use trail::News;
use trail::{Join, MOST_BEHIND, Trail};

/// Bounds of the time between two looks; between them it is an eighth of the time between blocks.
const SOONEST: Duration = Duration::from_millis(250);
const LATEST: Duration = Duration::from_secs(2);

/// Follows one endpoint of a chain.
struct Follower {
    moves: Arc<dyn Moves>,
    chain: String,
    endpoint: usize,
    contracts: Vec<[u8; 20]>,
    trail: Trail,
    failing: bool,
}

impl Auth {
    /// Watches every chain that log-backed rules name, until `stop`.
    pub async fn watch(self: Arc<Self>, moves: Arc<dyn Moves>, stop: CancellationToken) {
        let mut followers = Vec::new();
        for (chain, contracts) in self.watched() {
            self.revocations.begin(&chain, self.clock.now());
            // Nothing yet: its figures are there from the start.
            self.metrics.news(&chain, &News::default());
            let contracts: Vec<_> = contracts.into_iter().collect();
            for endpoint in 0..moves.endpoints(&chain) {
                let follower = Follower {
                    moves: moves.clone(),
                    chain: chain.clone(),
                    endpoint,
                    contracts: contracts.clone(),
                    trail: Trail::default(),
                    failing: false,
                };
                followers.push(follower.run(&self));
            }
        }
        stop.run_until_cancelled(join_all(followers)).await;
    }

    /// Contracts of log-backed rules, by chain.
    fn watched(&self) -> BTreeMap<String, BTreeSet<[u8; 20]>> {
        let mut found: BTreeMap<String, BTreeSet<[u8; 20]>> = BTreeMap::new();
        let checks = self.rules.usable().flat_map(|rule| rule.checks());
        for check in checks.filter(|check| is_logged(check)) {
            let contracts = check.contract().into_iter().chain(logged(check));
            if let Some(chain) = check.chain() {
                let known = found.entry(chain.to_owned()).or_default();
                known.extend(contracts.filter_map(address));
            }
        }
        found
    }

    /// Ends every lease; tried until it is done, since a lease that stays is a wrong grant.
    async fn end_leases(&self) {
        while let Err(error) = self.catalog.begin_epoch().await {
            tracing::error!(
                error = causes(&error),
                "leases cannot be ended; trying again"
            );
            tokio::time::sleep(SOONEST).await;
        }
    }
}

impl Follower {
    async fn run(mut self, auth: &Auth) {
        loop {
            let (news, outcome) = self.look().await;
            let lease = auth.settings.lease_seconds;
            let now = auth.clock.now();
            let mut end = false;
            if !news.is_empty() {
                auth.metrics.news(&self.chain, &news);
                end = auth.revocations.take(&self.chain, &news, lease, now);
            }
            if outcome.is_ok() {
                auth.revocations.heard(&self.chain, now);
            }
            self.tell(&outcome);
            if auth.revocations.turns_deaf(&self.chain, now) {
                tracing::error!(chain = self.chain, "no endpoint shows the newest blocks");
                end = true;
            }
            if end {
                auth.end_leases().await;
            }
            tokio::time::sleep(self.pause()).await;
        }
    }

    /// Once when it begins to fail, and once when that is over.
    fn tell(&mut self, outcome: &Result<(), ChainError>) {
        let (chain, endpoint) = (&self.chain, self.endpoint);
        match outcome {
            Err(error) if !self.failing => {
                let error = causes(error);
                tracing::warn!(chain, endpoint, error, "an endpoint shows no new blocks");
            }
            Ok(()) if self.failing => tracing::info!(chain, endpoint, "an endpoint is back"),
            _ => {}
        }
        self.failing = outcome.is_err();
    }

    fn pause(&self) -> Duration {
        let spacing = self.trail.spacing().unwrap_or_default().max(0.0);
        Duration::try_from_secs_f64(spacing / 8.0).map_or(LATEST, |p| p.clamp(SOONEST, LATEST))
    }

    /// What is new, as far as the endpoint shows it: what was learnt before a failure counts.
    async fn look(&mut self) -> (News, Result<(), ChainError>) {
        let mut news = News::default();
        let outcome = self.learn(&mut news).await;
        (news, outcome)
    }

    async fn learn(&mut self, news: &mut News) -> Result<(), ChainError> {
        let (chain, endpoint) = (self.chain.as_str(), self.endpoint);
        let head = self.moves.head(chain, endpoint).await?;
        if self.trail.knows(&head) {
            return Ok(());
        }
        // The newest first, down to one that follows what is remembered.
        let (mut fresh, mut lowest) = (vec![head], head);
        loop {
            match self.trail.join(&lowest) {
                Join::Follows => break,
                Join::Orphans => self.trail.orphan(news),
                Join::Below if fresh.len() < MOST_BEHIND => {
                    let number = lowest.block.number.saturating_sub(1);
                    let below = self.moves.header(chain, endpoint, number).await?;
                    if below.block.hash != lowest.parent {
                        return Err(changed(chain));
                    }
                    lowest = below;
                    fresh.push(lowest);
                }
                Join::Begins | Join::Below => {
                    self.trail.lose(news);
                    fresh.truncate(1);
                    break;
                }
            }
        }
        while let Some(header) = fresh.pop() {
            let hash = header.block.hash;
            let moved = self.moves.moves(chain, endpoint, hash, &self.contracts);
            self.trail.add(header, moved.await?, news);
        }
        Ok(())
    }
}

/// The chain was re-organised between two questions: the next look sees it whole.
fn changed(chain: &str) -> ChainError {
    ChainError::Unavailable {
        chain: chain.to_owned(),
        source: "the chain changed while it was read".into(),
    }
}
