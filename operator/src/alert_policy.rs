//! The AlertPolicy controller: observe → validate → status. It makes nothing: the monitor of the
//! StreamGate evaluates what is accepted, and writes `status.evaluation`.

pub mod status;
pub mod validate;

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Config;
use streamgate_crds::{AlertPolicy, StreamGate};

use crate::context::Context;
use crate::drive::drive;
use crate::error::Result;
use crate::watch;

/// Which StreamGates there are is all that is asked of them.
type Gate = PartialObjectMeta<StreamGate>;

/// Reconciles AlertPolicies until `stop`; passes that run then are finished.
pub async fn run(context: Context, stop: impl Future<Output = ()> + Send + 'static) {
    let metrics = context.metrics.clone();
    let policies = watch::watch(
        context.watched(),
        Config::default(),
        metrics.clone(),
        |_: &mut AlertPolicy| {},
    );
    let gates = context.watched::<Gate>();
    let gates = watch::watch_metadata::<StreamGate>(gates, Config::default(), metrics.clone());
    let touched = policies.touched.map(|policy| ObjectRef::from_obj(&policy));
    let of_gates = policies_of(policies.store.clone(), gates.touched);
    let queue = stream::select(touched, of_gates).take_until(stop);
    drive(policies.store, queue.boxed(), metrics, move |policy| {
        let (context, gates) = (context.clone(), gates.store.clone());
        async move { reconcile(&context, &gates, policy).await }
    })
    .await;
}

/// The policies that refer to the gates that were touched.
fn policies_of(
    policies: Store<AlertPolicy>,
    gates: BoxStream<'static, Gate>,
) -> impl futures::Stream<Item = ObjectRef<AlertPolicy>> {
    gates.flat_map(move |gate| {
        let refers = |policy: &AlertPolicy| {
            policy.namespace() == gate.namespace()
                && policy.spec.stream_gate_ref.name == gate.name_any()
        };
        let found = policies.state_filter(refers);
        let found: Vec<_> = found.iter().map(|p| ObjectRef::from_obj(p.as_ref())).collect();
        stream::iter(found)
    })
}

/// One pass.
async fn reconcile(
    context: &Context,
    gates: &Store<Gate>,
    policy: Arc<AlertPolicy>,
) -> Result<Action> {
    // A store whose writer is gone belongs to an operator that ends.
    let _ = gates.wait_until_ready().await;
    if policy.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let verdict = validate::validate(&policy, gate_exists(gates, &policy));
    let old = status::ours(policy.status.as_ref());
    let new = status::status(&policy, &verdict, Timestamp::now());
    context.apply.status(policy.as_ref(), &old, &new).await?;
    if let Some(notice) = status::notice(&old, &new) {
        context.apply.event(policy.as_ref(), notice);
    }
    Ok(Action::await_change())
}

fn gate_exists(gates: &Store<Gate>, policy: &AlertPolicy) -> bool {
    gates
        .find(|gate| {
            gate.namespace() == policy.namespace()
                && gate.name_any() == policy.spec.stream_gate_ref.name
        })
        .is_some()
}
