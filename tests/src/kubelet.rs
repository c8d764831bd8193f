//! Plays kubelet where there is none: says that a StreamGate's pod serves.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use streamgate_crds::{StreamGate, conditions};

const PATIENCE: Duration = Duration::from_secs(60);

/// Lets every pod of the gate serve until the gate, at its newest generation, is `Ready`.
///
/// # Errors
/// When it does not become `Ready` within a minute.
pub async fn serve(client: &Client, namespace: &str, gate: &str) -> Result<()> {
    let gates: Api<StreamGate> = Api::namespaced(client.clone(), namespace);
    let begun = Instant::now();
    while !is_ready(&gates.get(gate).await?) {
        if begun.elapsed() > PATIENCE {
            let status = serde_json::to_string(&gates.get(gate).await?.status)?;
            bail!("{gate} does not become Ready: {status}");
        }
        pods_serve(client, namespace, gate).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

fn is_ready(gate: &StreamGate) -> bool {
    gate.status.as_ref().is_some_and(|status| {
        status.observed_generation == gate.metadata.generation
            && conditions::is_true(&status.conditions, conditions::READY)
    })
}

async fn pods_serve(client: &Client, namespace: &str, gate: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let selector = format!("app.kubernetes.io/instance={gate},app.kubernetes.io/component!=job");
    for pod in pods.list(&ListParams::default().labels(&selector)).await? {
        let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
        let serves = conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready"));
        if serves || pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let status = json!({"status": {"phase": "Running", "conditions": [ready]}});
        let patch = Patch::Merge(status);
        pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch)
            .await?;
    }
    Ok(())
}
