//! Who may watch: the handle is verified once, the entitlement behind it is a lease that is asked
//! anew when it is over or when somebody's admission has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use moka::future::Cache;
use streamgate_contract::ContentId;
use streamgate_contract::playback::PlaybackSettings;

use super::error::StreamingError;
use super::metrics::Metrics;
use crate::pace::Paces;
use crate::ports::clock::{Clock, UnixSeconds};
use crate::ports::identity::{Denied, Entitlements, Lease, Viewer};
use crate::tokens::{Token, TokenError, Verifier, Viewing};

mod audience;
mod pass;
mod shared;

use audience::Audience;
pub use pass::Pass;
use pass::{Moment, Passes};
pub use shared::{Shared, TELLS};

/// Oldest epoch that is acted on, in milliseconds: a replica that is cut off stops serving as soon as
/// the others hear of a revocation.
const MAX_EPOCH_AGE: i64 = 1_500;
/// Most leases that are remembered; more are asked again.
const MAX_REMEMBERED: u64 = 100_000;
/// How often a lease is asked for a request when revocations keep coming.
const ATTEMPTS: usize = 3;

/// A session watching a content under a set of rules, with what it has proven.
type Seat = (String, ContentId, String, Vec<String>);

/// The guard.
pub struct Admission {
    key: Verifier,
    issuer: String,
    entitlements: Arc<dyn Entitlements>,
    clock: Arc<dyn Clock>,
    passes: Passes,
    audience: Audience,
    paces: Paces,
    leases: Cache<Seat, Lease>,
    epoch: AtomicU64,
    /// When the epoch was read, in milliseconds.
    epoch_read: AtomicI64,
    metrics: Arc<Metrics>,
}

fn holds(lease: Lease, moment: Moment) -> bool {
    lease.epoch >= moment.epoch && moment.now < lease.until
}

impl Admission {
    pub fn new(
        key: Verifier,
        issuer: String,
        entitlements: Arc<dyn Entitlements>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        (settings, shared): (&PlaybackSettings, Option<Shared>),
    ) -> Self {
        Self {
            key,
            issuer,
            entitlements,
            clock,
            passes: Passes::new(),
            audience: Audience::new(settings.streams_per_viewer, shared),
            paces: Paces::new(settings.bytes_per_second),
            leases: Cache::new(MAX_REMEMBERED),
            epoch: AtomicU64::new(0),
            epoch_read: AtomicI64::new(i64::MIN),
            metrics,
        }
    }

    /// Reads the revocation epoch.
    pub async fn refresh_epoch(&self) -> Result<(), Denied> {
        // The time before the question: the answer may be as old as that.
        let read = self.clock.now_milliseconds();
        let number = self.entitlements.epoch().await?;
        // In this order: whoever sees that it is fresh sees the number, too.
        self.epoch.store(number, Ordering::Release);
        self.epoch_read.store(read, Ordering::Release);
        Ok(())
    }

    /// Tells the other replicas which streams are used here.
    pub async fn tell(&self) {
        self.audience.tell(self.clock.now()).await;
    }

    /// Now, if the epoch is fresh.
    pub fn moment(&self) -> Result<Moment, StreamingError> {
        let read = self.epoch_read.load(Ordering::Acquire);
        let milliseconds = self.clock.now_milliseconds();
        if read < milliseconds.saturating_sub(MAX_EPOCH_AGE) {
            return Err(StreamingError::EpochStale);
        }
        Ok(Moment {
            epoch: self.epoch.load(Ordering::Acquire),
            keys: self.key.generation(),
            now: milliseconds.div_euclid(1_000),
        })
    }

    /// Who may watch what by this handle, now.
    pub async fn admit(&self, handle: &str) -> Result<Arc<Pass>, StreamingError> {
        let outcome = self.decide(handle).await;
        self.metrics.admission(&outcome);
        outcome
    }

    /// Whether the holder of a pass may go on watching: their pass, or one for the lease that follows.
    pub async fn admit_again(&self, pass: &Arc<Pass>) -> Result<Arc<Pass>, StreamingError> {
        let outcome = match self.moment() {
            Ok(moment) if pass.holds(moment) => return Ok(pass.clone()),
            Ok(moment) => Box::pin(self.renew(&pass.handle, Some(pass.clone()), moment)).await,
            Err(stale) => Err(stale),
        };
        self.metrics.admission(&outcome);
        outcome
    }

    async fn decide(&self, handle: &str) -> Result<Arc<Pass>, StreamingError> {
        let moment = self.moment()?;
        match self.passes.find(handle) {
            Some(pass) if pass.holds(moment) => {
                pass.touch(moment.now);
                Ok(pass)
            }
            // Boxed: a request that is admitted at once carries nothing of this.
            known => Box::pin(self.renew(handle, known, moment)).await,
        }
    }

    /// Verifies the handle, unless that was done, and asks for a lease.
    async fn renew(
        &self,
        handle: &str,
        known: Option<Arc<Pass>>,
        moment: Moment,
    ) -> Result<Arc<Pass>, StreamingError> {
        let (viewing, expires) = match known {
            Some(pass) if pass.keys == moment.keys => (pass.viewing.clone(), pass.expires),
            _ => {
                let token = self.verify(handle, moment.now)?;
                (Arc::new(token.claims), token.exp)
            }
        };
        if expires <= moment.now {
            return Err(StreamingError::HandleExpired);
        }
        let lease = self.entitled(&viewing, moment).await?;
        // A lease of a later epoch counts for the one we know: the next request asks anew.
        let pace = self.paces.of(&viewing.sid).await;
        let pass = Pass::new(handle, viewing, expires, moment, lease.until, pace);
        let pass = Arc::new(pass);
        let joined = self.audience.join(&pass, moment.now).await;
        joined.map_err(|wait| StreamingError::TooManyStreams { wait })?;
        self.passes.insert(pass.clone());
        Ok(pass)
    }

    fn verify(&self, handle: &str, now: UnixSeconds) -> Result<Token<Viewing>, StreamingError> {
        let read = self.key.verify(&self.issuer, handle, now);
        read.map_err(|error| match error {
            TokenError::Invalid => StreamingError::InvalidHandle,
            TokenError::Expired => StreamingError::HandleExpired,
        })
    }

    /// Has a lease, or gets one; all who need the same one wait for a single question.
    async fn entitled(&self, viewing: &Viewing, moment: Moment) -> Result<Lease, StreamingError> {
        let seat = (
            viewing.sid.clone(),
            viewing.content.clone(),
            viewing.rules.clone(),
            viewing.proven.clone(),
        );
        for _ in 0..ATTEMPTS {
            match self.leases.get(&seat).await {
                Some(lease) if holds(lease, moment) => return Ok(lease),
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
            let lease = lease.map_err(StreamingError::Denied)?;
            if holds(lease, moment) {
                return Ok(lease);
            }
        }
        Err(StreamingError::EpochStale)
    }
}
