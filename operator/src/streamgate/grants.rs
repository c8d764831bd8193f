//! The data plane's rights in other namespaces: made, pruned, and taken back before the gate
//! goes. They are the one reason for a finalizer: owner references end at the namespace.

use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::ResourceExt;
use serde_json::json;
use streamgate_crds::StreamGate;

use super::apply::{self, Halt};
use super::desired::Grant;
use super::observe::{self, Children};
use crate::context::Context;
use crate::error::{Error, Result};

/// On a StreamGate while it may have rights in other namespaces.
pub const FINALIZER: &str = "streamgate.io/grants";

/// Makes the grants that are wanted and takes back the others. Returns the namespaces that do not
/// exist: their grants are made when they do.
///
/// # Errors
/// See [`Error`].
pub async fn ensure(
    context: &Context,
    children: &Children,
    gate: &StreamGate,
    wanted: &[Grant],
) -> std::result::Result<Vec<String>, Halt> {
    if wanted.is_empty() {
        release(context, gate, &[]).await?;
        return Ok(Vec::new());
    }
    hold(context, gate).await?;
    let mut absent = Vec::new();
    for grant in wanted {
        let made = async {
            apply::ensure(context, &children.roles, &grant.role).await?;
            apply::ensure(context, &children.role_bindings, &grant.role_binding).await
        };
        match made.await {
            Err(Halt::Failed(error)) if is_absent(&error) => {
                absent.push(grant.role.namespace().unwrap_or_default());
            }
            other => other.map(|_| ())?,
        }
    }
    prune(context, children, gate, wanted).await?;
    Ok(absent)
}

/// Takes every grant back and lets the gate go.
///
/// # Errors
/// See [`Error`].
pub async fn release(context: &Context, gate: &StreamGate, keep: &[Grant]) -> Result<()> {
    if !gate.finalizers().iter().any(|f| f == FINALIZER) {
        return Ok(());
    }
    let uid = gate.uid().unwrap_or_default();
    let (roles, bindings) = observe::grants(context, &uid).await?;
    delete(context, roles, bindings, keep).await?;
    let rest: Vec<_> = gate
        .finalizers()
        .iter()
        .filter(|f| *f != FINALIZER)
        .collect();
    finalizers(context, gate, json!(rest)).await
}

/// The finalizer comes before the first grant.
async fn hold(context: &Context, gate: &StreamGate) -> Result<()> {
    if gate.finalizers().iter().any(|f| f == FINALIZER) {
        return Ok(());
    }
    let mut all = gate.finalizers().to_vec();
    all.push(FINALIZER.to_owned());
    finalizers(context, gate, json!(all)).await
}

async fn finalizers(context: &Context, gate: &StreamGate, all: serde_json::Value) -> Result<()> {
    // The list is replaced as a whole, so it must not have changed since it was read.
    let version = gate.resource_version();
    let fields = json!({"metadata": {"finalizers": all, "resourceVersion": version}});
    let changed = context.apply.merge(gate, fields).await?;
    changed.map(|_| ()).ok_or_else(|| Error::Deadline {
        doing: "change the finalizers before somebody else changed the StreamGate".to_owned(),
    })
}

async fn prune(
    context: &Context,
    children: &Children,
    gate: &StreamGate,
    wanted: &[Grant],
) -> Result<()> {
    let uid = gate.uid().unwrap_or_default();
    let of_gate = |labels: &std::collections::BTreeMap<String, String>| {
        labels.get(streamgate_contract::labels::STREAM_GATE_UID) == Some(&uid)
    };
    let roles = children.roles.state_filter(|r: &Role| of_gate(r.labels()));
    let bindings = children
        .role_bindings
        .state_filter(|b: &RoleBinding| of_gate(b.labels()));
    let roles = roles.iter().map(|r| r.as_ref().clone()).collect();
    let bindings = bindings.iter().map(|b| b.as_ref().clone()).collect();
    delete(context, roles, bindings, wanted).await
}

/// Deletes what is in no namespace of `keep`; the bindings first, so that no right outlives them.
async fn delete(
    context: &Context,
    roles: Vec<Role>,
    bindings: Vec<RoleBinding>,
    keep: &[Grant],
) -> Result<()> {
    let kept = |namespace| keep.iter().any(|grant| grant.role.namespace() == namespace);
    for binding in bindings.iter().filter(|b| !kept(b.namespace())) {
        context.apply.delete(binding).await?;
    }
    for role in roles.iter().filter(|r| !kept(r.namespace())) {
        context.apply.delete(role).await?;
    }
    Ok(())
}

/// Whether the namespace to write into does not exist.
fn is_absent(error: &Error) -> bool {
    let Error::Api { source, .. } = error else {
        return false;
    };
    matches!(source.as_ref(), kube::Error::Api(status) if status.code == 404)
}
