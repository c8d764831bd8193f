//! The TranscodeJob controller on a real kube-apiserver with the real Job controller. There is no
//! kubelet: the test says how pods fare, and sees what becomes of the TranscodeJob.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use streamgate_crds::{StreamGate, TranscodeJob, definitions};
use streamgate_operator::run::{Flags, operate};
use streamgate_tests::{ControlPlane, kubelet};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const NAMESPACE: &str = "media";
const PATIENCE: Duration = Duration::from_secs(60);

/// One control plane serves every case: starting it is what takes the time.
#[tokio::test(flavor = "multi_thread")]
async fn transcode_jobs_live_as_documented() -> Result<()> {
    let plane = ControlPlane::start()?;
    let client = plane.client().await?;
    prepare(&client).await?;
    let first = Operator::start(&client, "first");
    a_job_waits_for_its_gate_and_then_goes_to_the_end(&client).await?;
    a_finished_world_costs_no_request(&client, &first).await?;
    a_refused_source_is_final_and_said_in_an_event(&client).await?;
    suspending_and_deleting_reach_the_jobs(&client).await?;
    what_is_asked_through_the_gate_is_done_once(&client).await?;
    another_operator_takes_over(&client, first).await
}

async fn a_job_waits_for_its_gate_and_then_goes_to_the_end(client: &Client) -> Result<()> {
    create(client, "clip", json!({})).await?;
    until(client, "clip", |status| {
        status["reason"] == "StreamGateNotFound"
    })
    .await?;
    gate(client, "demo").await?;
    until(client, "clip", |status| status["phase"] == "Planning").await?;

    let plan = json!({"plan": {"spans": 2, "segments": 12, "durationMilliseconds": 24_000, "tracks": ["v720"], "engine": "e"}});
    end_pods(client, "clip", "plan", 1, 0, &plan.to_string()).await?;
    until(client, "clip", |status| status["phase"] == "Encoding").await?;
    let spec = job(client, "clip", "encode")
        .await?
        .spec
        .context("no spec")?;
    assert_eq!((spec.completions, spec.parallelism), (Some(2), Some(2)));

    end_pods(client, "clip", "encode", 2, 0, "").await?;
    until(client, "clip", |status| status["phase"] == "Publishing").await?;
    let published =
        json!({"published": {"content": "c1", "output": "o1", "segments": 12, "bytes": 99}});
    end_pods(client, "clip", "publish", 1, 0, &published.to_string()).await?;
    let status = until(client, "clip", |status| status["phase"] == "Succeeded").await?;
    assert_eq!(
        status["output"],
        json!({"content": "c1", "id": "o1", "segments": 12, "bytes": 99})
    );
    assert_eq!(status["spans"]["completed"], "0,1");
    assert_eq!(holds(&status), ["Complete", "Ready"]);
    heard(client, "clip", "Published").await
}

/// Touching the job makes a pass; the only requests are those about the lease.
async fn a_finished_world_costs_no_request(client: &Client, operator: &Operator) -> Result<()> {
    let jobs: Api<TranscodeJob> = Api::namespaced(client.clone(), NAMESPACE);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = operator.writes.load(Ordering::SeqCst);
    let ttl = Patch::Merge(json!({"spec": {"ttlSecondsAfterFinished": 3_600}}));
    jobs.patch("clip", &PatchParams::default(), &ttl).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(operator.writes.load(Ordering::SeqCst), before);
    Ok(())
}

async fn a_refused_source_is_final_and_said_in_an_event(client: &Client) -> Result<()> {
    create(client, "broken", json!({})).await?;
    let failed = json!({"failed": {"reason": "NotAVideo", "detail": "this is a text"}});
    end_pods(client, "broken", "plan", 1, 64, &failed.to_string()).await?;
    let status = until(client, "broken", |status| status["phase"] == "Failed").await?;
    assert_eq!(
        (&status["reason"], &status["message"]),
        (&json!("NotAVideo"), &json!("this is a text"))
    );
    assert_eq!(holds(&status), ["Failed", "Stalled"]);
    heard(client, "broken", "NotAVideo").await
}

