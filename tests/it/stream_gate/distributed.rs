//! A gate whose roles have pods of their own: all its children, one role after the other when it
//! changes, replicas that are the autoscaler's, and the way from one topology to the other.

use std::collections::BTreeSet;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;

use super::*;

const NAME: &str = "spread";
/// In the order of a rollout.
const ROLES: [&str; 8] = [
    "auth",
    "metadata",
    "cache",
    "upload",
    "worker",
    "streaming",
    "monitor",
    "gateway",
];

fn spec() -> Value {
    json!({
        "topology": "Distributed",
        "storage": {"s3": {"bucket": "videos", "credentialsSecretName": "bucket"}},
        "database": {"postgres": {"secretName": "database"}},
        "components": {"streaming": {"replicas": 3}},
    })
}

/// The whole life.
pub async fn roles_have_pods_of_their_own(client: &Client) -> Result<()> {
    every_role_has_its_children(client).await?;
    a_change_goes_from_role_to_role(client).await?;
    replicas_are_the_autoscalers_while_there_is_one(client).await?;
    a_gate_moves_from_one_topology_to_the_other_and_back(client).await?;
    api::<StreamGate>(client)
        .delete(NAME, &DeleteParams::default())
        .await?;
    gone(&api::<Deployment>(client), "spread-auth").await
}

async fn every_role_has_its_children(client: &Client) -> Result<()> {
    gate(client, NAME, spec()).await?;
    let status = said::<StreamGate>(client, NAME, "Ready", "False", "Progressing").await?;
    let message = status["conditions"].to_string();
    assert!(message.contains("role auth"), "{message}");
    // Pods that do not exist yet wait for nobody.
    for role in ROLES {
        eventually(role, || async { deployment(client, role).await }).await?;
    }
    kubelet::serve(client, NAMESPACE, NAME).await?;
    let names = |all: Vec<String>| -> BTreeSet<String> {
        let ours = all.into_iter();
        ours.filter_map(|name| Some(name.strip_prefix("spread-")?.to_owned()))
            .collect()
    };
    let roles: BTreeSet<String> = ROLES.map(str::to_owned).into();
    for (kind, found) in [
        ("Deployment", list::<Deployment>(client).await?),
        ("Service", list::<Service>(client).await?),
        (
            "PodDisruptionBudget",
            list::<PodDisruptionBudget>(client).await?,
        ),
        ("NetworkPolicy", list::<NetworkPolicy>(client).await?),
        ("ServiceAccount", list::<ServiceAccount>(client).await?),
    ] {
        assert_eq!(names(found), roles, "{kind}");
    }
    let rights: BTreeSet<_> = names(list::<Role>(client).await?);
    assert_eq!(rights, ["monitor", "worker"].map(str::to_owned).into());
    let claims = api::<PersistentVolumeClaim>(client);
    let claim = claims.get_opt("spread-data").await?;
    assert!(claim.is_none(), "nothing is kept on a volume");
    for (role, replicas) in [("auth", 2), ("streaming", 3), ("worker", 1)] {
        assert_eq!(replicas_of(client, role).await?, Some(replicas), "{role}");
    }
    Ok(())
}

