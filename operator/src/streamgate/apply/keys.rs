//! The Secret with the gate's keys: made once, turned when its keys are to, withdrawn from at once.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use serde_json::json;
use streamgate_crds::StreamGate;

use super::{Halt, Result, tie};
use crate::context::Context;
use crate::error::Error;
use crate::events::Notice;
use crate::streamgate::desired::Keys;
use crate::streamgate::keys::secret::{self, Change, Rings, STATES};
use crate::streamgate::keys::{self, Unwritable};
use crate::streamgate::observe::{self, Children};

/// Annotation of pods with the time their keys changed.
const TOUCHED: &str = "streamgate.io/keys-changed";

/// Makes the keys when there are none, and has them changed when it is time; otherwise only their
/// owner is kept right. `None` for keys that were made before keys were rotated.
pub(super) async fn ensure(
    context: &Context,
    children: &Children,
    gate: &StreamGate,
    wanted: &Keys,
    owner: Option<&OwnerReference>,
) -> Result<Option<Rings>> {
    let now = Timestamp::now().as_second();
    let due = |rings: &Rings| rings.wakes(&wanted.rules) <= now;
    if let Some(seen) = children.keys_seen(gate)
        && !seen.as_ref().is_some_and(due)
    {
        return Ok(seen);
    }
    let metadata = &wanted.metadata;
    let rings = match observe::keys(context, metadata).await? {
        Some(found) => {
            tie(context, gate, &found, owner).await?;
            turn(context, children, gate, (&found, wanted), now).await?
        }
        None => create(context, wanted, owner, now).await?,
    };
    children.saw_keys(gate, rings.clone());
    Ok(rings)
}

async fn create(
    context: &Context,
    wanted: &Keys,
    owner: Option<&OwnerReference>,
    now: i64,
) -> Result<Option<Rings>> {
    let metadata = ObjectMeta {
        owner_references: owner.map(|owner| vec![owner.clone()]),
        ..wanted.metadata.clone()
    };
    let spares = keys::spares().map_err(unwritable)?;
    let (made, rings) = secret::fresh(metadata, now, &wanted.rules, &spares, keys::url_key());
    match context.apply.create(&made).await? {
        Some(_) => Ok(Some(rings)),
        // Somebody was faster: what there is, is read in a moment.
        None => Err(Halt::Leaving {
            kind: "Secret".to_owned(),
            name: made.name_any(),
        }),
    }
}

async fn turn(
    context: &Context,
    children: &Children,
    gate: &StreamGate,
    (found, wanted): (&PartialObjectMeta<Secret>, &Keys),
    now: i64,
) -> Result<Option<Rings>> {
    let Some(read) = found.annotations().get(STATES) else {
        return Ok(None);
    };
    let rings: Rings = serde_json::from_str(read).map_err(|source| Error::Unreadable {
        what: format!("annotation {STATES} of Secret {}", found.name_any()),
        source,
    })?;
    let spares = keys::spares().map_err(unwritable)?;
    let Some(change) = secret::change(&rings, read, now, &wanted.rules, &spares) else {
        return Ok(Some(rings));
    };
    context.apply.patch_secret(found, &change.patch).await?;
    context.apply.event(gate, notice(&change));
    touch(context, children, gate, now).await;
    Ok(Some(change.rings))
}

/// Kubelet brings a changed Secret to a pod within a minute or two, and at once to one that was
/// touched. A pod that could not be is no reason to stop.
async fn touch(context: &Context, children: &Children, gate: &StreamGate, now: i64) {
    let fields = json!({"metadata": {"annotations": {TOUCHED: now.to_string()}}});
    for pod in children.pods_of_gate(gate) {
        if let Err(error) = context.apply.merge(pod.as_ref(), fields.clone()).await {
            tracing::warn!(%error, pod = pod.name_any(), "could not touch a pod");
        }
    }
}

fn notice(change: &Change) -> Notice {
    match change.withdrawn.is_empty() {
        true => Notice {
            warning: false,
            reason: "KeysRotated".to_owned(),
            note: "the keys that sign tokens have changed: status.keys shows them".to_owned(),
        },
        false => Notice {
            warning: true,
            reason: "KeysWithdrawn".to_owned(),
            note: format!(
                "withdrawn, with all that was signed: {}",
                change.withdrawn.join(", ")
            ),
        },
    }
}

fn unwritable(error: Unwritable) -> Error {
    Error::Refused {
        doing: "make keys".to_owned(),
        code: 500,
        message: error.to_string(),
    }
}
