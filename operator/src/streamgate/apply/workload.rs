//! Makes the pods of a role and what stands beside them. Pods that exist are not changed while those
//! of a role before are not well: a version that does not start stops at the first role.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Service;
use kube::runtime::reflector::ObjectRef;
use streamgate_crds::StreamGate;

use super::{Result, ensure};
use crate::context::Context;
use crate::streamgate::desired::Workload;
use crate::streamgate::observe::{Children, live};
use crate::streamgate::rollout::{Rollout, rollout};

/// Makes them; `waits` for a role before. Says where the pods are.
pub(super) async fn make(
    context: &Context,
    children: &Children,
    gate: &StreamGate,
    workload: &Workload,
    waits: bool,
) -> Result<Rollout> {
    let Workload {
        role,
        service_account,
        rights,
        deployment,
        autoscaler,
        disruption_budget,
        network_policy,
        services,
    } = workload;
    ensure(context, &children.service_accounts, service_account).await?;
    if let Some((rights, binding)) = rights {
        ensure(context, &children.roles, rights).await?;
        ensure(context, &children.role_bindings, binding).await?;
    }
    ensure(context, &children.budgets, disruption_budget).await?;
    ensure(context, &children.network_policies, network_policy).await?;
    for service in services {
        if is_new(children, service) {
            ensure(context, &children.services, service).await?;
        }
    }
    let known = live(&children.deployments, deployment);
    let scaled = children.autoscalers.get(&beside(workload));
    match (autoscaler, &scaled, &known) {
        (None, Some(scaled), _) => context.apply.delete(scaled.as_ref()).await?,
        // Whoever writes the number first keeps it when we let go of it.
        (Some(_), None, Some(known)) => context.apply.let_go_of_replicas(known).await?,
        _ => {}
    }
    let deployment = match known {
        Some(known) if waits => Some(known),
        _ => ensure(context, &children.deployments, deployment).await?,
    };
    if let Some(autoscaler) = autoscaler {
        ensure(context, &children.autoscalers, autoscaler).await?;
    }
    let rollout = rollout(deployment.as_deref(), &children.pods_of(gate, *role));
    if rollout == Rollout::Available {
        // What led to other pods leads to these only when they serve.
        for service in services {
            ensure(context, &children.services, service).await?;
        }
    }
    Ok(rollout)
}

/// The autoscaler has the name of its Deployment.
fn beside(workload: &Workload) -> ObjectRef<HorizontalPodAutoscaler> {
    let metadata = &workload.deployment.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    ObjectRef::new(name).within(namespace)
}

/// There is no such Service, or it leads to these pods already.
fn is_new(children: &Children, wanted: &Service) -> bool {
    let selector = |service: &Service| service.spec.as_ref().and_then(|s| s.selector.clone());
    live(&children.services, wanted).is_none_or(|live| selector(&live) == selector(wanted))
}
