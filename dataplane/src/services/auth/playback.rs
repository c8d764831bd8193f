//! Playback handles: made here with the private key, verified by `streaming` with the public one.

use std::collections::HashSet;
use std::fmt;

use streamgate_contract::ContentId;
use streamgate_contract::plan::Plan;
use streamgate_contract::rules::Check;

use super::Auth;
use super::error::AuthError;
use super::proofs;
use super::rules::{self, Access};
use super::sessions::{Means, Profile};
use super::through::Named;
use crate::ports::clock::UnixSeconds;
use crate::ports::identity::{Denied, Entitlements, Viewer};
use crate::tokens::{Circumstances, Token, Viewing};

/// A way to watch.
#[derive(Clone, PartialEq, Eq)]
pub struct Playback {
    /// The handle. Secret.
    pub handle: String,
    /// Path of the master playlist on the gate. Secret: the handle rides in it.
    pub path: String,
    /// The same with the gate's public URL. Secret.
    pub url: String,
    /// Until when, whatever happens.
    pub expires: UnixSeconds,
    /// Seconds until then.
    pub seconds: i64,
}

impl fmt::Debug for Playback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playback")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// When a viewing that begins at `now` is over, pauses included.
fn end(plan: &Plan, pause_seconds: u64, now: UnixSeconds) -> UnixSeconds {
    let seconds = plan.source.duration_milliseconds().div_ceil(1_000);
    now.saturating_add_unsigned(seconds.saturating_add(pause_seconds))
}

impl Auth {
    /// Makes a handle for somebody who may watch the content now.
    /// `proven` are roots the wallet was proven to be in; they open nothing but rules that name
    /// them, and neither does what its sign-in proved. Accounts the viewer names are among them;
    /// what they are to the viewer is asked with every lease.
    pub async fn playback(
        &self,
        who: &Profile,
        id: &ContentId,
        proven: Vec<String>,
    ) -> Result<Playback, AuthError> {
        self.bound_playback(who, id, proven, None).await
    }

    /// Makes a handle that is good in these circumstances alone.
    pub async fn bound_playback(
        &self,
        who: &Profile,
        id: &ContentId,
        mut proven: Vec<String>,
        bound: Option<Circumstances>,
    ) -> Result<Playback, AuthError> {
        if matches!(who.means, Means::Key(scopes) if !scopes.watch) {
            return Err(AuthError::ScopeRequired("watch"));
        }
        proven.extend(who.proven.iter().cloned());
        let (wallet, session) = (who.principal.wallet, who.session.clone());
        let mut viewer = self.viewer(wallet, session, self.wanted(proven));
        self.entitle(&viewer, id).await?;
        viewer.proven = self.borne_out(&viewer, id).await?;
        let output = self.catalog.playable_output(id).await?;
        let output = output.ok_or_else(|| Denied::NotPlayable(id.clone()))?;
        let plan = self.catalog.output(&output).await?.plan;
        let now = self.clock.now();
        let expires = end(&plan, self.settings.pause_allowance_seconds, now);
        let viewing = Viewing {
            sub: viewer.wallet,
            sid: viewer.session,
            content: id.clone(),
            output,
            rules: self.rules_hash.clone(),
            proven: viewer.proven,
            bound,
        };
        let handle = Token::new(&self.public_url, now, expires, viewing);
        let handle = self.playback_key.sign(&handle)?;
        let path = format!("/v/{handle}/master.m3u8");
        let url = format!("{}{path}", self.public_url);
        Ok(Playback {
            handle,
            path,
            url,
            seconds: expires.saturating_sub(now),
            expires,
        })
    }

    /// What some rule names: nothing else needs to ride in a handle.
    pub(super) fn wanted(&self, mut proven: Vec<String>) -> Vec<String> {
        let checks = self.rules.usable().flat_map(|r| r.checks());
        let named: HashSet<String> = checks.filter_map(proofs::of).collect();
        proven.retain(|what| named.contains(what) || what.parse::<Named>().is_ok());
        proven.sort_unstable();
        proven.dedup();
        proven
    }

    /// What was proven, and of the accounts the viewer named those that are theirs as far as the
    /// content's rule goes: others need not ride in a handle, and take no place of their owner's.
    async fn borne_out(&self, viewer: &Viewer, id: &ContentId) -> Result<Vec<String>, AuthError> {
        let content = self.catalog.content(id).await?;
        let guard = rules::guard(&content, &self.rules, self.default_rule.as_deref());
        let checks = match guard {
            Access::Holders(required) => required.checks(),
            _ => Vec::new(),
        };
        let mut kept = Vec::new();
        for what in &viewer.proven {
            if what.parse::<Named>().is_err() || self.is_theirs(viewer, what, &checks).await {
                kept.push(what.clone());
            }
        }
        Ok(kept)
    }

    async fn is_theirs(&self, viewer: &Viewer, name: &str, checks: &[&Check]) -> bool {
        let named = Viewer {
            proven: vec![name.to_owned()],
            ..viewer.clone()
        };
        let ways = checks.iter().flat_map(|check| self.ways(&named, check));
        for way in ways {
            let link = self.remembered(viewer.wallet, &way.link).await;
            if link.is_ok_and(|said| said.holds()) {
                return true;
            }
        }
        false
    }
}
