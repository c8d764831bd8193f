//! Which role of the gate shows a token: by the service account it was issued to. A token is
//! verified once and remembered for a minute, because every request of a viewer carries one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kube::Client;
use moka::future::Cache;
use streamgate_contract::config::GateIdentity;
use streamgate_contract::peers::{audience, role_of};
use streamgate_contract::roles::Role;

use super::tokens::ClusterTokens;
use crate::ports::clock::{Clock, UnixSeconds};
use crate::ports::jobs::TokenError;
use crate::ports::peers::Peers;

/// Most tokens that are remembered; there is one for each pod that asks.
const REMEMBERED: u64 = 1_024;
/// How long a token is believed without another look at the cluster's keys.
const BELIEVED: Duration = Duration::from_secs(60);

/// The other roles of a gate.
pub struct ClusterPeers {
    tokens: ClusterTokens,
    namespace: String,
    gate: String,
    clock: Arc<dyn Clock>,
    known: Cache<String, (Role, UnixSeconds)>,
}

impl ClusterPeers {
    /// Those that may ask the role `callee`.
    pub fn new(client: Client, gate: &GateIdentity, callee: Role, clock: Arc<dyn Clock>) -> Self {
        let known = Cache::builder().max_capacity(REMEMBERED);
        Self {
            tokens: ClusterTokens::new(client, audience(&gate.uid, callee), clock.clone()),
            namespace: gate.namespace.clone(),
            gate: gate.name.clone(),
            clock,
            known: known.time_to_live(BELIEVED).build(),
        }
    }

    /// Fetches what tokens are verified with, so that the first to ask need not wait for it.
    pub async fn prepare(&self) {
        self.tokens.prepare().await;
    }

    async fn verified(&self, token: &str) -> Result<(Role, UnixSeconds), TokenError> {
        let bearer = self.tokens.bearer(token).await?;
        let own = bearer.pod.namespace == self.namespace;
        let role = role_of(&self.gate, &bearer.account).filter(|_| own);
        let role = role.ok_or(TokenError::Refused("its account is that of no role here"))?;
        Ok((role, bearer.expires))
    }
}

#[async_trait]
impl Peers for ClusterPeers {
    async fn role(&self, token: &str) -> Result<Role, TokenError> {
        if let Some((role, expires)) = self.known.get(token).await
            && self.clock.now() < expires
        {
            return Ok(role);
        }
        let known = self.verified(token).await?;
        self.known.insert(token.to_owned(), known).await;
        Ok(known.0)
    }
}
