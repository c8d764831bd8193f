//! What the tests of a rule say of a viewer: lists looked up, chains asked, each question once for
//! all who want to know at a time.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::{BoxFuture, join_all};
use streamgate_contract::rules::{Check, Requirement};

use super::Auth;
use super::evaluate::{Answer, Finding};
use super::revocations::{Key, is_logged};
use super::through::{self, Named, Way};
use crate::ports::chain::{Block, ChainError, Wallet};
use crate::ports::clock::UnixSeconds;
use crate::ports::hooks::HookError;
use crate::ports::identity::Viewer;

/// How long "does not hold" is believed: somebody who has just bought a token waits no longer.
const NEGATIVE_SECONDS: u64 = 5;

/// What a chain or a service said, when, and of which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    holds: bool,
    asked: UnixSeconds,
    /// What was known to have ended when it was asked.
    generation: u64,
    /// The block it is true at, when a chain was asked.
    pub block: Option<Block>,
}

impl Said {
    /// Is it so?
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// Until when it is believed. Counted from the question, so that no chain of caches makes it
    /// last longer.
    fn until(&self, lease_seconds: u64) -> UnixSeconds {
        let seconds = match self.holds {
            true => lease_seconds,
            false => lease_seconds.min(NEGATIVE_SECONDS),
        };
        self.asked.saturating_add_unsigned(seconds)
    }
}

impl Finding {
    /// Nothing is known.
    pub const OPEN: Self = Self {
        answer: Answer::Unknown,
        until: UnixSeconds::MIN,
    };
}

/// Why a test could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// By a chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// By a service.
    #[error(transparent)]
    Hook(#[from] HookError),
}

impl Obstacle {
    /// Stable word for it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Chain(error) => error.reason(),
            Self::Hook(error) => error.reason(),
        }
    }
}

/// What a test rests on: no chain at all, a block, or what is in the way.
pub type Ground = Result<Option<Block>, Arc<Obstacle>>;

/// What was found out about the tests of a rule.
#[derive(Debug, Default)]
pub struct Examined(HashMap<Check, (Finding, Ground)>);

impl Examined {
    /// What was found out about a test.
    pub fn finding(&self, check: &Check) -> Finding {
        self.0.get(check).map_or(Finding::OPEN, |(found, _)| *found)
    }

    /// What that rests on.
    pub fn ground(&self, check: &Check) -> Option<&Ground> {
        self.0.get(check).map(|(_, ground)| ground)
    }

    /// Why something could not be found out.
    pub fn failure(&self) -> Option<&Arc<Obstacle>> {
        // The same for the same failures, whatever order the table has.
        let failures = self
            .0
            .values()
            .filter_map(|(_, ground)| ground.as_ref().err());
        failures.min_by_key(|error| error.reason())
    }
}

/// What an answer comes as.
pub type Asked<'a> = BoxFuture<'a, Result<Said, Arc<Obstacle>>>;
/// How it is asked: as it is remembered, or anew.
pub type Ask = for<'a> fn(&'a Auth, Wallet, &'a Check) -> Asked<'a>;

impl Auth {
    /// Finds out everything about the tests of a rule, asking chains by `ask`.
    pub(super) async fn examine(
        &self,
        viewer: &Viewer,
        required: &Requirement,
        ask: Ask,
    ) -> Examined {
        let one = |check: &Check| {
            let check = check.clone();
            async move {
                let found = match self.look(viewer, &check) {
                    Some(finding) => (finding, Ok(None)),
                    None => self.ask_all(viewer, &check, ask).await,
                };
                (check, found)
            }
        };
        let found = join_all(required.checks().into_iter().map(one)).await;
        Examined(found.into_iter().collect())
    }

    /// What is true of the viewer, or of an account they named.
    async fn ask_all(&self, viewer: &Viewer, check: &Check, ask: Ask) -> (Finding, Ground) {
        let mut best = ask(self, viewer.wallet, check).await;
        for way in self.ways(viewer, check) {
            if best.as_ref().is_ok_and(|said| said.holds) {
                break;
            }
            let through = self.ask_way(viewer.wallet, check, &way, ask).await;
            // What cannot be found out stays so, unless another account holds it.
            if best.is_ok() || through.as_ref().is_ok_and(|said| said.holds) {
                best = through;
            }
        }
        match best {
            Ok(said) => (self.read(said), Ok(said.block)),
            Err(error) => (Finding::OPEN, Err(error)),
        }
    }

