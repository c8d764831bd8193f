//! The monitor on a real control plane: an AlertPolicy on failed spans goes pending → firing →
//! resolved, is told once each to a webhook over real HTTP and as Events, and a restart of the
//! monitor in between is not noticed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use streamgate_crds::alert_policy::Evaluation;
use streamgate_crds::{AlertPolicy, TranscodeJob};
use streamgate_dataplane::adapters::alert_policies::KubernetesPolicies;
use streamgate_dataplane::adapters::gate_pods::GatePods;
use streamgate_dataplane::adapters::prometheus_text::PrometheusText;
use streamgate_dataplane::adapters::sqlite::Sqlite3Catalog;
use streamgate_dataplane::adapters::system_clock::SystemClock;
use streamgate_dataplane::adapters::webhook::HttpWebhooks;
use streamgate_dataplane::services::metadata::cursor::CursorKey;
use streamgate_dataplane::services::monitor::{Bounds, Monitor, Parts};
use streamgate_tests::ControlPlane;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const NAMESPACE: &str = "default";
const PATIENCE: Duration = Duration::from_secs(60);
/// Stands for the address of the gate's pod.
const POD_ADDRESS: &str = "127.77.0.1";

/// What the monitor's own pod shows: the metrics of the monitor that runs now.
type Shown = Arc<Mutex<Registry>>;

struct World {
    client: Client,
    shown: Shown,
    catalog: Sqlite3Catalog,
    _folder: tempfile::TempDir,
    notices: Arc<Mutex<Vec<Value>>>,
}

/// A monitor that runs until it is stopped.
struct Running {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_spans_are_told_once_and_a_restart_is_not_noticed() -> Result<()> {
    let plane = ControlPlane::start()?;
    let client = plane.client().await?;
    super::crds::install(&client).await?;
    let world = World::new(client).await?;
    let url = world.receiver().await?;
    world.pod().await?;
    world.job().await?;
    world.policy(&url).await?;
    let monitor = world.monitor()?;

    world.failed_spans("").await?;
    world
        .until("evaluated", |e| e.last_evaluation.is_some())
        .await?;
    ensure!(world.notices().is_empty(), "told of nothing");

    world.failed_spans("1,3-4").await?;
    world
        .until("pending", |e| (e.pending, e.firing) == (1, 0))
        .await?;
    let monitor = world.restart(monitor).await?;
    let firing = world
        .until("firing", |e| (e.pending, e.firing) == (0, 1))
        .await?;
    world
        .until("delivered", |e| {
            e.handlers.iter().any(|h| h.last_success.is_some())
        })
        .await?;
    ensure!(firing.rules[0].notified, "the status says that it was told");
    world.is_told(&["firing"])?;
    world.columns(&["True", "1", "0"]).await?;

    let monitor = world.restart(monitor).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.is_told(&["firing"])?;

    // It is over while nobody looks.
    monitor.stop().await;
    world.failed_spans("").await?;
    let monitor = world.monitor()?;
    world
        .until("resolved", |e| e.firing + e.pending == 0)
        .await?;
    let monitor = world.restart(monitor).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.is_told(&["firing", "resolved"])?;
    world.columns(&["True", "0", "0"]).await?;
    world
        .events(&[("AlertFiring", 1), ("AlertResolved", 1)])
        .await?;
    world.nobody_elses_field().await?;

    world.gone(monitor).await
}

impl World {
    async fn new(client: Client) -> Result<Self> {
        let shown = Shown::default();
        let listener = TcpListener::bind((POD_ADDRESS, 9_090)).await?;
        let registry = shown.clone();
        answer(listener, move |_| {
            let families = registry.lock().unwrap().gather();
            TextEncoder::new().encode_to_string(&families).unwrap()
        });
        let notices = Arc::default();
        let folder = tempfile::tempdir()?;
        let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await?;
        Ok(Self {
            client,
            shown,
            catalog,
            _folder: folder,
            notices,
        })
    }

    async fn receiver(&self) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/page", listener.local_addr()?);
        let notices = self.notices.clone();
        answer(listener, move |body| {
            notices
                .lock()
                .unwrap()
                .push(serde_json::from_str(body).unwrap());
            String::new()
        });
        Ok(url)
    }

