//! Removes what a topology before wanted, once everything of this one serves.

use std::collections::BTreeSet;

use kube::ResourceExt;
use kube::runtime::reflector::Store;
use streamgate_crds::StreamGate;

use super::Result;
use crate::apply::Writable;
use crate::context::Context;
use crate::streamgate::desired::Workload;
use crate::streamgate::observe::Children;
use crate::watch::Watchable;

/// Removes the children of roles that are not wanted. Configuration, keys and volume are not theirs.
pub(super) async fn prune(
    context: &Context,
    children: &Children,
    gate: &StreamGate,
    wanted: &[Workload],
) -> Result<()> {
    let accounts = wanted.iter().map(|w| w.service_account.name_any());
    let rights = wanted.iter().filter_map(|w| w.rights.as_ref());
    let rights: BTreeSet<_> = rights.map(|(rights, _)| rights.name_any()).collect();
    let pods: BTreeSet<_> = wanted.iter().map(|w| w.deployment.name_any()).collect();
    let services = wanted.iter().flat_map(|w| &w.services);
    let services = services.map(ResourceExt::name_any).collect();
    let pruned = Pruned { context, gate };
    pruned.rest(&children.services, &services).await?;
    pruned.rest(&children.autoscalers, &pods).await?;
    pruned.rest(&children.deployments, &pods).await?;
    pruned.rest(&children.budgets, &pods).await?;
    pruned.rest(&children.network_policies, &pods).await?;
    pruned.rest(&children.role_bindings, &rights).await?;
    pruned.rest(&children.roles, &rights).await?;
    pruned
        .rest(&children.service_accounts, &accounts.collect())
        .await
}

struct Pruned<'a> {
    context: &'a Context,
    gate: &'a StreamGate,
}

impl Pruned<'_> {
    /// Removes the gate's own objects whose names are not among those wanted.
    async fn rest<K: Writable + Watchable>(
        &self,
        store: &Store<K>,
        wanted: &BTreeSet<String>,
    ) -> Result<()> {
        let (namespace, uid) = (self.gate.namespace(), self.gate.uid());
        let left = |object: &K| {
            // Grants in other namespaces have no owner.
            let mut owners = object.owner_references().iter();
            let ours = owners.any(|owner| Some(&owner.uid) == uid.as_ref());
            let gone = object.meta().deletion_timestamp.is_some();
            ours && !gone && object.namespace() == namespace && !wanted.contains(&object.name_any())
        };
        for object in store.state_filter(left) {
            self.context.apply.delete(object.as_ref()).await?;
        }
        Ok(())
    }
}