    /// Whether an account is the viewer's and holds what the check asks for. Either answer ends
    /// both, so they need not be of one block.
    async fn ask_way(
        &self,
        viewer: Wallet,
        check: &Check,
        way: &Way,
        ask: Ask,
    ) -> Result<Said, Arc<Obstacle>> {
        let link = ask(self, viewer, &way.link).await?;
        if !link.holds {
            return Ok(link);
        }
        let held = ask(self, Wallet::of_key(way.account), check).await?;
        Ok(Said {
            asked: held.asked.min(link.asked),
            ..held
        })
    }

    /// The ways in which accounts that the viewer named may count.
    pub(super) fn ways(&self, viewer: &Viewer, check: &Check) -> Vec<Way> {
        let id = check.chain().and_then(|chain| self.chain.id(chain));
        let named = viewer.proven.iter().filter_map(|name| name.parse().ok());
        let of = |named: Named| id.map_or(Vec::new(), |id| through::ways(check, id, named));
        named.take(through::MOST).flat_map(of).collect()
    }

    fn read(&self, said: Said) -> Finding {
        Finding {
            answer: if said.holds { Answer::Yes } else { Answer::No },
            until: said.until(self.settings.lease_seconds),
        }
    }

    /// What the chain says, as far as it was asked lately and nothing moved since.
    pub(super) fn remembered<'a>(&'a self, wallet: Wallet, check: &'a Check) -> Asked<'a> {
        Box::pin(async move {
            let entry = (wallet, check.clone());
            let now = self.clock.now();
            let key = wallet.evm().and_then(|account| Key::of(check, account));
            if let Some(key) = &key {
                self.refuse_deaf(check, now)?;
                let until = now.saturating_add_unsigned(self.settings.lease_seconds);
                self.revocations.rests_on(key.clone(), now, until);
            }
            let stale = |said: Said| {
                let moved = |key| {
                    let block = said.block.map_or(0, |block| block.number);
                    !self.revocations.stands(key, said.generation, block)
                };
                said.until(self.settings.lease_seconds) <= now || key.as_ref().is_some_and(moved)
            };
            if self.answers.get(&entry).await.is_some_and(stale) {
                self.answers.invalidate(&entry).await;
            }
            let ask = self.ask(wallet, check);
            self.answers.try_get_with(entry, ask).await
        })
    }

    /// Without news of what moves, nobody is admitted by what logs would have told.
    fn refuse_deaf(&self, check: &Check, now: UnixSeconds) -> Result<(), Arc<Obstacle>> {
        let chain = check.chain().unwrap_or_default();
        let deaf = is_logged(check) && self.revocations.is_deaf(chain, now);
        match deaf {
            true => Err(Arc::new(ChainError::Unwatched(chain.to_owned()).into())),
            false => Ok(()),
        }
    }

    /// What the chain says now.
    pub(super) fn anew<'a>(&'a self, wallet: Wallet, check: &'a Check) -> Asked<'a> {
        Box::pin(async move { self.ask(wallet, check).await.map_err(Arc::new) })
    }

    async fn ask(&self, wallet: Wallet, check: &Check) -> Result<Said, Obstacle> {
        let asked = self.clock.now();
        let generation = self.revocations.generation();
        let outcome = self.answer(wallet, check).await;
        self.metrics
            .question(outcome.as_ref().ok().map(|(holds, _)| *holds));
        let (holds, block) = outcome?;
        tracing::debug!(
            chain = check.chain(),
            block = block.map(|block| block.number),
            hash = block.map(|block| hex::encode(block.hash)),
            age = block.map(|block| asked.saturating_sub(block.time)),
            holds,
            "asked a chain or a service"
        );
        Ok(Said {
            holds,
            asked,
            generation,
            block,
        })
    }

    /// Asks whoever knows.
    async fn answer(
        &self,
        wallet: Wallet,
        check: &Check,
    ) -> Result<(bool, Option<Block>), Obstacle> {
        if let Check::Webhook(rule) = check {
            let hooks = &self.outside.hooks;
            return Ok((hooks.admits(wallet, rule).await?, None));
        }
        if let (Wallet::Solana(owner), Some(_)) = (wallet, check.cluster()) {
            let reading = self.outside.solana.read(owner, check).await?;
            return Ok((reading.holds, Some(reading.block)));
        }
        let nowhere = || ChainError::UnknownChain(check.chain().unwrap_or_default().to_owned());
        let address = wallet.evm().ok_or_else(nowhere)?;
        let reading = self.chain.read(address, check).await?;
        Ok((reading.holds, Some(reading.block)))
    }
}
