//! The StreamGate and AlertPolicy controllers on a real kube-apiserver with the real controllers
//! of Deployments and garbage. There is no kubelet: the test says that pods serve.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Secret};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, Resource, ResourceExt};
use serde_json::{Value, json};
use streamgate_crds::{AlertPolicy, StreamGate, definitions};
use streamgate_operator::run::{Flags, operate};
use streamgate_tests::{ControlPlane, kubelet};
use tokio::sync::oneshot;

mod distributed;
mod keys;

const NAMESPACE: &str = "media";
const PATIENCE: Duration = Duration::from_secs(60);

/// One control plane serves every case: starting it is what takes the time.
#[tokio::test(flavor = "multi_thread")]
async fn stream_gates_live_as_documented() -> Result<()> {
    let plane = ControlPlane::start()?;
    let client = plane.client().await?;
    prepare(&client).await?;
    let requests = Arc::new(AtomicUsize::new(0));
    let (stop, told) = oneshot::channel();
    let args = [
        "operator",
        "--identity",
        "one",
        "--namespace",
        "default",
        "--admin-address",
        "127.0.0.1:0",
    ];
    let stopped = async { told.await.unwrap_or_default() };
    let operator = operate(
        Flags::parse_from(args),
        counted(&client, requests.clone()),
        stopped,
    );
    let operator = tokio::spawn(operator);

    a_policy_waits_for_its_gate(&client).await?;
    a_gate_becomes_ready_when_its_pod_serves(&client).await?;
    a_policy_of_a_gate_is_accepted_and_a_bad_rule_is_placed(&client).await?;
    an_unchanged_world_costs_no_request(&client, &requests).await?;
    a_change_rolls_the_pod(&client).await?;
    keys::they_turn_when_their_time_has_come(&client).await?;
    keys::one_that_is_withdrawn_is_gone_at_once(&client).await?;
    a_paused_gate_is_left_alone(&client).await?;
    a_contradiction_stalls_the_gate_until_it_is_mended(&client).await?;
    a_name_that_is_taken_is_not_seized(&client).await?;
    other_namespaces_are_granted_and_taken_back(&client).await?;
    volume_and_keys_outlive_the_gate_and_are_adopted_again(&client).await?;
    volume_and_keys_go_with_the_gate_when_the_policy_says_so(&client).await?;
    distributed::roles_have_pods_of_their_own(&client).await?;

    let _ = stop.send(());
    operator.await?
}

async fn a_policy_waits_for_its_gate(client: &Client) -> Result<()> {
    policy(client, "alerts", "up == 0").await?;
    said::<AlertPolicy>(client, "alerts", "Stalled", "True", "StreamGateNotFound")
        .await
        .map(|_| ())
}

async fn a_gate_becomes_ready_when_its_pod_serves(client: &Client) -> Result<()> {
    gate(client, "demo", json!({})).await?;
    said::<StreamGate>(client, "demo", "Ready", "False", "Progressing").await?;
    kubelet::serve(client, NAMESPACE, "demo").await?;
    let status = said::<StreamGate>(client, "demo", "Ready", "True", "Available").await?;
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["publicUrl"], "http://demo-gateway.media.svc");
    let keys = api::<Secret>(client).get("demo-keys").await?;
    assert_eq!(keys.data.unwrap_or_default().len(), 7);
    assert!(keys.metadata.owner_references.is_none());
    Ok(())
}

async fn a_policy_of_a_gate_is_accepted_and_a_bad_rule_is_placed(client: &Client) -> Result<()> {
    said::<AlertPolicy>(client, "alerts", "Ready", "True", "Accepted").await?;
    let evaluation = json!({"status": {"evaluation": {"firing": 2, "pending": 1}}});
    let params = PatchParams::default();
    let policies = api::<AlertPolicy>(client);
    policies
        .patch_status("alerts", &params, &Patch::Merge(evaluation))
        .await?;
    change::<AlertPolicy>(
        client,
        "alerts",
        json!({"rules": [{"name": "Bad", "expr": "1 + topk(1, up)"}]}),
    )
    .await?;
    let status =
        said::<AlertPolicy>(client, "alerts", "Stalled", "True", "UnsupportedExpression").await?;
    let text = status["conditions"].to_string();
    assert!(
        text.contains("rule Bad") && text.contains("column 5"),
        "{text}"
    );
    assert_eq!(
        status["evaluation"]["firing"], 2,
        "the monitor's part was touched"
    );
    Ok(())
}

/// Touching the gate makes a pass.
async fn an_unchanged_world_costs_no_request(
    client: &Client,
    requests: &AtomicUsize,
) -> Result<()> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = requests.load(Ordering::SeqCst);
    let touch = json!({"metadata": {"annotations": {"touched": "once"}}});
    let params = PatchParams::default();
    api::<StreamGate>(client)
        .patch("demo", &params, &Patch::Merge(touch))
        .await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        requests.load(Ordering::SeqCst),
        before,
        "requests of a pass over an unchanged world"
    );
    Ok(())
}

