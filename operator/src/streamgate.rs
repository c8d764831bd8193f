//! The StreamGate controller: observe → validate → desired → apply → status.

pub mod apply;
pub mod desired;
pub mod grants;
pub mod keys;
pub mod observe;
pub mod quantity;
pub mod rollout;
#[cfg(test)]
pub mod samples;
pub mod status;
pub mod validate;

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Config;
use streamgate_contract::peers::ROLES;
use streamgate_contract::roles::Role;
use streamgate_crds::StreamGate;
use streamgate_crds::conditions::reason;
use streamgate_crds::stream_gate::Topology;

use crate::context::Context;
use crate::drive::drive;
use crate::error::{Error, Result};
use crate::watch;
use apply::{Applied, Halt};
use observe::Children;
use rollout::{Rollout, Rollouts, rollout};
use status::{Made, Outcome};

/// Pass over a gate that is as wanted: looks at what is not watched.
const SLOW_TICK: Duration = Duration::from_secs(600);
/// Pass over a gate that waits for something that is not watched.
const WAITING_TICK: Duration = Duration::from_secs(15);
/// Pass over a gate that needs a person.
const STUCK_TICK: Duration = Duration::from_secs(60);

/// Reconciles StreamGates until `stop`; passes that run then are finished.
pub async fn run(context: Context, stop: impl Future<Output = ()> + Send + 'static) {
    let gates = watch::watch(
        context.watched(),
        Config::default(),
        context.metrics.clone(),
        |_: &mut StreamGate| {},
    );
    let (children, touched) = observe::children(&context);
    let touched_gates = gates.touched.map(|gate| ObjectRef::from_obj(&gate));
    let queue = stream::select(touched_gates, touched).take_until(stop);
    let metrics = context.metrics.clone();
    drive(gates.store, queue.boxed(), metrics, move |gate| {
        let (context, children) = (context.clone(), children.clone());
        async move { reconcile(&context, &children, gate).await }
    })
    .await;
}

/// One pass.
async fn reconcile(
    context: &Context,
    children: &Children,
    gate: Arc<StreamGate>,
) -> Result<Action> {
    children.ready().await;
    if gate.metadata.deletion_timestamp.is_some() {
        grants::release(context, &gate, &[]).await?;
        return Ok(Action::await_change());
    }
    let outcome = outcome(context, children, &gate).await?;
    let old = gate.status.clone().unwrap_or_default();
    let new = status::status(&gate, &outcome, Timestamp::now());
    context.apply.status(gate.as_ref(), &old, &new).await?;
    if let Some(notice) = status::notice(Some(&old), &new) {
        context.apply.event(gate.as_ref(), notice);
    }
    Ok(Action::requeue(tick(&outcome, Timestamp::now())))
}

async fn outcome(context: &Context, children: &Children, gate: &StreamGate) -> Result<Outcome> {
    if gate.spec.paused {
        return Ok(Outcome::Paused(paused(children, gate)));
    }
    let valid = match validate::validate(gate) {
        Ok(valid) => valid,
        Err(invalid) => return Ok(stuck(reason::INVALID_SPEC, &invalid)),
    };
    let desired = match desired::desired(&valid, &context.settings) {
        Ok(desired) => desired,
        Err(unwritable) => return Ok(stuck(reason::INVALID_SPEC, &unwritable)),
    };
    match apply::apply(context, children, gate, &desired).await {
        Ok(Applied {
            rollout,
            absent,
            keys,
        }) => Ok(Outcome::Made(Made {
            rollout,
            absent,
            wakes: keys.as_ref().map(|keys| keys.wakes(&desired.keys.rules)),
            keys: keys.map(|keys| keys.told()).unwrap_or_default(),
            version: desired.version,
            public_url: desired.public_url,
        })),
        Err(leaving @ Halt::Leaving { .. }) => Ok(Outcome::Waits(leaving.to_string())),
        Err(Halt::Failed(error @ Error::NameTaken { .. })) => Ok(stuck(reason::NAME_TAKEN, &error)),
        Err(Halt::Failed(error @ Error::Refused { .. })) => {
            Ok(stuck(reason::REFUSED_BY_API_SERVER, &error))
        }
        Err(Halt::Failed(error)) => Err(error),
    }
}

/// Where the pods are that the spec asks for, whatever they run.
fn paused(children: &Children, gate: &StreamGate) -> Rollout {
    let roles: &[Role] = match gate.spec.topology {
        Topology::Compact => &[Role::All],
        Topology::Distributed => &ROLES,
    };
    let mut rollouts = Rollouts::default();
    for role in roles {
        let deployment = children.deployment_of(gate, *role);
        let pods = children.pods_of(gate, *role);
        rollouts.add(*role, rollout(deployment.as_deref(), &pods));
    }
    rollouts.end()
}

fn stuck(reason: &'static str, error: &dyn std::error::Error) -> Outcome {
    Outcome::Stuck {
        reason,
        message: error.to_string(),
    }
}

fn tick(outcome: &Outcome, now: Timestamp) -> Duration {
    match outcome {
        Outcome::Stuck { .. } => STUCK_TICK,
        Outcome::Waits(_) => WAITING_TICK,
        Outcome::Made(made) if !made.absent.is_empty() => WAITING_TICK,
        Outcome::Made(made) => {
            let wakes = made.wakes.unwrap_or(i64::MAX);
            let until = wakes.saturating_sub(now.as_second()).max(1);
            SLOW_TICK.min(Duration::from_secs(until.unsigned_abs()))
        }
        Outcome::Paused(_) => SLOW_TICK,
    }
}