async fn a_change_goes_from_role_to_role(client: &Client) -> Result<()> {
    let before = hashes(client).await?;
    change::<StreamGate>(client, NAME, json!({"log": "debug"})).await?;
    eventually("another template of auth", || async {
        Ok((hash(client, "auth").await? != before[0]).then_some(()))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let during = hashes(client).await?;
    assert_eq!(during[1..], before[1..], "a role did not wait for auth");
    let status = said::<StreamGate>(client, NAME, "Ready", "False", "Progressing").await?;
    let message = status["conditions"].to_string();
    assert!(message.contains("role auth"), "{message}");
    kubelet::serve(client, NAMESPACE, NAME).await?;
    let after = hashes(client).await?;
    for (role, (before, after)) in ROLES.iter().zip(before.iter().zip(&after)) {
        assert_ne!(before, after, "{role}");
    }
    Ok(())
}

async fn replicas_are_the_autoscalers_while_there_is_one(client: &Client) -> Result<()> {
    let autoscaling = json!({"minReplicas": 2, "maxReplicas": 5});
    let components = json!({"components": {"streaming":
        {"replicas": null, "autoscaling": autoscaling}}});
    change::<StreamGate>(client, NAME, components).await?;
    let scalers = api::<HorizontalPodAutoscaler>(client);
    let scaler = eventually("the autoscaler", || async {
        Ok(scalers.get_opt("spread-streaming").await?)
    });
    let target = scaler.await?.spec.map(|spec| spec.scale_target_ref.name);
    assert_eq!(target.as_deref(), Some("spread-streaming"));
    // As many as before until it chooses.
    assert_eq!(replicas_of(client, "streaming").await?, Some(3));
    let scale = Patch::Merge(json!({"spec": {"replicas": 4}}));
    api::<Deployment>(client)
        .patch_scale("spread-streaming", &PatchParams::default(), &scale)
        .await?;
    change::<StreamGate>(client, NAME, json!({"log": "info"})).await?;
    kubelet::serve(client, NAMESPACE, NAME).await?;
    assert_eq!(replicas_of(client, "streaming").await?, Some(4));
    let components = json!({"components": {"streaming": {"autoscaling": null}}});
    change::<StreamGate>(client, NAME, components).await?;
    gone(&scalers, "spread-streaming").await?;
    eventually("the default number of pods", || async {
        Ok((replicas_of(client, "streaming").await? == Some(2)).then_some(()))
    })
    .await
}

async fn a_gate_moves_from_one_topology_to_the_other_and_back(client: &Client) -> Result<()> {
    let leads_to = |service: &'static str| async move {
        let service = api::<Service>(client).get(service).await?;
        let selector = service
            .spec
            .and_then(|spec| spec.selector)
            .unwrap_or_default();
        anyhow::Ok(selector["app.kubernetes.io/component"].clone())
    };
    let compact = json!({"topology": "Compact", "components": null});
    change::<StreamGate>(client, NAME, compact).await?;
    eventually("the pod of all roles", || async {
        deployment(client, "all").await
    })
    .await?;
    // Viewers are served by the old pods until the new one serves.
    assert_eq!(leads_to("spread-gateway").await?, "gateway");
    kubelet::serve(client, NAMESPACE, NAME).await?;
    for service in ["spread-gateway", "spread-worker"] {
        assert_eq!(leads_to(service).await?, "all");
    }
    for role in ROLES {
        gone(&api::<Deployment>(client), &format!("spread-{role}")).await?;
        gone(&api::<ServiceAccount>(client), &format!("spread-{role}")).await?;
    }
    gone(&api::<Service>(client), "spread-auth").await?;
    gone(&api::<Role>(client), "spread-worker").await?;
    change::<StreamGate>(client, NAME, json!({"topology": "Distributed"})).await?;
    kubelet::serve(client, NAMESPACE, NAME).await?;
    gone(&api::<Deployment>(client), "spread-all").await?;
    gone(&api::<ServiceAccount>(client), "spread-dataplane").await?;
    assert_eq!(leads_to("spread-gateway").await?, "gateway");
    // What was kept stays, though nothing is kept there any more.
    let claim = api::<PersistentVolumeClaim>(client)
        .get("spread-data")
        .await?;
    assert!(claim.metadata.deletion_timestamp.is_none());
    Ok(())
}

async fn deployment(client: &Client, role: &str) -> Result<Option<Deployment>> {
    let name = format!("{NAME}-{role}");
    Ok(api::<Deployment>(client).get_opt(&name).await?)
}

async fn replicas_of(client: &Client, role: &str) -> Result<Option<i32>> {
    let spec = deployment(client, role).await?.and_then(|d| d.spec);
    Ok(spec.and_then(|spec| spec.replicas))
}

async fn hash(client: &Client, role: &str) -> Result<Option<String>> {
    let spec = deployment(client, role).await?.and_then(|d| d.spec);
    let annotations = spec.and_then(|s| s.template.metadata?.annotations);
    Ok(annotations
        .unwrap_or_default()
        .get("streamgate.io/config-hash")
        .cloned())
}

async fn hashes(client: &Client) -> Result<Vec<Option<String>>> {
    let mut hashes = Vec::new();
    for role in ROLES {
        hashes.push(hash(client, role).await?);
    }
    Ok(hashes)
}

async fn list<K: Child>(client: &Client) -> Result<Vec<String>> {
    let params = ListParams::default().labels("streamgate.io/stream-gate=spread");
    let all = api::<K>(client).list(&params).await?;
    Ok(all.iter().map(ResourceExt::name_any).collect())
}
