//! The auth role as the others see it when it runs in pods of its own. Fails closed: no answer in
//! time is no admission. Revocations do not go through it: the epoch stands in the catalog that all
//! share, so a stream ends in time whether or not auth answers, and goes on when auth is away no
//! longer than its lease.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryFutureExt;
use futures::future::BoxFuture;
use http::{StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use moka::future::Cache;
use serde::Serialize;
use serde::de::DeserializeOwned;
use streamgate_contract::ContentId;
use streamgate_contract::peers::{ENTITLE_PATH, IDENTIFY_PATH, STANDINGS_PATH};
use streamgate_contract::roles::Role;

use super::entitle::UNDECIDED;
use crate::error::REASONS;
use crate::ports::Source;
use crate::ports::catalog::Catalog;
use crate::ports::chain::standing::{ChainStanding, Standings};
use crate::ports::identity::wire::{Entitle, Entitled, Identified, Identify};
use crate::ports::identity::{
    Denied, Entitlements, Identities, IdentityError, Lease, Principal, Viewer,
};
use crate::ports::peers::{Body, Upstream, UpstreamError};

/// What is in the way when auth is.
pub const UNREACHABLE: &str = "AuthUnreachable";
/// Longest wait for a decision: chains may have to be asked.
const DECISION: Duration = Duration::from_secs(10);
/// Longest wait to learn whose a session is.
const IDENTITY: Duration = Duration::from_secs(3);
/// How long a session counts as looked at. Who signs out is known here for as long.
const LOOKED_AT: Duration = Duration::from_secs(2);
/// Most sessions that are remembered.
const REMEMBERED: u64 = 100_000;
/// Longest answer: a requirement with all it names.
const LARGEST: usize = 256 << 10;

/// Questions to auth.
#[derive(Clone)]
struct Asks(Arc<dyn Upstream>);

impl Asks {
    /// Asks again once when the connection broke: a question changes nothing.
    async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &'static str,
        question: &Q,
        patience: Duration,
    ) -> Result<A, Source> {
        let question = Bytes::from(serde_json::to_vec(question)?);
        let asked = async {
            match self.once(path, question.clone()).await {
                Err(error) if error.is::<UpstreamError>() => self.once(path, question).await,
                answer => answer,
            }
        };
        tokio::time::timeout(patience, asked).await?
    }

    async fn once<A: DeserializeOwned>(&self, path: &str, question: Bytes) -> Result<A, Source> {
        let body = Full::new(question).map_err(|never| match never {});
        let request = http::Request::post(path).header(header::CONTENT_TYPE, "application/json");
        let answer = self.0.send(Role::Auth, request.body(body.boxed_unsync())?);
        let (head, body) = answer.await?.into_parts();
        if head.status != StatusCode::OK {
            return Err(format!("auth answered {}", head.status).into());
        }
        Ok(serde_json::from_slice(&whole(body).await?)?)
    }
}

/// A body of bounded length.
fn whole(body: Body) -> BoxFuture<'static, Result<Bytes, Source>> {
    let named: fn(Source) -> std::io::Error = std::io::Error::other;
    let body = Limited::new(body.map_err(named), LARGEST).collect();
    Box::pin(body.map_ok(|body| body.to_bytes()))
}

/// Decides who may watch by asking auth.
pub struct RemoteEntitlements {
    auth: Asks,
    catalog: Arc<dyn Catalog>,
}

impl RemoteEntitlements {
    /// Asks auth for leases, and the catalog for the epoch.
    pub fn new(roles: Arc<dyn Upstream>, catalog: Arc<dyn Catalog>) -> Self {
        Self {
            auth: Asks(roles),
            catalog,
        }
    }
}

#[async_trait]
impl Entitlements for RemoteEntitlements {
    async fn entitle(&self, viewer: &Viewer, content: &ContentId) -> Result<Lease, Denied> {
        let question = Entitle::of(viewer, content);
        let answer = self.auth.ask(ENTITLE_PATH, &question, DECISION).await;
        let answer: Entitled = answer.map_err(|source| Denied::Undecided {
            reason: UNREACHABLE,
            source,
        })?;
        answer.decided(content, &REASONS, UNDECIDED)
    }

    async fn epoch(&self) -> Result<u64, Denied> {
        let epoch = self.catalog.epoch().await;
        epoch.map_err(|error| Denied::Undecided {
            reason: "CatalogUnavailable",
            source: error.into(),
        })
    }
}

/// Finds out by asking auth whose a session is.
pub struct RemoteIdentities {
    auth: Asks,
    known: Cache<String, Principal>,
}

impl RemoteIdentities {
    /// Asks auth.
    pub fn new(roles: Arc<dyn Upstream>) -> Self {
        let known = Cache::builder().max_capacity(REMEMBERED);
        Self {
            auth: Asks(roles),
            known: known.time_to_live(LOOKED_AT).build(),
        }
    }
}

#[async_trait]
impl Identities for RemoteIdentities {
    async fn identify(&self, token: &str) -> Result<Principal, IdentityError> {
        if token.len() > crate::tokens::MAX_TOKEN_BYTES {
            return Err(IdentityError::Refused);
        }
        if let Some(principal) = self.known.get(token).await {
            return Ok(principal);
        }
        let token = token.to_owned();
        let question = Identify {
            token: token.clone(),
        };
        let answer = self.auth.ask(IDENTIFY_PATH, &question, IDENTITY).await;
        let answer: Identified = answer.map_err(IdentityError::Unavailable)?;
        let principal = answer.principal()?;
        // Only who is signed in is remembered: a token that is forged costs its sender.
        self.known.insert(token, principal).await;
        Ok(principal)
    }
}

/// Finds out by asking auth how the chains are, once a second however many want to know.
pub struct RemoteStandings {
    auth: Asks,
    known: Cache<(), Arc<Vec<ChainStanding>>>,
}

impl RemoteStandings {
    /// Asks auth.
    pub fn new(roles: Arc<dyn Upstream>) -> Self {
        let known = Cache::builder().max_capacity(1);
        Self {
            auth: Asks(roles),
            known: known.time_to_live(Duration::from_secs(1)).build(),
        }
    }
}

#[async_trait]
impl Standings for RemoteStandings {
    async fn standings(&self) -> Result<Vec<ChainStanding>, Source> {
        let ask = async {
            let told = self.auth.ask(STANDINGS_PATH, &(), IDENTITY).await;
            told.map(Arc::new)
        };
        let told = self.known.try_get_with((), ask).await;
        told.map(Arc::unwrap_or_clone)
            .map_err(|error| error.to_string().into())
    }
}

#[cfg(test)]
mod tests;
