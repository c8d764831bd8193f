//! What a Job and its pods say, in the few words that deciding needs. Values in, values out.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use streamgate_contract::job_files::{Failure, Termination};
use streamgate_contract::reasons;
use streamgate_crds::conditions::reason;

/// Label with the image tag that a Job runs.
pub const VERSION: &str = "app.kubernetes.io/version";
/// Main containers of job pods: of Plan and Encode, and of Publish.
pub const MAIN: [&str; 2] = ["transcoder", "publish"];

/// A Job as deciding sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobSeen {
    /// Being deleted.
    pub deleting: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// `spec.parallelism`.
    pub parallelism: i32,
    /// Image tag it runs.
    pub version: Option<String>,
    /// Pods at work.
    pub active: i32,
    /// Ranges of finished indexes.
    pub completed: String,
    /// Ranges of failed indexes.
    pub failed: String,
    /// How it ended.
    pub end: Option<End>,
    /// What the main container of a pod that succeeded left.
    pub result: Option<Termination>,
    /// Why a pod failed: for good if one did, else the newest.
    pub failure: Option<Failure>,
    /// The memory of one index was not enough twice.
    pub out_of_memory_twice: bool,
    /// Why no pod runs although one should.
    pub trouble: Option<Trouble>,
}

/// How a Job ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Every index succeeded.
    pub complete: bool,
    /// When.
    pub at: Timestamp,
    /// The Job controller's words.
    pub message: String,
}

/// Why no pod runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// A word of `conditions::reason`.
    pub reason: &'static str,
    /// What kubelet, scheduler or API server say.
    pub message: String,
}

/// Reads a Job, its pods, and the newest refusal of a pod of it.
pub fn job(job: &Job, pods: &[&Pod], refusal: Option<&Event>) -> JobSeen {
    let spec = job.spec.clone().unwrap_or_default();
    let status = job.status.clone().unwrap_or_default();
    JobSeen {
        deleting: job.metadata.deletion_timestamp.is_some(),
        suspended: spec.suspend.unwrap_or(false),
        parallelism: spec.parallelism.unwrap_or(1),
        version: job.labels().get(VERSION).cloned(),
        active: status.active.unwrap_or(0),
        completed: status.completed_indexes.unwrap_or_default(),
        failed: status.failed_indexes.unwrap_or_default(),
        end: end(job),
        result: pods.iter().find_map(|pod| result(pod)),
        failure: failure(pods),
        out_of_memory_twice: out_of_memory_twice(pods),
        trouble: trouble(pods).or_else(|| refused(pods, refusal?)),
    }
}

fn end(job: &Job) -> Option<End> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let holds = |kind: &str| {
        conditions
            .iter()
            .find(|c| c.type_ == kind && c.status == "True")
    };
    let (complete, condition) = match (holds("Complete"), holds("Failed")) {
        (Some(complete), _) => (true, complete),
        (None, Some(failed)) => (false, failed),
        (None, None) => return None,
    };
    Some(End {
        complete,
        at: condition
            .last_transition_time
            .as_ref()
            .map_or(Timestamp::UNIX_EPOCH, |t| t.0),
        message: condition.message.clone().unwrap_or_default(),
    })
}

/// What a pod that succeeded left.
fn result(pod: &Pod) -> Option<Termination> {
    let ended = ended(pod).filter(|ended| ended.exit_code == 0)?;
    Termination::from_message(ended.message.as_deref()?)
}

/// Why pods failed. A refusal of source or settings outweighs what other pods met.
fn failure(pods: &[&Pod]) -> Option<Failure> {
    let mut failures: Vec<_> = pods.iter().filter_map(|pod| failed(pod)).collect();
    failures.sort_by_key(|(ended, _)| {
        let for_good = matches!(ended.exit_code, 64 | 65);
        (for_good, ended.finished_at.as_ref().map(|t| t.0))
    });
    failures.pop().map(|(_, failure)| failure)
}

fn failed(pod: &Pod) -> Option<(&ContainerStateTerminated, Failure)> {
    let ended = ended(pod).filter(|ended| ended.exit_code != 0)?;
    let said = ended.message.as_deref().and_then(Termination::from_message);
    match said {
        Some(Termination::Failed(failure)) => Some((ended, failure)),
        _ if is_out_of_memory(ended) => Some((ended, out_of_memory())),
        _ => None,
    }
}

