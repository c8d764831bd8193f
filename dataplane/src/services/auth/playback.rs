//! Playback handles: made here with the private key, verified by `streaming` with the public one.

use std::fmt;

use streamgate_contract::ContentId;
use streamgate_contract::plan::Plan;
use streamgate_contract::rules::{Check, MerkleRule};

use super::Auth;
use super::error::AuthError;
use super::sessions::Profile;
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
    /// `proven` are roots the wallet was proven to be in; they open nothing but rules that name them.
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
        proven: Vec<String>,
        bound: Option<Circumstances>,
    ) -> Result<Playback, AuthError> {
        let viewer = Viewer {
            wallet: who.principal.wallet,
            session: who.session.clone(),
            proven: self.wanted(proven),
        };
        self.entitle(&viewer, id).await?;
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

    /// Those roots that some rule names: nothing else needs to ride in a handle.
    fn wanted(&self, mut proven: Vec<String>) -> Vec<String> {
        let checks: Vec<_> = self.rules.usable().flat_map(|r| r.checks()).collect();
        let named = |root: &String| {
            let same = |rule: &MerkleRule| rule.root.eq_ignore_ascii_case(root);
            checks
                .iter()
                .any(|c| matches!(c, Check::Merkle(rule) if same(rule)))
        };
        proven.retain(named);
        proven.sort_unstable();
        proven.dedup();
        proven
    }
}
