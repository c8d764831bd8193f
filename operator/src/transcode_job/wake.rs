//! What wakes a pass over a TranscodeJob: itself, its Jobs and their pods, its StreamGate, its
//! claim, and the API server's refusals of its pods.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod, PodSpec};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Config;
use kube::{Resource, ResourceExt};
use streamgate_contract::labels::{COMPONENT, MANAGED_BY, OPERATOR, RETRY};
use streamgate_crds::conditions::{READY, is_true};
use streamgate_crds::{StreamGate, TranscodeJob};

use super::job::TRANSCODE_JOB;
use super::observe::Stores;
use crate::context::Context;
use crate::watch::{Version, watch, watch_metadata};

/// Watched stores and the queue they feed.
pub struct World {
    /// TranscodeJobs.
    pub own: Store<TranscodeJob>,
    /// How far the watch of TranscodeJobs has come.
    pub own_version: Version,
    /// What TranscodeJobs depend on.
    pub stores: Stores,
    /// How far the watch of Jobs has come.
    pub job_version: Version,
    /// TranscodeJobs that want a pass.
    pub queue: BoxStream<'static, ObjectRef<TranscodeJob>>,
}

/// Starts every watch.
pub fn world(context: &Context) -> World {
    let metrics = || context.metrics.clone();
    let ours = || Config::default().labels(&format!("{MANAGED_BY}={OPERATOR},{COMPONENT}=job"));
    let own = watch::<TranscodeJob>(context.watched(), Config::default(), metrics(), |_| {});
    let gates = watch::<StreamGate>(context.watched(), Config::default(), metrics(), |_| {});
    let jobs = watch::<Job>(context.watched(), ours(), metrics(), trim_job);
    let pods = watch::<Pod>(context.watched(), ours(), metrics(), trim_pod);
    let claims = watch_metadata(context.watched(), Config::default(), metrics());
    let refused = Config::default().fields("involvedObject.kind=Job,reason=FailedCreate");
    let refusals = watch::<Event>(context.watched(), refused, metrics(), |_| {});

    let stores = Stores {
        gates: gates.store,
        jobs: jobs.store,
        pods: pods.store,
        claims: claims.store,
        refusals: refusals.store,
    };
    let all = own.store.clone();
    let by_gate = {
        let all = all.clone();
        changed(gates.touched, gate_facts).flat_map(move |gate| stream::iter(of_gate(&all, &gate)))
    };
    let by_claim = {
        let all = all.clone();
        claims.touched.flat_map(move |claim| {
            stream::iter(of_claim(&all, claim.namespace(), &claim.name_any()))
        })
    };
    let by_refusal = {
        let jobs = stores.jobs.clone();
        let named = move |event: Event| stream::iter(of_refusal(&jobs, &event));
        refusals.touched.flat_map(named)
    };
    let sources = [
        changed(own.touched, own_facts)
            .map(|object| ObjectRef::from_obj(&object))
            .boxed(),
        jobs.touched
            .flat_map(|job| stream::iter(of_child(&job)))
            .boxed(),
        pods.touched
            .flat_map(|pod| stream::iter(of_child(&pod)))
            .boxed(),
        by_gate.boxed(),
        by_claim.boxed(),
        by_refusal.boxed(),
    ];
    World {
        own: own.store,
        own_version: own.version,
        stores,
        job_version: jobs.version,
        queue: stream::select_all(sources).boxed(),
    }
}

/// The template is as large as all the rest, and nobody reads it.
fn trim_job(job: &mut Job) {
    if let Some(spec) = &mut job.spec {
        spec.template = Default::default();
    }
}

fn trim_pod(pod: &mut Pod) {
    pod.spec = None::<PodSpec>;
}

/// Lets through only objects of which `facts` changed.
fn changed<K: Resource + Send + 'static>(
    touched: BoxStream<'static, K>,
    facts: fn(&K) -> u64,
) -> BoxStream<'static, K> {
    let mut known: HashMap<String, u64> = HashMap::new();
    let moved = move |object: &K| {
        let uid = object.meta().uid.clone().unwrap_or_default();
        known.insert(uid, facts(object)) != Some(facts(object))
    };
    let mut moved = moved;
    touched
        .filter(move |object| std::future::ready(moved(object)))
        .boxed()
}

/// Everything of a TranscodeJob but how far the worker's progress is; what is asked counts.
fn own_facts(object: &TranscodeJob) -> u64 {
    let status = object.status.as_ref().map(super::status::ours);
    let mut hasher = DefaultHasher::new();
    object.metadata.generation.hash(&mut hasher);
    object
        .metadata
        .deletion_timestamp
        .is_some()
        .hash(&mut hasher);
    object.annotations().get(RETRY).hash(&mut hasher);
    // The printed form of a value is the same when the value is.
    let asked = object.status.as_ref().and_then(|status| status.asked);
    // That there is progress tells that there is a plan; how much there is does not matter here.
    let begun = object.status.as_ref().is_some_and(|s| s.progress.is_some());
    format!("{status:?} {asked:?} {begun}").hash(&mut hasher);
    hasher.finish()
}

/// What TranscodeJobs go by of a StreamGate.
fn gate_facts(gate: &StreamGate) -> u64 {
    let mut hasher = DefaultHasher::new();
    gate.metadata.generation.hash(&mut hasher);
    gate.metadata.deletion_timestamp.is_some().hash(&mut hasher);
    let status = gate.status.as_ref();
    status.and_then(|s| s.version.as_ref()).hash(&mut hasher);
    status
        .is_some_and(|s| is_true(&s.conditions, READY))
        .hash(&mut hasher);
    hasher.finish()
}

fn of_gate(all: &Store<TranscodeJob>, gate: &StreamGate) -> Vec<ObjectRef<TranscodeJob>> {
    let (namespace, name) = (gate.namespace(), gate.name_any());
    let refers = |object: &TranscodeJob| {
        let named = &object.spec.stream_gate_ref;
        let place = named.namespace.clone().or_else(|| object.namespace());
        named.name == name && place == namespace
    };
    unfinished(all, refers)
}

fn of_claim(
    all: &Store<TranscodeJob>,
    namespace: Option<String>,
    name: &str,
) -> Vec<ObjectRef<TranscodeJob>> {
    let refers = |object: &TranscodeJob| {
        object.namespace() == namespace && object.spec.claim_name() == Some(name)
    };
    unfinished(all, refers)
}

fn unfinished(
    all: &Store<TranscodeJob>,
    refers: impl Fn(&TranscodeJob) -> bool,
) -> Vec<ObjectRef<TranscodeJob>> {
    let terminal = |object: &TranscodeJob| {
        let phase = object.status.as_ref().and_then(|s| s.phase);
        phase.is_some_and(|phase| phase.is_terminal())
    };
    let found = all.state_filter(|object| !terminal(object) && refers(object));
    found
        .iter()
        .map(|o| ObjectRef::from_obj(o.as_ref()))
        .collect()
}

/// Jobs and their pods name their TranscodeJob.
fn of_child<K: Resource>(child: &K) -> Option<ObjectRef<TranscodeJob>> {
    let name = child.meta().annotations.as_ref()?.get(TRANSCODE_JOB)?;
    let namespace = child.meta().namespace.as_ref()?;
    Some(ObjectRef::new(name).within(namespace))
}

fn of_refusal(jobs: &Store<Job>, event: &Event) -> Option<ObjectRef<TranscodeJob>> {
    let about = &event.involved_object;
    let job = ObjectRef::new(about.name.as_ref()?).within(about.namespace.as_ref()?);
    of_child(jobs.get(&job)?.as_ref())
}
