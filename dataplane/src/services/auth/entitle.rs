//! May this wallet watch this content now? Fails closed: whatever cannot be decided is refused.

use std::sync::Arc;

use async_trait::async_trait;
use streamgate_contract::ContentId;
use streamgate_contract::rules::Erc721Rule;

use super::Auth;
use super::rules::{self, Access};
use crate::ports::Source;
use crate::ports::catalog::{CatalogError, Content};
use crate::ports::chain::{ChainError, Wallet};
use crate::ports::clock::UnixSeconds;
use crate::ports::identity::{Denied, Entitlements, Lease};

/// How long "does not hold" is believed: somebody who has just bought a token waits no longer.
const NEGATIVE_SECONDS: u64 = 5;

/// What a chain said, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    holds: bool,
    asked: UnixSeconds,
}

impl Answer {
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

fn undecided(source: impl Into<Source>) -> Denied {
    Denied::Undecided(source.into())
}

#[async_trait]
impl Entitlements for Auth {
    async fn entitle(
        &self,
        wallet: Wallet,
        session: &str,
        content: &ContentId,
    ) -> Result<Lease, Denied> {
        let outcome = self.decide(wallet, session, content).await;
        self.metrics.entitlement(&outcome);
        outcome
    }

    async fn epoch(&self) -> Result<u64, Denied> {
        self.catalog.epoch().await.map_err(undecided)
    }
}

impl Auth {
    async fn decide(
        &self,
        wallet: Wallet,
        session: &str,
        content: &ContentId,
    ) -> Result<Lease, Denied> {
        // Read first: whatever is revoked while we decide ends the lease.
        let epoch = self.epoch().await?;
        if self.has_ended(session, epoch).await.map_err(undecided)? {
            return Err(Denied::SessionEnded);
        }
        let content = self.playable(content).await?;
        let until = match self.access(&content, wallet) {
            Access::Granted => self
                .clock
                .now()
                .saturating_add_unsigned(self.settings.lease_seconds),
            Access::Nobody => return Err(Denied::NotPlayable(content.id)),
            Access::OwnerOnly => return Err(Denied::OwnerOnly(content.id)),
            Access::UnknownRule(name) => {
                let detail = "is not in spec.rules of the StreamGate; add it or change the content";
                return Err(undecided(format!("rule {name:?} {detail}")));
            }
            Access::Holders(required) => {
                let answer = self.answer(wallet, &required.erc721).await;
                let answer = answer.map_err(undecided)?;
                if !answer.holds {
                    return Err(Denied::TokenRequired(required));
                }
                answer.until(self.settings.lease_seconds)
            }
        };
        Ok(Lease { until, epoch })
    }

    fn access(&self, content: &Content, wallet: Wallet) -> Access {
        let who = self.principal(wallet);
        rules::access(content, &who, &self.rules, self.default_rule.as_deref())
    }

    /// The content, if it has something to play.
    async fn playable(&self, id: &ContentId) -> Result<Content, Denied> {
        let content = match self.catalog.content(id).await {
            Err(CatalogError::NotFound { .. }) => Err(Denied::NotPlayable(id.clone())),
            read => read.map_err(undecided),
        }?;
        let output = self.catalog.playable_output(id).await.map_err(undecided)?;
        output
            .map(|_| content)
            .ok_or_else(|| Denied::NotPlayable(id.clone()))
    }

    /// What the chain says, asked once for all who want to know at a time.
    async fn answer(&self, wallet: Wallet, rule: &Erc721Rule) -> Result<Answer, Arc<ChainError>> {
        let key = (wallet, rule.clone());
        let now = self.clock.now();
        let stale = |answer: Answer| answer.until(self.settings.lease_seconds) <= now;
        if self.answers.get(&key).await.is_some_and(stale) {
            self.answers.invalidate(&key).await;
        }
        self.answers.try_get_with(key, self.ask(wallet, rule)).await
    }

    async fn ask(&self, wallet: Wallet, rule: &Erc721Rule) -> Result<Answer, ChainError> {
        let asked = self.clock.now();
        let outcome = self.chain.holds(wallet, rule).await;
        self.metrics.question(&outcome);
        let holds = outcome?.holds;
        Ok(Answer { holds, asked })
    }
}