fn out_of_memory() -> Failure {
    Failure {
        reason: reasons::job::OUT_OF_MEMORY.to_owned(),
        detail: "the transcoder needed more memory than its limit: raise spec.transcode.resources.limits.memory of the StreamGate".to_owned(),
        chunk: None,
    }
}

fn is_out_of_memory(ended: &ContainerStateTerminated) -> bool {
    ended.reason.as_deref() == Some("OOMKilled")
}

/// More memory does not come by itself: one retry of an index is enough.
fn out_of_memory_twice(pods: &[&Pod]) -> bool {
    let mut killed: Vec<_> = pods
        .iter()
        .filter(|pod| ended(pod).is_some_and(is_out_of_memory))
        .map(|pod| {
            pod.annotations()
                .get("batch.kubernetes.io/job-completion-index")
        })
        .collect();
    killed.sort_unstable();
    killed.windows(2).any(|pair| pair[0] == pair[1])
}

/// How the main container ended.
fn ended(pod: &Pod) -> Option<&ContainerStateTerminated> {
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    let main = containers
        .iter()
        .find(|c| MAIN.contains(&c.name.as_str()))?;
    main.state.as_ref()?.terminated.as_ref()
}

/// Why pods do not start. Nothing while one of them works: the others wait for room, as planned.
fn trouble(pods: &[&Pod]) -> Option<Trouble> {
    let phase = |pod: &Pod| pod.status.as_ref().and_then(|s| s.phase.clone());
    if pods
        .iter()
        .any(|pod| phase(pod).as_deref() == Some("Running"))
    {
        return None;
    }
    let mut pending = pods
        .iter()
        .filter(|pod| phase(pod).as_deref().unwrap_or("Pending") == "Pending");
    pending.find_map(|pod| image_trouble(pod).or_else(|| unschedulable(pod)))
}

fn image_trouble(pod: &Pod) -> Option<Trouble> {
    const WORDS: [&str; 4] = [
        "ErrImageNeverPull",
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
    ];
    containers(pod).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let word = waiting.reason.as_deref().filter(|r| WORDS.contains(r))?;
        let said = waiting.message.as_deref().unwrap_or_default();
        Some(Trouble {
            reason: reason::IMAGE_UNAVAILABLE,
            message: format!("image {} cannot be had ({word}): {said}", container.image),
        })
    })
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|s| s.init_container_statuses.as_ref());
    let main = status.and_then(|s| s.container_statuses.as_ref());
    init.into_iter().chain(main).flatten()
}

fn unschedulable(pod: &Pod) -> Option<Trouble> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|c| {
        c.type_ == "PodScheduled"
            && c.status == "False"
            && c.reason.as_deref() == Some("Unschedulable")
    })?;
    let said = scheduled.message.as_deref().unwrap_or_default();
    Some(Trouble {
        reason: reason::UNSCHEDULABLE,
        message: format!("no node takes a pod of this job: {said}"),
    })
}

/// The API server refused the Job controller a pod. Old news once a younger pod was made.
fn refused(pods: &[&Pod], refusal: &Event) -> Option<Trouble> {
    let said = refusal.message.as_deref().unwrap_or_default();
    let newest = pods
        .iter()
        .filter_map(|p| p.metadata.creation_timestamp.as_ref())
        .max();
    if newest.is_some_and(|pod| pod.0 >= last_seen(refusal)) {
        return None;
    }
    let quota = said.contains("exceeded quota");
    let reason = if quota {
        reason::QUOTA_EXCEEDED
    } else {
        reason::REFUSED_BY_API_SERVER
    };
    Some(Trouble {
        reason,
        message: format!("no pod could be made: {said}"),
    })
}

/// When an Event was last repeated.
pub fn last_seen(event: &Event) -> Timestamp {
    let series = event
        .series
        .as_ref()
        .and_then(|s| s.last_observed_time.as_ref());
    let last = event.last_timestamp.as_ref().map(|t| t.0);
    let made = event.metadata.creation_timestamp.as_ref().map(|t| t.0);
    series
        .map(|t| t.0)
        .or(last)
        .or(made)
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
