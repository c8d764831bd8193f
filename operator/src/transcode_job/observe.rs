//! Reads what a pass needs out of the watched stores. No call to the API server.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::store::WriterDropped;
use kube::runtime::reflector::{ObjectRef, Store};
use streamgate_contract::labels::{RETRY, TRANSCODE_JOB_UID};
use streamgate_contract::names::{self, Step as Stage};
use streamgate_crds::conditions::{READY, is_true};
use streamgate_crds::{StreamGate, TranscodeJob};

use super::job::GateFacts;
use super::seen::{self, JobSeen};
use super::step::{GateSeen, Observed};

/// Everything a TranscodeJob depends on, as watched.
#[derive(Clone)]
pub struct Stores {
    /// StreamGates.
    pub gates: Store<StreamGate>,
    /// Jobs we made.
    pub jobs: Store<Job>,
    /// Pods of Jobs we made.
    pub pods: Store<Pod>,
    /// Names of claims.
    pub claims: Store<PartialObjectMeta<PersistentVolumeClaim>>,
    /// Refusals of pods that the Job controller met.
    pub refusals: Store<Event>,
}

impl Stores {
    /// Waits until every store was filled once.
    ///
    /// # Errors
    /// When a watch ended before.
    pub async fn ready(&self) -> Result<(), WriterDropped> {
        self.gates.wait_until_ready().await?;
        self.jobs.wait_until_ready().await?;
        self.pods.wait_until_ready().await?;
        self.claims.wait_until_ready().await?;
        self.refusals.wait_until_ready().await
    }

    /// A Job of a TranscodeJob.
    pub fn job(&self, owner: &TranscodeJob, attempt: u32, stage: Stage) -> Option<Arc<Job>> {
        let name = names::job(&owner.uid()?, attempt, stage);
        self.jobs
            .get(&ObjectRef::new(&name).within(&owner.namespace()?))
    }
}

/// Attempt that a TranscodeJob is at.
pub fn attempt(owner: &TranscodeJob) -> u32 {
    let attempt = owner.status.as_ref().and_then(|s| s.attempt);
    u32::try_from(attempt.unwrap_or(0)).unwrap_or(0)
}

/// What a pass over this TranscodeJob has to go by.
pub fn observe(stores: &Stores, owner: &TranscodeJob) -> Observed {
    Observed {
        gate: gate(stores, owner),
        missing_claim: missing_claim(stores, owner),
        jobs: jobs(stores, owner),
        retry: owner.annotations().get(RETRY).cloned(),
        generation: owner.metadata.generation,
    }
}

fn gate(stores: &Stores, owner: &TranscodeJob) -> GateSeen {
    let own = owner.namespace().unwrap_or_default();
    let named = &owner.spec.stream_gate_ref;
    let namespace = named.namespace.as_ref().unwrap_or(&own);
    let shown = format!("{namespace}/{}", named.name);
    let Some(gate) = stores
        .gates
        .get(&ObjectRef::new(&named.name).within(namespace))
    else {
        return GateSeen::Missing(shown);
    };
    if *namespace != own && !gate.spec.allowed_namespaces.contains(&own) {
        return GateSeen::NotAllowed(format!(
            "StreamGate {shown} does not allow namespace {own}: add it to its spec.allowedNamespaces"
        ));
    }
    ready(&gate, &shown)
}

fn ready(gate: &StreamGate, shown: &str) -> GateSeen {
    let conditions = gate.status.as_ref().map(|s| s.conditions.as_slice());
    let conditions = conditions.unwrap_or_default();
    match GateFacts::of(gate).filter(|_| is_true(conditions, READY)) {
        Some(facts) => GateSeen::Ready(Box::new(facts)),
        None => {
            let says = conditions.iter().find(|c| c.type_ == READY);
            let says = says.map(|c| format!(": {} {}", c.reason, c.message));
            let says = says.unwrap_or_default();
            GateSeen::NotReady(format!("StreamGate {shown} is not ready{says}"))
        }
    }
}

fn missing_claim(stores: &Stores, owner: &TranscodeJob) -> Option<String> {
    let name = owner.spec.claim_name()?;
    let claim = ObjectRef::new(name).within(&owner.namespace()?);
    stores.claims.get(&claim).is_none().then(|| name.to_owned())
}

fn jobs(stores: &Stores, owner: &TranscodeJob) -> BTreeMap<Stage, JobSeen> {
    let attempt = attempt(owner);
    let finished = owner.status.as_ref().and_then(|s| s.phase);
    if finished.is_some_and(|phase| phase.is_terminal()) && owner.annotations().get(RETRY).is_none()
    {
        return BTreeMap::new();
    }
    let uid = owner.uid().unwrap_or_default();
    let pods = stores
        .pods
        .state_filter(|pod| pod.labels().get(TRANSCODE_JOB_UID) == Some(&uid));
    [Stage::Plan, Stage::Encode, Stage::Publish]
        .into_iter()
        .filter_map(|stage| {
            let job = stores.job(owner, attempt, stage)?;
            Some((stage, job_seen(stores, &job, &pods)))
        })
        .collect()
}

fn job_seen(stores: &Stores, job: &Job, pods: &[Arc<Pod>]) -> JobSeen {
    let uid = job.uid();
    let own: Vec<&Pod> = pods
        .iter()
        .map(Arc::as_ref)
        .filter(|pod| {
            pod.owner_references()
                .iter()
                .any(|o| Some(&o.uid) == uid.as_ref())
        })
        .collect();
    let refusals = stores
        .refusals
        .state_filter(|event| event.involved_object.uid == uid);
    let newest = refusals.iter().max_by_key(|event| seen::last_seen(event));
    seen::job(job, &own, newest.map(Arc::as_ref))
}
