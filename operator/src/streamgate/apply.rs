//! Makes the cluster as a StreamGate wants it. No decisions beyond "is it so already?", which the
//! writer answers.

use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use kube::runtime::reflector::Store;
use serde_json::json;
use streamgate_crds::StreamGate;

use super::desired::{Desired, is_of};
use super::grants;
use super::keys::secret::Rings;
use super::observe::{self, Children, live};
use super::rollout::{Rollout, Rollouts};
use crate::apply::Writable;
use crate::context::Context;
use crate::error::Error;
use crate::watch::Watchable;

mod keys;
mod prune;
mod workload;

/// Why a pass could not make everything.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// A write or a read failed.
    #[error(transparent)]
    Failed(#[from] Error),
    /// A child of an earlier StreamGate of this name has yet to go.
    #[error("{kind} {name} of an earlier StreamGate of this name is being deleted; waiting for it")]
    Leaving {
        /// Kind of the child.
        kind: String,
        /// Its name.
        name: String,
    },
}

type Result<T> = std::result::Result<T, Halt>;

/// What came of it.
pub struct Applied {
    /// Where the pods are.
    pub rollout: Rollout,
    /// Namespaces of `spec.allowedNamespaces` that do not exist.
    pub absent: Vec<String>,
    /// The keys that sign tokens; none of a Secret that was made before keys were rotated.
    pub keys: Option<Rings>,
}

/// Makes every child as wanted; no call for one that is so already.
///
/// # Errors
/// See [`Halt`].
pub async fn apply(
    context: &Context,
    children: &Children,
    gate: &StreamGate,
    desired: &Desired,
) -> Result<Applied> {
    let Desired {
        config_map,
        keys,
        claim,
        workloads,
        grants,
        data_owner,
        version: _,
        public_url: _,
    } = desired;
    let data_owner = data_owner.as_ref();
    ensure(context, &children.config_maps, config_map).await?;
    let keys = keys::ensure(context, children, gate, keys, data_owner).await?;
    if let Some(claim) = claim {
        ensure_claim(context, children, gate, claim, data_owner).await?;
    }
    let absent = grants::ensure(context, children, gate, grants).await?;
    let mut rollouts = Rollouts::default();
    for workload in workloads {
        let waits = rollouts.waits();
        let rollout = workload::make(context, children, gate, workload, waits).await?;
        rollouts.add(workload.role, rollout);
    }
    if !rollouts.waits() {
        prune::prune(context, children, gate, workloads).await?;
    }
    let rollout = rollouts.end();
    Ok(Applied {
        rollout,
        absent,
        keys,
    })
}

/// The object as it is after the call, from the answer when something was written: the store is
/// behind then.
pub(super) async fn ensure<K: Writable + Watchable>(
    context: &Context,
    store: &Store<K>,
    wanted: &K,
) -> Result<Option<Arc<K>>> {
    let live = live(store, wanted);
    if let Some(live) = &live {
        stays(live.as_ref(), wanted.owner_references())?;
    }
    let written = context.apply.apply(live.as_deref(), wanted).await?;
    Ok(written.map(Arc::new).or(live))
}

/// A child that is being deleted, or that the garbage collector will take with an earlier owner,
/// is waited for.
fn stays<K: Writable>(live: &K, owners: &[OwnerReference]) -> Result<()> {
    let old = live.owner_references();
    let orphaned = !owners.is_empty() && !old.is_empty() && old.iter().all(|o| !owners.contains(o));
    if live.meta().deletion_timestamp.is_none() && !orphaned {
        return Ok(());
    }
    Err(Halt::Leaving {
        kind: K::kind(&()).into_owned(),
        name: live.name_any(),
    })
}

async fn ensure_claim(
    context: &Context,
    children: &Children,
    gate: &StreamGate,
    wanted: &PersistentVolumeClaim,
    owner: Option<&OwnerReference>,
) -> Result<()> {
    let live = live(&children.claims, wanted);
    if live.is_none()
        && let Some(found) = observe::claim(context, wanted).await?
    {
        adoptable(gate, &found)?;
    }
    if let Some(live) = &live {
        adoptable(gate, live.as_ref())?;
    }
    let written = context.apply.apply(live.as_deref(), wanted).await?;
    match written.map(Arc::new).or(live) {
        Some(claim) => tie(context, gate, claim.as_ref(), owner).await,
        None => Ok(()),
    }
}

/// Gives volume or keys the owner that `dataPolicy` asks for. Apart from the rest, because an
/// owner reference of a data child comes and goes while the child stays.
async fn tie<K: Writable>(
    context: &Context,
    gate: &StreamGate,
    live: &K,
    owner: Option<&OwnerReference>,
) -> Result<()> {
    adoptable(gate, live)?;
    let wanted: Vec<_> = owner.cloned().into_iter().collect();
    if live.owner_references() == wanted.as_slice() {
        return Ok(());
    }
    let fields = json!({"metadata": {"ownerReferences": wanted}});
    context.apply.merge(live, fields).await?;
    Ok(())
}

/// Volume and keys that an earlier StreamGate of the same name left behind are taken over; those
/// of anybody else are not.
fn adoptable<K: Writable>(gate: &StreamGate, live: &K) -> Result<()> {
    let uid = gate.uid().unwrap_or_default();
    let foreign = live.owner_references().iter().any(|o| o.uid != uid);
    let (kind, name) = (K::kind(&()).into_owned(), live.name_any());
    match is_of(&gate.name_any(), live.meta()) {
        true if foreign || live.meta().deletion_timestamp.is_some() => {
            Err(Halt::Leaving { kind, name })
        }
        true => Ok(()),
        false => Err(Error::NameTaken { kind, name }.into()),
    }
}
