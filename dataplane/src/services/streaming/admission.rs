//! Who may watch: the handle is verified once per revocation epoch, the entitlement behind it is
//! a lease that is asked anew when it is over or when somebody's admission has ended.

use std::sync::{Arc, Mutex, PoisonError};

use moka::future::Cache;
use sha2::{Digest, Sha256};
use streamgate_contract::ContentId;

use super::error::StreamingError;
use super::metrics::Metrics;
use crate::ports::clock::{Clock, UnixSeconds};
use crate::ports::identity::{Denied, Entitlements, Lease, Viewer};
use crate::tokens::{Token, TokenError, Verifier, Viewing};

/// Oldest epoch that is acted on, in milliseconds: a replica that is cut off stops serving as soon as
/// the others hear of a revocation.
const MAX_EPOCH_AGE: i64 = 1_500;
/// Most handles and leases that are remembered; more are verified and asked again.
const MAX_REMEMBERED: u64 = 100_000;
/// How often a lease is asked for a request when revocations keep coming.
const ATTEMPTS: usize = 3;

/// A session watching a content under a set of rules, with what it has proven.
type Seat = (String, ContentId, String, Vec<String>);
/// A verified handle: what it says, and its end.
type Verified = (Arc<Viewing>, UnixSeconds);

#[derive(Clone, Copy)]
struct Epoch {
    number: u64,
    /// Milliseconds.
    read: i64,
}

/// The guard.
pub struct Admission {
    key: Verifier,
    issuer: String,
    entitlements: Arc<dyn Entitlements>,
    clock: Arc<dyn Clock>,
    handles: Cache<([u8; 32], u64), Verified>,
    leases: Cache<Seat, Lease>,
    epoch: Mutex<Option<Epoch>>,
    metrics: Arc<Metrics>,
}

fn holds(lease: Lease, epoch: u64, now: UnixSeconds) -> bool {
    lease.epoch >= epoch && now < lease.until
}

impl Admission {
    pub fn new(
        key: Verifier,
        issuer: String,
        entitlements: Arc<dyn Entitlements>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            key,
            issuer,
            entitlements,
            clock,
            handles: Cache::new(MAX_REMEMBERED),
            leases: Cache::new(MAX_REMEMBERED),
            epoch: Mutex::new(None),
            metrics,
        }
    }

    /// Reads the revocation epoch.
    pub async fn refresh_epoch(&self) -> Result<(), Denied> {
        // The time before the question: the answer may be as old as that.
        let read = self.clock.now_milliseconds();
        let number = self.entitlements.epoch().await?;
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = Some(Epoch { number, read });
        Ok(())
    }

    /// The epoch, if it is fresh.
    pub fn epoch(&self) -> Result<u64, StreamingError> {
        let known = *self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = self.clock.now_milliseconds().saturating_sub(MAX_EPOCH_AGE);
        let fresh = known.filter(|epoch| epoch.read >= oldest);
        fresh
            .map(|epoch| epoch.number)
            .ok_or(StreamingError::EpochStale)
    }

    /// Who may watch what by this handle, now.
    pub async fn admit(&self, handle: &str) -> Result<Arc<Viewing>, StreamingError> {
        let outcome = self.decide(handle).await;
        self.metrics.admission(&outcome);
        outcome
    }

    async fn decide(&self, handle: &str) -> Result<Arc<Viewing>, StreamingError> {
        let epoch = self.epoch()?;
        let viewing = self.verified(handle, epoch).await?;
        self.entitled(&viewing, epoch).await?;
        Ok(viewing)
    }

    async fn verified(&self, handle: &str, epoch: u64) -> Result<Arc<Viewing>, StreamingError> {
        let now = self.clock.now();
        let key = (Sha256::digest(handle).into(), epoch);
        let known = self.handles.get(&key).await;
        let (viewing, end) = match known {
            Some(verified) => verified,
            None => {
                let token = self.verify(handle, now)?;
                let verified = (Arc::new(token.claims), token.exp);
                self.handles.insert(key, verified.clone()).await;
                verified
            }
        };
        match now < end {
            true => Ok(viewing),
            false => Err(StreamingError::HandleExpired),
        }
    }

    fn verify(&self, handle: &str, now: UnixSeconds) -> Result<Token<Viewing>, StreamingError> {
        let read = self.key.verify(&self.issuer, handle, now);
        read.map_err(|error| match error {
            TokenError::Invalid => StreamingError::InvalidHandle,
            TokenError::Expired => StreamingError::HandleExpired,
        })
    }

    /// Has a lease, or gets one; all who need the same one wait for a single question.
    async fn entitled(&self, viewing: &Viewing, epoch: u64) -> Result<(), StreamingError> {
        let now = self.clock.now();
        let seat = (
            viewing.sid.clone(),
            viewing.content.clone(),
            viewing.rules.clone(),
            viewing.proven.clone(),
        );
        for _ in 0..ATTEMPTS {
            match self.leases.get(&seat).await {
                Some(lease) if holds(lease, epoch, now) => return Ok(()),
                Some(_) => self.leases.invalidate(&seat).await,
                None => {}
            }
            let viewer = Viewer {
                wallet: viewing.sub,
                session: viewing.sid.clone(),
                proven: viewing.proven.clone(),
            };
            let ask = self.entitlements.entitle(&viewer, &viewing.content);
            let lease = self.leases.try_get_with(seat.clone(), ask).await;
            // The question may have been asked before the revocation we know of.
            if holds(lease.map_err(StreamingError::Denied)?, epoch, now) {
                return Ok(());
            }
        }
        Err(StreamingError::EpochStale)
    }
}
