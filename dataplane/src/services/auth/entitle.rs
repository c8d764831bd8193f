//! May this viewer watch this content now? Fails closed: whatever cannot be decided is refused.

use async_trait::async_trait;
use streamgate_contract::ContentId;
use streamgate_contract::rules::{Check, Requirement};

use super::Auth;
use super::evaluate::{Answer, Finding, evaluate};
use super::proofs;
use super::rules::{self, Access};
use crate::ports::Source;
use crate::ports::catalog::{CatalogError, Content};
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;
use crate::ports::identity::{Denied, Entitlements, Lease, Principal, Viewer};

/// What is in the way when a rule is.
pub const UNDECIDED: &str = "EntitlementUndecided";

/// The catalog is in the way: whatever it says of rules and sessions is needed.
fn unread(error: impl Into<Source>) -> Denied {
    Denied::Undecided {
        reason: "CatalogUnavailable",
        source: error.into(),
    }
}

/// A rule is in the way.
fn undecided(source: impl Into<Source>) -> Denied {
    Denied::Undecided {
        reason: UNDECIDED,
        source: source.into(),
    }
}

#[async_trait]
impl Entitlements for Auth {
    async fn entitle(&self, viewer: &Viewer, content: &ContentId) -> Result<Lease, Denied> {
        let outcome = self.decide(viewer, content).await;
        self.metrics.entitlement(&outcome);
        outcome
    }

    async fn epoch(&self) -> Result<u64, Denied> {
        self.catalog.epoch().await.map_err(unread)
    }
}

impl Auth {
    async fn decide(&self, viewer: &Viewer, content: &ContentId) -> Result<Lease, Denied> {
        // Read first: whatever is revoked while we decide ends the lease.
        let epoch = self.epoch().await?;
        let ended = self.has_ended(&viewer.session, epoch).await;
        if ended.map_err(unread)? {
            return Err(Denied::SessionEnded);
        }
        let content = self.playable(content).await?;
        let who = self.rights(viewer).await;
        let until = match self.access(&content, &who) {
            Access::Granted => self.lease_end(self.clock.now()),
            Access::Nobody => return Err(Denied::NotPlayable(content.id)),
            Access::OwnerOnly => return Err(Denied::OwnerOnly(content.id)),
            Access::UnknownRule(name) => return Err(unknown_rule(&name)),
            Access::InvalidRule(error) => return Err(undecided(error.clone())),
            Access::Holders(required) => self.admitted(viewer, required).await?,
        };
        Ok(Lease { until, epoch })
    }

    /// Until when the rule admits the viewer.
    pub(super) async fn admitted(
        &self,
        viewer: &Viewer,
        required: &Requirement,
    ) -> Result<UnixSeconds, Denied> {
        let local = |check: &Check| self.look(viewer, check).unwrap_or(Finding::OPEN);
        let mut found = evaluate(required, &local);
        let mut failed = None;
        if found.answer == Answer::Unknown {
            let examined = self.examine(viewer, required, Self::remembered).await;
            found = evaluate(required, &|check| examined.finding(check));
            failed = examined.failure().cloned();
        }
        match (found.answer, failed) {
            (Answer::Yes, _) => Ok(found.until),
            (Answer::No, _) => Err(Denied::Required(Box::new(required.clone()))),
            (Answer::Unknown, Some(error)) => Err(Denied::Undecided {
                reason: error.reason(),
                source: error.into(),
            }),
            (Answer::Unknown, None) => Err(undecided("nothing was found out about it")),
        }
    }

    /// What needs no chain; `None` when a chain must be asked.
    pub(super) fn look(&self, viewer: &Viewer, check: &Check) -> Option<Finding> {
        let now = self.clock.now();
        let yes = match check {
            Check::AllowList(list) => rules::listed(list, viewer.wallet),
            Check::Merkle(_) | Check::OidcClaim(_) => {
                proofs::of(check).is_some_and(|proof| viewer.proven.contains(&proof))
            }
            Check::Webhook(_) => return None,
            Check::SplToken(_) | Check::MetaplexNft(_) => match viewer.wallet {
                Wallet::Solana(_) => return None,
                _ => false,
            },
            on_chain => {
                // A contract is itself on its own chain only, and other accounts on none.
                let chain = on_chain.chain().and_then(|name| self.chain.id(name))?;
                let elsewhere = viewer.wallet.on_chain(chain).is_none();
                return elsewhere.then(|| Finding {
                    answer: Answer::No,
                    until: self.lease_end(now),
                });
            }
        };
        let answer = if yes { Answer::Yes } else { Answer::No };
        let until = self.lease_end(now);
        Some(Finding { answer, until })
    }

    fn lease_end(&self, now: UnixSeconds) -> UnixSeconds {
        now.saturating_add_unsigned(self.settings.lease_seconds)
    }

    fn access(&self, content: &Content, who: &Principal) -> Access<'_> {
        rules::access(content, who, &self.rules, self.default_rule.as_deref())
    }

    /// The content, if it has something to play.
    async fn playable(&self, id: &ContentId) -> Result<Content, Denied> {
        let content = match self.catalog.content(id).await {
            Err(CatalogError::NotFound { .. }) => Err(Denied::NotPlayable(id.clone())),
            read => read.map_err(unread),
        }?;
        let output = self.catalog.playable_output(id).await.map_err(unread)?;
        output
            .map(|_| content)
            .ok_or_else(|| Denied::NotPlayable(id.clone()))
    }
}

fn unknown_rule(name: &str) -> Denied {
    let detail = "is not in spec.rules of the StreamGate; add it or change the content";
    undecided(format!("rule {name:?} {detail}"))
}
