//! What is known of the TranscodeJobs of one namespace, by UID.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};

use futures::StreamExt;
use kube::api::Api;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use streamgate_contract::labels::{JOB_CONTENT, JOB_OWNER, JOB_REQUEST};
use streamgate_crds::TranscodeJob;

use crate::ports::jobs::{Job, Marks};

/// One namespace.
pub(super) struct Watched {
    namespace: String,
    /// `None` until the first list is complete.
    jobs: RwLock<Option<HashMap<String, Arc<Job>>>>,
}

impl Watched {
    pub(super) fn new(namespace: String) -> Self {
        Self {
            namespace,
            jobs: RwLock::new(None),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The job with this UID; the outer `None` says that nothing is known yet.
    pub(super) fn job(&self, uid: &str) -> Option<Option<Job>> {
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref()
            .map(|jobs| jobs.get(uid).map(|job| Job::clone(job)))
    }

    /// Every job; `None` while nothing is known yet.
    pub(super) fn all(&self) -> Option<Vec<Arc<Job>>> {
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref().map(|jobs| jobs.values().cloned().collect())
    }

    /// The job of this name, if it was seen.
    pub(super) fn named(&self, name: &str) -> Option<Job> {
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        let found = jobs.as_ref()?.values().find(|job| job.name == name);
        found.map(|job| Job::clone(job))
    }

    /// Follows the namespace for ever.
    pub(super) async fn follow(&self, api: Api<TranscodeJob>) {
        let events = watch(api, watcher::Config::default()).default_backoff();
        let mut events = pin!(events);
        let (mut listed, mut healthy) = (HashMap::new(), true);
        while let Some(event) = events.next().await {
            let namespace = &self.namespace;
            match &event {
                // Said once per outage: the watcher tries again on its own.
                Err(error) if healthy => {
                    tracing::warn!(%namespace, %error, "cannot watch TranscodeJobs; trying again");
                }
                Ok(_) if !healthy => tracing::info!(%namespace, "watching TranscodeJobs again"),
                _ => {}
            }
            healthy = event.is_ok();
            if let Ok(event) = event {
                self.take(event, &mut listed);
            }
        }
    }

    fn take(&self, event: Event<TranscodeJob>, listed: &mut HashMap<String, Arc<Job>>) {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(found) => {
                listed.extend(job(found).map(|job| (job.uid.clone(), Arc::new(job))));
            }
            Event::InitDone => self.change(|jobs| *jobs = Some(std::mem::take(listed))),
            Event::Apply(found) => self.change(|jobs| {
                let job = job(found).map(|job| (job.uid.clone(), Arc::new(job)));
                jobs.get_or_insert_default().extend(job);
            }),
            Event::Delete(gone) => self.change(|jobs| {
                let uid = gone.metadata.uid.unwrap_or_default();
                jobs.get_or_insert_default().remove(&uid);
            }),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Option<HashMap<String, Arc<Job>>>)) {
        change(&mut self.jobs.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// `None` for an object without an identity, which the API server never sends.
pub(super) fn job(found: TranscodeJob) -> Option<Job> {
    let status = found.status.unwrap_or_default();
    let marked = found.metadata.annotations.unwrap_or_default();
    let made = found.metadata.creation_timestamp;
    Some(Job {
        uid: found.metadata.uid?,
        namespace: found.metadata.namespace?,
        name: found.metadata.name?,
        version: found.metadata.resource_version?,
        spec: Arc::new(found.spec),
        phase: status.phase.unwrap_or_default(),
        attempt: u32::try_from(status.attempt.unwrap_or(0)).unwrap_or(0),
        deleted: found.metadata.deletion_timestamp.is_some(),
        marks: Marks {
            owner: marked.get(JOB_OWNER).cloned(),
            content: marked.get(JOB_CONTENT).and_then(|id| id.parse().ok()),
            request: marked.get(JOB_REQUEST).cloned(),
        },
        created_at: made.map_or(0, |time| time.0.as_second()),
        status: Arc::new(status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(uid: &str) -> TranscodeJob {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "streamgate.io/v1alpha1", "kind": "TranscodeJob",
            "metadata": {"uid": uid, "name": "j", "namespace": "n", "resourceVersion": "7"},
            "spec": {"streamGateRef": {"name": "g"}, "source": {"upload": {"id": "u"}}},
            "status": {"phase": "Encoding", "attempt": 2},
        }))
        .unwrap()
    }

    #[test]
    fn nothing_is_known_before_the_first_list_ends_and_a_new_list_forgets_the_rest() {
        let (watched, mut listed) = (Watched::new("n".into()), HashMap::new());
        let mut take = |event| watched.take(event, &mut listed);
        take(Event::Init);
        take(Event::InitApply(found("a")));
        assert_eq!(watched.job("a"), None);
        take(Event::InitDone);
        let job = watched.job("a").unwrap().unwrap();
        assert_eq!((job.attempt, job.version.as_str()), (2, "7"));
        take(Event::Apply(found("b")));
        take(Event::Delete(found("a")));
        assert_eq!(watched.job("a"), Some(None));
        take(Event::Init);
        assert!(watched.job("b").unwrap().is_some());
        take(Event::InitDone);
        assert_eq!(watched.job("b"), Some(None));
    }
}