async fn suspending_and_deleting_reach_the_jobs(client: &Client) -> Result<()> {
    create(client, "slow", json!({})).await?;
    until(client, "slow", |status| status["phase"] == "Planning").await?;
    let jobs: Api<TranscodeJob> = Api::namespaced(client.clone(), NAMESPACE);
    for (suspend, phase) in [(true, "Suspended"), (false, "Planning")] {
        let patch = Patch::Merge(json!({"spec": {"suspend": suspend}}));
        jobs.patch("slow", &PatchParams::default(), &patch).await?;
        until(client, "slow", |status| status["phase"] == phase).await?;
        let spec = job(client, "slow", "plan").await?.spec.context("no spec")?;
        assert_eq!(spec.suspend, Some(suspend));
    }
    let name = job(client, "slow", "plan").await?.name_any();
    jobs.delete("slow", &DeleteParams::default()).await?;
    let batch: Api<Job> = Api::namespaced(client.clone(), NAMESPACE);
    eventually("the Job is gone", || async {
        Ok(batch.get_opt(&name).await?.is_none().then_some(()))
    })
    .await
}

/// As the worker asks: a field of the status, under a manager of its own.
async fn what_is_asked_through_the_gate_is_done_once(client: &Client) -> Result<()> {
    create(client, "asked", json!({})).await?;
    until(client, "asked", |status| status["phase"] == "Planning").await?;
    let name = job(client, "asked", "plan").await?.name_any();
    let jobs: Api<TranscodeJob> = Api::namespaced(client.clone(), NAMESPACE);
    let ask = async |action: &str, attempt: i32| -> Result<()> {
        let asked = json!({"apiVersion": "streamgate.io/v1alpha1", "kind": "TranscodeJob",
            "status": {"asked": {"action": action, "attempt": attempt}}});
        let params = PatchParams::apply("streamgate-desk").force();
        jobs.patch_status("asked", &params, &Patch::Apply(asked))
            .await?;
        Ok(())
    };
    ask("Cancel", 0).await?;
    let status = until(client, "asked", |status| status["phase"] == "Failed").await?;
    assert_eq!(status["reason"], "Cancelled");
    assert_eq!(holds(&status), ["Failed", "Stalled"]);
    heard(client, "asked", "Cancelled").await?;
    let batch: Api<Job> = Api::namespaced(client.clone(), NAMESPACE);
    eventually("the Job is gone", || async {
        Ok(batch.get_opt(&name).await?.is_none().then_some(()))
    })
    .await?;
    ask("Retry", 0).await?;
    let again = |status: &Value| status["phase"] == "Planning" && status["attempt"] == 1;
    let status = until(client, "asked", again).await?;
    assert_eq!(status["asked"], json!({"action": "Retry", "attempt": 0}));
    jobs.delete("asked", &DeleteParams::default()).await?;
    Ok(())
}

async fn another_operator_takes_over(client: &Client, first: Operator) -> Result<()> {
    let second = Operator::start(client, "second");
    let leases: Api<Lease> = Api::namespaced(client.clone(), "default");
    let holder = |lease: Lease| lease.spec.and_then(|s| s.holder_identity);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        holder(leases.get("streamgate-operator").await?).as_deref(),
        Some("first")
    );
    first.stop().await?;
    let stopped = Instant::now();
    create(client, "after", json!({})).await?;
    until(client, "after", |status| status["phase"] == "Planning").await?;
    assert!(
        stopped.elapsed() < Duration::from_secs(15),
        "the lease was not given back"
    );
    assert_eq!(
        holder(leases.get("streamgate-operator").await?).as_deref(),
        Some("second")
    );
    second.stop().await
}

/// An operator in this process, its requests counted.
struct Operator {
    writes: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Operator {
    fn start(client: &Client, identity: &str) -> Self {
        let writes = Arc::new(AtomicUsize::new(0));
        let args = [
            "operator",
            "--identity",
            identity,
            "--namespace",
            "default",
            "--admin-address",
            "127.0.0.1:0",
        ];
        let (stop, told) = oneshot::channel();
        let counted = counted(client, writes.clone());
        let stopped = async { told.await.unwrap_or_default() };
        let task = tokio::spawn(operate(Flags::parse_from(args), counted, stopped));
        Self { writes, stop, task }
    }

    async fn stop(self) -> Result<()> {
        let _ = self.stop.send(());
        self.task.await?
    }
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
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": NAMESPACE,
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
    }});
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces
        .create(&PostParams::default(), &serde_json::from_value(namespace)?)
        .await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    eventually("the default ServiceAccount", || async {
        Ok(accounts.get_opt("default").await?.map(|_| ()))
    })
    .await
}