async fn a_change_rolls_the_pod(client: &Client) -> Result<()> {
    let before = template_hash(client).await?;
    change::<StreamGate>(client, "demo", json!({"log": "debug"})).await?;
    eventually("another template", || async {
        Ok((template_hash(client).await? != before).then_some(()))
    })
    .await?;
    kubelet::serve(client, NAMESPACE, "demo").await
}

async fn a_paused_gate_is_left_alone(client: &Client) -> Result<()> {
    let before = template_hash(client).await?;
    change::<StreamGate>(client, "demo", json!({"paused": true, "log": "warn"})).await?;
    said::<StreamGate>(client, "demo", "Ready", "True", "Paused").await?;
    assert_eq!(template_hash(client).await?, before);
    change::<StreamGate>(client, "demo", json!({"paused": false, "log": "debug"})).await?;
    said::<StreamGate>(client, "demo", "Ready", "True", "Available")
        .await
        .map(|_| ())
}

async fn a_contradiction_stalls_the_gate_until_it_is_mended(client: &Client) -> Result<()> {
    change::<StreamGate>(client, "demo", json!({"exposure": {"nodePort": 30080}})).await?;
    said::<StreamGate>(client, "demo", "Stalled", "True", "InvalidSpec").await?;
    change::<StreamGate>(client, "demo", json!({"exposure": {"nodePort": null}})).await?;
    said::<StreamGate>(client, "demo", "Stalled", "False", "Available")
        .await
        .map(|_| ())
}

async fn a_name_that_is_taken_is_not_seized(client: &Client) -> Result<()> {
    let theirs = json!({"metadata": {"name": "second-config"}, "data": {"config.yaml": "theirs"}});
    let maps = api::<ConfigMap>(client);
    maps.create(&PostParams::default(), &serde_json::from_value(theirs)?)
        .await?;
    let claim = json!({"metadata": {"name": "third-data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
    }});
    let claims = api::<PersistentVolumeClaim>(client);
    claims
        .create(&PostParams::default(), &serde_json::from_value(claim)?)
        .await?;
    for name in ["second", "third"] {
        gate(client, name, json!({})).await?;
        said::<StreamGate>(client, name, "Stalled", "True", "NameTaken").await?;
        api::<StreamGate>(client)
            .delete(name, &DeleteParams::default())
            .await?;
    }
    let data = maps.get("second-config").await?.data;
    assert_eq!(
        data,
        Some(BTreeMap::from([(
            "config.yaml".to_owned(),
            "theirs".to_owned()
        )]))
    );
    Ok(())
}

async fn other_namespaces_are_granted_and_taken_back(client: &Client) -> Result<()> {
    const NAME: &str = "media.demo.jobs";
    let roles: Api<Role> = Api::namespaced(client.clone(), "team-a");
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), "team-a");
    change::<StreamGate>(
        client,
        "demo",
        json!({"allowedNamespaces": ["team-a", "absent"]}),
    )
    .await?;
    eventually("the grant", || async { Ok(bindings.get_opt(NAME).await?) }).await?;
    kubelet::serve(client, NAMESPACE, "demo").await?;
    let status = said::<StreamGate>(client, "demo", "Reconciling", "True", "Progressing").await?;
    assert!(
        status["conditions"].to_string().contains("names absent"),
        "{status}"
    );
    change::<StreamGate>(client, "demo", json!({"allowedNamespaces": []})).await?;
    gone(&bindings, NAME).await?;
    gone(&roles, NAME).await?;
    kubelet::serve(client, NAMESPACE, "demo").await?;
    eventually("no finalizer", || async {
        let gate = api::<StreamGate>(client).get("demo").await?;
        Ok(gate.finalizers().is_empty().then_some(()))
    })
    .await?;
    change::<StreamGate>(client, "demo", json!({"allowedNamespaces": ["team-a"]})).await?;
    eventually("the grant", || async { Ok(bindings.get_opt(NAME).await?) })
        .await
        .map(|_| ())
}

async fn volume_and_keys_outlive_the_gate_and_are_adopted_again(client: &Client) -> Result<()> {
    let before = api::<Secret>(client).get("demo-keys").await?;
    api::<StreamGate>(client)
        .delete("demo", &DeleteParams::default())
        .await?;
    gone(&api::<StreamGate>(client), "demo").await?;
    gone(&api::<Deployment>(client), "demo-all").await?;
    gone(&api::<ConfigMap>(client), "demo-config").await?;
    gone(
        &Api::<RoleBinding>::namespaced(client.clone(), "team-a"),
        "media.demo.jobs",
    )
    .await?;
    let claim = api::<PersistentVolumeClaim>(client)
        .get("demo-data")
        .await?;
    gate(client, "demo", json!({})).await?;
    kubelet::serve(client, NAMESPACE, "demo").await?;
    let after = api::<Secret>(client).get("demo-keys").await?;
    assert_eq!((after.uid(), after.data), (before.uid(), before.data));
    let again = api::<PersistentVolumeClaim>(client)
        .get("demo-data")
        .await?;
    assert_eq!(again.uid(), claim.uid());
    Ok(())
}

