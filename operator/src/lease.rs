//! Leader election on a `coordination.k8s.io/v1` Lease. Every write is conditional on the
//! resource version that was read, and a holder believes in its tenure for less time than
//! others wait for it, so that two never work at once even when one of them was paused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};
use tokio::time::{Instant, sleep, timeout};

use crate::admin::Health;

/// Name of the Lease.
pub const LEASE: &str = "streamgate-operator";
/// Others take over when the holder was silent for this long.
pub const DURATION: Duration = Duration::from_secs(15);
/// A holder stops to believe in its tenure after this long without a renewal.
const BELIEF: Duration = Duration::from_secs(10);
/// Pause between renewals, and between looks of those who wait.
const PERIOD: Duration = Duration::from_secs(2);
/// Longest a request about the lease may take.
const CALL: Duration = Duration::from_secs(4);

/// How long this process may write. Shared by the elector, who sets it, and every writer.
#[derive(Clone, Debug, Default)]
pub struct Tenure(Arc<Mutex<Option<Instant>>>);

impl Tenure {
    /// A tenure that lasts until `end`.
    pub fn lasting(end: Instant) -> Self {
        let tenure = Self::default();
        tenure.set(Some(end));
        tenure
    }

    /// Until when writes may be made; `None` for who is not the leader.
    pub fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// One candidate for the lease.
pub struct Elector {
    api: Api<Lease>,
    identity: String,
    tenure: Tenure,
    health: Health,
    /// What was read last and when it was first seen so: silence is measured by our own clock,
    /// never by the holder's.
    seen: Option<(String, Instant)>,
}

impl Elector {
    /// A candidate of this name for the lease of `namespace`.
    pub fn new(
        client: Client,
        namespace: &str,
        identity: String,
        tenure: Tenure,
        health: Health,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            identity,
            tenure,
            health,
            seen: None,
        }
    }

    /// Waits until this process is the leader.
    pub async fn win(&mut self) {
        loop {
            match self.attempt().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "could not reach for the lease; trying again"),
            }
            sleep(PERIOD).await;
        }
    }

    /// Renews the lease for as long as that works; returns when it is lost.
    pub async fn hold(&mut self) {
        loop {
            sleep(PERIOD).await;
            match self.attempt().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => tracing::warn!(%error, "could not renew the lease"),
            }
            if self.tenure.until().is_none_or(|end| end <= Instant::now()) {
                break;
            }
        }
        self.tenure.set(None);
    }

    /// Gives the lease back, so that another need not wait for our silence.
    pub async fn release(&mut self) {
        self.tenure.set(None);
        let given_back = async {
            let Some(mut lease) = self.api.get_opt(LEASE).await? else {
                return Ok(());
            };
            if holder(&lease) == Some(self.identity.as_str()) {
                lease.spec.get_or_insert_default().holder_identity = None;
                let params = PostParams::default();
                self.api.replace(LEASE, &params, &lease).await?;
            }
            Ok::<_, kube::Error>(())
        };
        match timeout(CALL, given_back).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "could not give the lease back"),
            Err(_) => tracing::warn!("no answer in time to giving the lease back"),
        }
    }

    /// Takes or renews the lease; whether it is ours now.
    async fn attempt(&mut self) -> Result<bool, LeaseError> {
        let begun = Instant::now();
        let ours = timeout(CALL, self.take())
            .await
            .map_err(|_| LeaseError::Silent)??;
        self.health.heard();
        if ours {
            // Counted from before the request: the server's clock for us starts later.
            self.tenure.set(Some(begun + BELIEF));
        }
        Ok(ours)
    }

    async fn take(&mut self) -> Result<bool, kube::Error> {
        let params = PostParams::default();
        let answer = match self.api.get_opt(LEASE).await? {
            None => self.api.create(&params, &self.claimed(None)).await,
            Some(lease) if self.may_take(&lease, Instant::now()) => {
                let claimed = self.claimed(Some(lease));
                self.api.replace(LEASE, &params, &claimed).await
            }
            Some(_) => return Ok(false),
        };
        match answer {
            Ok(_) => Ok(true),
            // Somebody was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ours, nobody's, or of somebody who was silent for too long.
    fn may_take(&mut self, lease: &Lease, now: Instant) -> bool {
        let Some(holder) = holder(lease).filter(|h| *h != self.identity) else {
            return true;
        };
        let version = format!("{holder}@{}", lease.resource_version().unwrap_or_default());
        match &self.seen {
            Some((seen, since)) if *seen == version => now - *since > DURATION,
            _ => {
                self.seen = Some((version, now));
                false
            }
        }
    }

    /// The lease in our name.
    fn claimed(&self, old: Option<Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let same = old.as_ref().and_then(holder) == Some(self.identity.as_str());
        let before = old
            .as_ref()
            .and_then(|l| l.spec.clone())
            .unwrap_or_default();
        let changes = before.lease_transitions.unwrap_or(0);
        let metadata = old.map_or_else(
            || ObjectMeta {
                name: Some(LEASE.to_owned()),
                ..ObjectMeta::default()
            },
            |lease| lease.metadata,
        );
        Lease {
            metadata,
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                lease_transitions: Some(if same { changes } else { changes + 1 }),
                acquire_time: if same {
                    before.acquire_time
                } else {
                    Some(now.clone())
                },
                renew_time: Some(now),
                ..LeaseSpec::default()
            }),
        }
    }
}

/// Why the lease could not be had.
#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error("no answer from the API server in time")]
    Silent,
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}