/// A StreamGate whose pod serves; its own controller finds that out.
async fn gate(client: &Client, name: &str) -> Result<()> {
    let gates: Api<StreamGate> = Api::namespaced(client.clone(), NAMESPACE);
    let gate = json!({"apiVersion": "streamgate.io/v1alpha1", "kind": "StreamGate", "metadata": {"name": name}, "spec": {}});
    gates
        .create(&PostParams::default(), &serde_json::from_value(gate)?)
        .await?;
    kubelet::serve(client, NAMESPACE, name).await
}

async fn create(client: &Client, name: &str, spec: Value) -> Result<()> {
    let mut all = json!({"streamGateRef": {"name": "demo"}, "source": {"upload": {"id": "u1"}}});
    if let (Some(all), Some(more)) = (all.as_object_mut(), spec.as_object()) {
        all.extend(more.clone());
    }
    let object = json!({"apiVersion": "streamgate.io/v1alpha1", "kind": "TranscodeJob", "metadata": {"name": name}, "spec": all});
    let jobs: Api<TranscodeJob> = Api::namespaced(client.clone(), NAMESPACE);
    jobs.create(&PostParams::default(), &serde_json::from_value(object)?)
        .await?;
    Ok(())
}

/// Waits until the status of a TranscodeJob is as wanted.
async fn until(client: &Client, name: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let jobs: Api<TranscodeJob> = Api::namespaced(client.clone(), NAMESPACE);
    let begun = Instant::now();
    loop {
        let status = serde_json::to_value(jobs.get(name).await?.status)?;
        if wanted(&status) {
            return Ok(status);
        }
        if begun.elapsed() > PATIENCE {
            bail!("{name} stays at {status:#}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn eventually<T, F>(what: &str, look: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("did not come true: {what}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn job(client: &Client, name: &str, step: &str) -> Result<Job> {
    let owners: Api<TranscodeJob> = Api::namespaced(client.clone(), NAMESPACE);
    let uid = owners.get(name).await?.uid().context("no uid")?;
    let list = ListParams::default().labels(&format!(
        "streamgate.io/transcode-job-uid={uid},streamgate.io/step={step}"
    ));
    let jobs: Api<Job> = Api::namespaced(client.clone(), NAMESPACE);
    eventually(step, || async { Ok(jobs.list(&list).await?.items.pop()) }).await
}

/// Plays kubelet: every pod of a step ends with this code and message.
async fn end_pods(
    client: &Client,
    name: &str,
    step: &str,
    pods: usize,
    code: i32,
    message: &str,
) -> Result<()> {
    let job = job(client, name, step).await?.name_any();
    let list = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let found = eventually("pods", || async {
        let found = api.list(&list).await?.items;
        Ok((found.len() == pods).then_some(found))
    })
    .await?;
    let container = if step == "publish" {
        "publish"
    } else {
        "transcoder"
    };
    for pod in found {
        let status = json!({"status": {
            "phase": if code == 0 { "Succeeded" } else { "Failed" },
            "containerStatuses": [{
                "name": container, "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": code, "message": message, "reason": "Ended"}},
            }],
        }});
        api.patch_status(
            &pod.name_any(),
            &PatchParams::default(),
            &Patch::Merge(status),
        )
        .await?;
    }
    Ok(())
}

fn holds(status: &Value) -> Vec<String> {
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let mut holds: Vec<_> = conditions
        .iter()
        .filter(|c| c["status"] == "True")
        .filter_map(|c| c["type"].as_str().map(str::to_owned))
        .collect();
    holds.sort();
    holds
}

async fn heard(client: &Client, name: &str, reason: &str) -> Result<()> {
    let events: Api<Event> = Api::namespaced(client.clone(), NAMESPACE);
    eventually(reason, || async {
        let all = events.list(&ListParams::default()).await?.items;
        let about = |event: &Event| event.regarding.as_ref().and_then(|r| r.name.clone());
        let found = all
            .iter()
            .any(|e| e.reason.as_deref() == Some(reason) && about(e).as_deref() == Some(name));
        Ok(found.then_some(()))
    })
    .await
}
