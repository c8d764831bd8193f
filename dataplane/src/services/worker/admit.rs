//! May this pod ask, and for which job? Values in, values out.

use streamgate_contract::config::GateIdentity;
use streamgate_contract::names::{self, JobPod};

use super::error::WorkerError;
use crate::ports::jobs::{Job, Pod};

/// A pod that may ask, and what it works for.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) job: Job,
    pub(super) pod: JobPod,
}

impl Task {
    /// Key of the job's attempt in the catalog: each attempt has one output.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.pod.transcode_job_uid, self.pod.attempt)
    }
}

/// What a pod's name says, when its namespace may ask at all.
pub(super) fn job_pod(gate: &GateIdentity, pod: &Pod) -> Result<JobPod, WorkerError> {
    let parts =
        names::job_pod(&pod.name).ok_or_else(|| WorkerError::NotAJobPod(pod.name.clone()))?;
    let own = pod.namespace == gate.namespace;
    if own || gate.allowed_namespaces.contains(&pod.namespace) {
        Ok(parts)
    } else {
        Err(WorkerError::NamespaceNotAllowed(pod.namespace.clone()))
    }
}

/// Admits a pod to the job its name says, as found in its own namespace.
pub(super) fn admit(
    gate: &GateIdentity,
    pod: JobPod,
    job: Option<Job>,
) -> Result<Task, WorkerError> {
    let job = job.filter(|job| !job.deleted).ok_or(WorkerError::JobGone)?;
    if !names_gate(gate, &job) {
        return Err(WorkerError::ForeignGate(job.name));
    }
    // What was seen may lag behind: a later attempt than that has been started since.
    let running = pod.attempt > job.attempt || (pod.attempt == job.attempt && !job.ended());
    if running {
        Ok(Task { job, pod })
    } else {
        Err(WorkerError::JobGone)
    }
}

/// Whether a job is for this gate.
pub(super) fn names_gate(gate: &GateIdentity, job: &Job) -> bool {
    let named = &job.spec.stream_gate_ref;
    let namespace = named.namespace.as_ref().unwrap_or(&job.namespace);
    named.name == gate.name && *namespace == gate.namespace
}

#[cfg(test)]
mod tests {
    use streamgate_contract::names::Step;
    use streamgate_crds::transcode_job::Phase;

    use super::super::testing;
    use super::*;

    fn pod(namespace: &str, attempt: u32) -> Pod {
        let name = names::job(testing::UID, attempt, Step::Encode);
        Pod {
            namespace: namespace.into(),
            name: format!("{name}-2-abcde"),
        }
    }

    fn decide(namespace: &str, attempt: u32, job: Option<Job>) -> Result<Task, WorkerError> {
        let gate = testing::gate();
        admit(&gate, job_pod(&gate, &pod(namespace, attempt))?, job)
    }

    #[test]
    fn a_pod_is_admitted_to_the_running_job_its_name_says() {
        let task = decide("media", 0, Some(testing::job())).unwrap();
        assert_eq!(task.key(), format!("{}/0", testing::UID));
        assert_eq!((task.pod.step, task.pod.index), (Step::Encode, 2));
    }

    #[test]
    fn ended_deleted_unknown_and_overtaken_jobs_are_gone() {
        let ended = Job {
            phase: Phase::Failed,
            ..testing::job()
        };
        let deleted = Job {
            deleted: true,
            ..testing::job()
        };
        let later = Job {
            attempt: 1,
            ..testing::job()
        };
        for job in [
            None,
            Some(ended.clone()),
            Some(deleted.clone()),
            Some(later),
        ] {
            let outcome = decide("media", 0, job);
            assert!(matches!(outcome, Err(WorkerError::JobGone)), "{outcome:?}");
        }
        assert!(decide("media", 1, Some(ended)).is_ok());
        // Not even an attempt that nobody has seen yet.
        let outcome = decide("media", 1, Some(deleted));
        assert!(matches!(outcome, Err(WorkerError::JobGone)), "{outcome:?}");
    }

    #[test]
    fn other_namespaces_gates_and_pods_are_refused() {
        let outcome = decide("nowhere", 0, Some(testing::job()));
        assert!(matches!(outcome, Err(WorkerError::NamespaceNotAllowed(_))));
        let mut foreign = testing::job();
        let mut spec = (*foreign.spec).clone();
        spec.stream_gate_ref.namespace = Some("media2".into());
        foreign.spec = spec.into();
        let outcome = decide("media", 0, Some(foreign));
        assert!(matches!(outcome, Err(WorkerError::ForeignGate(_))));
        let web = Pod {
            namespace: "media".into(),
            name: "web-0".into(),
        };
        let outcome = job_pod(&testing::gate(), &web);
        assert!(matches!(outcome, Err(WorkerError::NotAJobPod(_))));
    }
}
