//! Pod tokens, verified with the keys the API server publishes. Keys are kept; an unknown key id
//! fetches them again, at most once in ten seconds, so that forged tokens are no lever.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kube::Client;
use tokio::sync::{Mutex, MutexGuard, RwLock};

use super::keys::{Bearer, Keys, Refusal};
use crate::ports::Source;
use crate::ports::clock::{Clock, UnixSeconds};
use crate::ports::jobs::{Pod, PodTokens, TokenError};

/// Seconds between two fetches.
const FETCH_PAUSE: i64 = 10;
/// The same while there are no keys at all: nobody can come in before there are.
const FIRST_PAUSE: i64 = 1;
/// Seconds after which keys are fetched again though nobody missed one: a key that the cluster
/// withdrew must not be believed for ever.
const MAX_AGE: i64 = 300;

/// Longest wait for the API server; job pods wait for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// When keys were fetched last; who holds it is fetching.
type Fetched<'a> = MutexGuard<'a, Option<UnixSeconds>>;

/// Verifies tokens for one audience.
pub struct ClusterTokens {
    client: Client,
    audience: String,
    clock: Arc<dyn Clock>,
    keys: RwLock<Option<Arc<Keys>>>,
    fetched: Mutex<Option<UnixSeconds>>,
}

impl ClusterTokens {
    /// `audience` is the StreamGate's UID for job pods, that of a role for the roles that ask it.
    pub fn new(client: Client, audience: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            audience,
            clock,
            keys: RwLock::new(None),
            fetched: Mutex::new(None),
        }
    }

    async fn known(&self) -> Option<Arc<Keys>> {
        self.keys.read().await.clone()
    }

    /// Fetches the keys unless that happened less than `pause` seconds ago.
    async fn refresh(&self, mut fetched: Fetched<'_>, pause: i64) -> Result<(), Source> {
        let now = self.clock.now();
        let pause = match self.known().await {
            Some(_) => pause,
            None => pause.min(FIRST_PAUSE),
        };
        if fetched.is_some_and(|then| now < then.saturating_add(pause)) {
            return Ok(());
        }
        *fetched = Some(now);
        let keys = tokio::time::timeout(FETCH_TIMEOUT, self.fetch()).await??;
        *self.keys.write().await = Some(Arc::new(keys));
        Ok(())
    }

    async fn fetch(&self) -> Result<Keys, Source> {
        let discovery = self.document("/.well-known/openid-configuration").await?;
        let jwks = self.document("/openid/v1/jwks").await?;
        Ok(Keys::parse(&discovery, &jwks)?)
    }

    async fn document(&self, path: &str) -> Result<String, Source> {
        let request = http::Request::get(path).body(Vec::new())?;
        Ok(self.client.request_text(request).await?)
    }

    /// Fetches the keys, so that nobody has to wait for them.
    pub(super) async fn prepare(&self) {
        let fetched = self.fetched.lock().await;
        if let Err(error) = self.refresh(fetched, FETCH_PAUSE).await {
            tracing::warn!(%error, "cannot fetch the cluster's token keys; trying again later");
        }
    }

    async fn try_known(&self, token: &str) -> Result<Bearer, Refusal> {
        let keys = self.known().await.ok_or(Refusal::UnknownKey)?;
        keys.verify(token, &self.audience, self.clock.now())
    }

    /// Whom a token was issued to.
    pub(super) async fn bearer(&self, token: &str) -> Result<Bearer, TokenError> {
        // Old keys stay good while new ones cannot be had, and while somebody else fetches them.
        if let Ok(fetched) = self.fetched.try_lock()
            && let Err(error) = self.refresh(fetched, MAX_AGE).await
        {
            tracing::warn!(%error, "cannot fetch the cluster's token keys; trying again later");
        }
        let mut outcome = self.try_known(token).await;
        if outcome == Err(Refusal::UnknownKey) {
            let fetched = self.fetched.lock().await;
            let refreshed = self.refresh(fetched, FETCH_PAUSE).await;
            refreshed.map_err(TokenError::Unavailable)?;
            outcome = self.try_known(token).await;
        }
        match outcome {
            Ok(bearer) => Ok(bearer),
            Err(Refusal::Invalid(why)) => Err(TokenError::Refused(why)),
            Err(Refusal::UnknownKey) if self.known().await.is_none() => {
                Err(TokenError::Unavailable("no keys were fetched yet".into()))
            }
            Err(Refusal::UnknownKey) => Err(TokenError::Refused("its key is unknown")),
        }
    }
}

#[async_trait]
impl PodTokens for ClusterTokens {
    async fn verify(&self, token: &str) -> Result<Pod, TokenError> {
        Ok(self.bearer(token).await?.pod)
    }
}