/// `dataPolicy` is live in both directions.
async fn volume_and_keys_go_with_the_gate_when_the_policy_says_so(client: &Client) -> Result<()> {
    for (policy, owners) in [("Delete", 1), ("Retain", 0), ("Delete", 1)] {
        change::<StreamGate>(client, "demo", json!({"dataPolicy": policy})).await?;
        eventually(policy, || async {
            let keys = api::<Secret>(client).get("demo-keys").await?;
            let claim = api::<PersistentVolumeClaim>(client)
                .get("demo-data")
                .await?;
            let tied = [
                keys.owner_references().len(),
                claim.owner_references().len(),
            ];
            Ok((tied == [owners, owners]).then_some(()))
        })
        .await?;
    }
    api::<StreamGate>(client)
        .delete("demo", &DeleteParams::default())
        .await?;
    gone(&api::<Secret>(client), "demo-keys").await?;
    gone(&api::<PersistentVolumeClaim>(client), "demo-data").await
}

/// The client, with every request counted that is no watch and not about the lease.
fn counted(client: &Client, count: Arc<AtomicUsize>) -> Client {
    let inner = client.clone();
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let uri = request.uri().to_string();
        if !uri.contains("/leases") && !uri.contains("watch=true") {
            count.fetch_add(1, Ordering::SeqCst);
        }
        let inner = inner.clone();
        async move { inner.send(request).await }
    });
    Client::new(service, "default")
}

async fn prepare(client: &Client) -> Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    for (_, crd) in definitions::all() {
        let name = crd.metadata.name.clone().unwrap_or_default();
        let params = PatchParams::apply("test");
        crds.patch(&name, &params, &Patch::Apply(&crd)).await?;
        await_condition(crds.clone(), &name, conditions::is_crd_established()).await?;
    }
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for name in [NAMESPACE, "team-a"] {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let namespace = json!({"metadata": {"name": name, "labels": labels}});
        namespaces
            .create(&PostParams::default(), &serde_json::from_value(namespace)?)
            .await?;
    }
    Ok(())
}

async fn template_hash(client: &Client) -> Result<Option<String>> {
    let deployment = api::<Deployment>(client).get("demo-all").await?;
    let metadata = deployment.spec.and_then(|s| s.template.metadata);
    let annotations = metadata.and_then(|m| m.annotations).unwrap_or_default();
    Ok(annotations.get("streamgate.io/config-hash").cloned())
}

async fn gate(client: &Client, name: &str, spec: Value) -> Result<()> {
    let gate = json!({"apiVersion": "streamgate.io/v1alpha1", "kind": "StreamGate", "metadata": {"name": name}, "spec": spec});
    api::<StreamGate>(client)
        .create(&PostParams::default(), &serde_json::from_value(gate)?)
        .await?;
    Ok(())
}

async fn policy(client: &Client, name: &str, expr: &str) -> Result<()> {
    let spec =
        json!({"streamGateRef": {"name": "demo"}, "rules": [{"name": "Down", "expr": expr}]});
    let policy = AlertPolicy::new(name, serde_json::from_value(spec)?);
    api::<AlertPolicy>(client)
        .create(&PostParams::default(), &policy)
        .await?;
    Ok(())
}

async fn change<K: Child>(client: &Client, name: &str, spec: Value) -> Result<()> {
    let patch = Patch::Merge(json!({"spec": spec}));
    api::<K>(client)
        .patch(name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

/// Waits until a condition says this of the newest generation; returns the status.
async fn said<K: Child>(
    client: &Client,
    name: &str,
    kind: &str,
    status: &str,
    reason: &str,
) -> Result<Value> {
    eventually(
        &format!("{name}: {kind} is {status} because of {reason}"),
        || async {
            let object = serde_json::to_value(api::<K>(client).get(name).await?)?;
            let newest = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            let conditions = object["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let says = conditions
                .iter()
                .any(|c| c["type"] == kind && c["status"] == status && c["reason"] == reason);
            Ok((newest && says).then(|| object["status"].clone()))
        },
    )
    .await
}

async fn gone<K: Child>(api: &Api<K>, name: &str) -> Result<()> {
    let what = format!("{name} is gone");
    eventually(&what, || async {
        Ok(api.get_opt(name).await?.is_none().then_some(()))
    })
    .await
}

async fn eventually<T, F>(what: &str, look: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await.with_context(|| what.to_owned())? {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("did not come true: {what}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + std::fmt::Debug
    + serde::Serialize
    + serde::de::DeserializeOwned
{
}

impl<K> Child for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + serde::de::DeserializeOwned
{
}

fn api<K: Child>(client: &Client) -> Api<K> {
    Api::namespaced(client.clone(), NAMESPACE)
}
