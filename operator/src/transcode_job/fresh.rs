//! Reading our own writes: a pass waits until the watches show what the last pass wrote, so that
//! nothing is decided on a world that is older than our own deeds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use streamgate_crds::TranscodeJob;
use tokio::time::Instant;

use crate::watch::Version;

/// Longest wait. An object that others deleted right after our write is never seen.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a pass wrote.
#[derive(Clone, Debug, Default)]
pub struct Wrote {
    status: Option<String>,
    job: Option<String>,
    deleted: Vec<(String, String)>,
}

impl Wrote {
    /// The status was written and got this resource version.
    pub fn status(&mut self, version: Option<String>) {
        self.status = version.or(self.status.take());
    }

    /// A Job was written and got this resource version.
    pub fn job(&mut self, version: Option<String>) {
        self.job = version.or(self.job.take());
    }

    /// A Job was deleted.
    pub fn deleted(&mut self, name: String, uid: Option<String>) {
        self.deleted.extend(uid.map(|uid| (name, uid)));
    }

    fn is_empty(&self) -> bool {
        self.status.is_none() && self.job.is_none() && self.deleted.is_empty()
    }
}

/// What has yet to be seen, by UID of the TranscodeJob.
pub struct Fresh {
    jobs: Store<Job>,
    job_version: Version,
    own_version: Version,
    awaited: Mutex<HashMap<String, (Wrote, Instant)>>,
}

impl Fresh {
    /// Nothing awaited yet.
    pub fn new(jobs: Store<Job>, job_version: Version, own_version: Version) -> Self {
        Self {
            jobs,
            job_version,
            own_version,
            awaited: Mutex::default(),
        }
    }

    /// How long a pass over this object has to wait at most; the watches wake it earlier.
    pub fn behind(&self, object: &TranscodeJob, now: Instant) -> Option<Duration> {
        let uid = object.uid()?;
        let mut awaited = self.awaited();
        let (wrote, until) = awaited.get(&uid)?;
        let left = until.saturating_duration_since(now);
        if left.is_zero() || self.shows(wrote, object) {
            awaited.remove(&uid);
            return None;
        }
        Some(left)
    }

    /// Remembers what a pass wrote.
    pub fn wrote(&self, object: &TranscodeJob, wrote: Wrote, now: Instant) {
        let mut awaited = self.awaited();
        awaited.retain(|_, (_, until)| *until > now);
        if let Some(uid) = object.uid().filter(|_| !wrote.is_empty()) {
            awaited.insert(uid, (wrote, now + PATIENCE));
        }
    }

    fn shows(&self, wrote: &Wrote, object: &TranscodeJob) -> bool {
        let seen = |version: &Version, written: &Option<String>| {
            written.as_deref().is_none_or(|w| version.has_reached(w))
        };
        seen(&self.own_version, &wrote.status)
            && seen(&self.job_version, &wrote.job)
            && wrote
                .deleted
                .iter()
                .all(|(name, uid)| self.is_gone(object, name, uid))
    }

    fn is_gone(&self, object: &TranscodeJob, name: &str, uid: &str) -> bool {
        let namespace = object.namespace().unwrap_or_default();
        let job = self.jobs.get(&ObjectRef::new(name).within(&namespace));
        job.is_none_or(|job| {
            job.uid().as_deref() != Some(uid) || job.meta().deletion_timestamp.is_some()
        })
    }

    fn awaited(&self) -> MutexGuard<'_, HashMap<String, (Wrote, Instant)>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