    /// The gate's pod, which runs here.
    async fn pod(&self) -> Result<()> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let labels =
            json!({"app.kubernetes.io/instance": "g", "app.kubernetes.io/component": "all"});
        let container = json!({"name": "all", "image": "none"});
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "g-all", "labels": labels},
            "spec": {"containers": [container], "automountServiceAccountToken": false},
        }))?;
        let begun = Instant::now();
        // The controller manager makes the namespace's service account first.
        while let Err(error) = api.create(&PostParams::default(), &pod).await {
            ensure!(begun.elapsed() < PATIENCE, "the pod is refused: {error}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let ips = json!([{"ip": POD_ADDRESS}]);
        let status = json!({"status": {"phase": "Running", "podIP": POD_ADDRESS, "podIPs": ips}});
        let patch = Patch::Merge(status);
        api.patch_status("g-all", &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    async fn job(&self) -> Result<()> {
        let api: Api<TranscodeJob> = Api::namespaced(self.client.clone(), NAMESPACE);
        let job = serde_json::from_value(json!({
            "apiVersion": "streamgate.io/v1alpha1", "kind": "TranscodeJob",
            "metadata": {"name": "j"},
            "spec": {"streamGateRef": {"name": "g"}, "source": {"upload": {"id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}}},
        }))?;
        api.create(&PostParams::default(), &job).await?;
        Ok(())
    }

    /// What the operator would write about the job.
    async fn failed_spans(&self, ranges: &str) -> Result<()> {
        let api: Api<TranscodeJob> = Api::namespaced(self.client.clone(), NAMESPACE);
        let spans = json!({"active": 1, "completed": "", "failed": ranges});
        let patch = Patch::Merge(json!({"status": {"phase": "Encoding", "spans": spans}}));
        api.patch_status("j", &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    fn policies(&self) -> Api<AlertPolicy> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// A policy that the operator found good.
    async fn policy(&self, url: &str) -> Result<()> {
        let rule = json!({
            "name": "SpansFail", "expr": "sum(streamgate_transcode_job_failed_spans) > 0",
            "for": "6s", "severity": "critical", "annotations": {"summary": "Spans fail"},
        });
        let policy = serde_json::from_value(json!({
            "apiVersion": "streamgate.io/v1alpha1", "kind": "AlertPolicy",
            "metadata": {"name": "p"},
            "spec": {
                "streamGateRef": {"name": "g"}, "intervalSeconds": 1, "rules": [rule],
                "handlers": [{"name": "pager", "webhook": {"url": url}}],
            },
        }))?;
        let made = self
            .policies()
            .create(&PostParams::default(), &policy)
            .await?;
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Evaluated", "message": "1 rule",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let status = json!({
            "apiVersion": "streamgate.io/v1alpha1", "kind": "AlertPolicy",
            "status": {"observedGeneration": made.metadata.generation, "conditions": [ready]},
        });
        let params = PatchParams::apply("streamgate-operator").force();
        self.policies()
            .patch_status("p", &params, &Patch::Apply(&status))
            .await?;
        Ok(())
    }

    fn monitor(&self) -> Result<Running> {
        let registry = Registry::new();
        let client = || self.client.clone();
        let policies = Arc::new(KubernetesPolicies::new(client(), NAMESPACE, "g", "g-all"));
        let parts = Parts {
            policies: policies.clone(),
            gate: Arc::new(GatePods::new(client(), NAMESPACE, "g")),
            scraper: Arc::new(PrometheusText::new().map_err(anyhow::Error::from_boxed)?),
            webhooks: Arc::new(HttpWebhooks::new().map_err(anyhow::Error::from_boxed)?),
            events: policies.clone(),
            alarms: Arc::new(self.catalog.clone()),
            cursor_key: CursorKey::new([1; 32]),
            clock: Arc::new(SystemClock),
            bounds: Bounds::default(),
            scrape_interval: Duration::from_secs(1),
        };
        let monitor = Arc::new(Monitor::new(parts, &registry)?);
        *self.shown.lock().unwrap() = registry;
        let stop = CancellationToken::new();
        let watching = stop.clone();
        let tasks = vec![
            tokio::spawn(async move { policies.run(watching).await }),
            tokio::spawn(monitor.run(stop.clone())),
        ];
        Ok(Running { stop, tasks })
    }

    async fn restart(&self, running: Running) -> Result<Running> {
        running.stop().await;
        self.monitor()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Evaluation) -> bool) -> Result<Evaluation> {
        let begun = Instant::now();
        loop {
            let status = self.policies().get("p").await?.status.unwrap_or_default();
            let evaluation = status.evaluation.unwrap_or_default();
            if holds(&evaluation) {
                return Ok(evaluation);
            }
            ensure!(begun.elapsed() < PATIENCE, "not {what}: {evaluation:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn notices(&self) -> Vec<Value> {
        self.notices.lock().unwrap().clone()
    }

    fn is_told(&self, expected: &[&str]) -> Result<()> {
        let notices = self.notices();
        let told: Vec<_> = notices.iter().map(|n| n["status"].clone()).collect();
        ensure!(told == expected, "told {notices:?}");
        for notice in &notices {
            assert_eq!(notice["labels"]["alertname"], "SpansFail");
            assert_eq!(notice["severity"], "critical");
            assert_eq!(notice["policy"]["name"], "p");
        }
        assert_eq!(notices[0]["value"], 3.0);
        Ok(())
    }

    /// What `kubectl get alertpolicies` prints: name, Ready, Firing, Pending, Evaluated.
    async fn columns(&self, expected: &[&str]) -> Result<()> {
        let path = format!("/apis/streamgate.io/v1alpha1/namespaces/{NAMESPACE}/alertpolicies");
        let request = http::Request::get(path)
            .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new())?;
        let table: Value = self.client.request(request).await?;
        let cells = table["rows"][0]["cells"].as_array().context("no row")?;
        let text = |cell: &Value| cell.as_str().map_or(cell.to_string(), str::to_owned);
        let printed: Vec<_> = cells.iter().map(text).collect();
        ensure!(
            printed[1..4] == *expected,
            "kubectl would print {printed:?}"
        );
        ensure!(printed[4].ends_with('s'), "evaluated {}", printed[4]);
        Ok(())
    }

    async fn events(&self, expected: &[(&str, usize)]) -> Result<()> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), NAMESPACE);
        let events = api.list(&ListParams::default()).await?;
        for (reason, count) in expected {
            let found = events
                .iter()
                .filter(|e| e.reason.as_deref() == Some(reason));
            let found: Vec<_> = found.collect();
            ensure!(found.len() == *count, "{reason}: {found:?}");
            let about = found[0].regarding.clone().unwrap_or_default();
            assert_eq!(about.kind.as_deref(), Some("AlertPolicy"));
            assert_eq!(about.name.as_deref(), Some("p"));
        }
        Ok(())
    }

    /// The monitor owns `status.evaluation` and nothing else.
    async fn nobody_elses_field(&self) -> Result<()> {
        let policy = self.policies().get("p").await?;
        let owned = policy.managed_fields().iter();
        let owned = owned.filter(|f| f.manager.as_deref() == Some("streamgate-monitor"));
        let owned: Vec<_> = owned.filter_map(|f| f.fields_v1.clone()).collect();
        ensure!(owned.len() == 1, "{owned:?}");
        let status = owned[0].0["f:status"].as_object().context("no status")?;
        assert_eq!(status.keys().collect::<Vec<_>>(), ["f:evaluation"]);
        Ok(())
    }

    /// A deleted policy is not made again by a write.
    async fn gone(&self, monitor: Running) -> Result<()> {
        self.policies().delete("p", &Default::default()).await?;
        self.failed_spans("7").await?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        ensure!(self.policies().get_opt("p").await?.is_none(), "it is back");
        monitor.stop().await;
        self.is_told(&["firing", "resolved"])
    }
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// Serves HTTP/1.1, one request a connection: gives `reply` the body and sends what it returns.
fn answer(listener: TcpListener, reply: impl Fn(&str) -> String + Send + Sync + 'static) {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that hangs up early is not this test's matter.
            let _ = exchange(stream, &reply).await;
        }
    });
}

async fn exchange(mut stream: TcpStream, reply: &impl Fn(&str) -> String) -> Result<()> {
    let mut request = Vec::new();
    let body = loop {
        let mut part = [0; 4_096];
        let read = stream.read(&mut part).await?;
        ensure!(read > 0, "the client hung up");
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let length = name.eq_ignore_ascii_case("content-length");
            length.then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            break body.to_owned();
        }
    };
    let body = reply(&body);
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    Ok(())
}
