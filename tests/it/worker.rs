//! The worker on a real control plane: tokens the API server issued for pods, progress beside the
//! operator's fields, one TranscodeJob for an upload.

mod desk;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use streamgate_crds::TranscodeJob;
use streamgate_crds::contract::names::{self, Step};
use streamgate_crds::transcode_job::{Phase, Progress};
use streamgate_dataplane::adapters::filesystem::Filesystem;
use streamgate_dataplane::adapters::kubernetes::{Kubernetes, tokens::ClusterTokens};
use streamgate_dataplane::adapters::sqlite::Sqlite3Catalog;
use streamgate_dataplane::ports::catalog::uploads::Place;
use streamgate_dataplane::ports::catalog::{
    Content, ContentState, Upload, UploadKind, UploadPart, Uploads,
};
use streamgate_dataplane::ports::clock::Clock;
use streamgate_dataplane::ports::jobs::{Job, Jobs, Marks, PodTokens, TokenError, Written};
use streamgate_dataplane::services::worker::error::WorkerError;
use streamgate_dataplane::services::worker::signature::UrlKey;
use streamgate_dataplane::services::worker::{Parts, Worker};
use streamgate_tests::ControlPlane;
use tokio_util::sync::CancellationToken;

const GATE_UID: &str = "6d1c7f0e-0000-4000-8000-000000000001";
const OPERATOR: &str = "streamgate-operator";

/// The machine's clock, moved.
#[derive(Default)]
struct Moved(AtomicI64);

impl Clock for Moved {
    fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        i64::try_from(now.as_secs()).unwrap() + self.0.load(Ordering::SeqCst)
    }
}

struct World {
    client: Client,
    cluster: Arc<Kubernetes>,
    tokens: Arc<ClusterTokens>,
    clock: Arc<Moved>,
    catalog: Arc<Sqlite3Catalog>,
    worker: Worker,
    folder: tempfile::TempDir,
}

/// One control plane serves every case: starting it is what takes the time.
#[tokio::test(flavor = "multi_thread")]
async fn the_worker_serves_and_writes_on_a_real_control_plane() -> Result<()> {
    let plane = ControlPlane::start()?;
    let client = plane.client().await?;
    super::crds::install(&client).await?;
    let world = world(client).await?;
    let stop = CancellationToken::new();
    let (cluster, stopped) = (world.cluster.clone(), stop.clone());
    let watching = tokio::spawn(async move { cluster.run(stopped).await });
    let job = seen(&world, &make_job(&world.client).await?).await;
    only_a_pods_own_token_is_believed(&world, &job).await?;
    only_pods_of_the_job_are_served(&world, &job).await?;
    progress_stands_beside_the_operators_fields(&world, &job).await?;
    an_upload_becomes_exactly_one_job(&world).await?;
    desk::what_people_submit_and_ask_reaches_the_cluster_once(&world).await?;
    desk::replicas_make_one_object_of_a_tick(&world).await?;
    stop.cancel();
    Ok(watching.await?)
}

async fn world(client: Client) -> Result<World> {
    for name in ["tenant", "stranger"] {
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        Api::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await?;
    }
    let folder = tempfile::tempdir()?;
    let clock = Arc::new(Moved::default());
    let namespaces = ["default".to_owned(), "tenant".to_owned()];
    let cluster = Arc::new(Kubernetes::new(client.clone(), namespaces));
    let tokens = ClusterTokens::new(client.clone(), GATE_UID.to_owned(), clock.clone());
    let tokens = Arc::new(tokens);
    let catalog = Arc::new(Sqlite3Catalog::open(&folder.path().join("catalog.db")).await?);
    let parts = Parts {
        catalog: catalog.clone(),
        objects: Arc::new(Filesystem::open(folder.path().join("objects"))?),
        jobs: cluster.clone(),
        tokens: tokens.clone(),
        clock: clock.clone(),
        url_key: UrlKey::new(vec![7; 32])?,
    };
    let config = serde_json::from_value(config())?;
    let worker = Worker::new(parts, &config, &prometheus::Registry::new())?;
    Ok(World {
        client,
        cluster,
        tokens,
        clock,
        catalog,
        worker,
        folder,
    })
}

fn config() -> Value {
    json!({
        "gate": {"namespace": "default", "name": "demo", "uid": GATE_UID,
            "allowedNamespaces": ["tenant"]},
        "publicUrl": "http://localhost", "log": "info",
        "storage": {"filesystem": {"path": "/unused"}}, "database": {"sqlite": {"path": "/unused"}},
        "chains": [], "rules": [],
        "auth": {"domain": "d", "challengeSeconds": 1, "sessionSeconds": 1, "leaseSeconds": 1,
            "pauseAllowanceSeconds": 1},
        "people": {"creators": [], "admins": []},
        "limits": {"maxUploadBytes": 1, "requestsPerSecond": 1, "requestBurst": 1,
            "requestTimeoutSeconds": 1},
        "transcode": {"renditions": [{"height": 720, "maxKbps": 2800}], "audio": {}, "grid": {},
            "limits": {"maxSide": 8192, "maxFrameRate": 120, "maxDurationSeconds": 3600,
                "maxStreams": 8}},
    })
}

async fn make_job(client: &Client) -> Result<String> {
    let job: TranscodeJob = serde_json::from_value(json!({
        "apiVersion": "streamgate.io/v1alpha1", "kind": "TranscodeJob",
        "metadata": {"name": "film"},
        "spec": {"streamGateRef": {"name": "demo"}, "content": {"id": "film"},
            "source": {"persistentVolumeClaim": {"claimName": "c", "path": "a.mp4"}}},
    }))?;
    let api: Api<TranscodeJob> = Api::namespaced(client.clone(), "default");
    let made = api.create(&PostParams::default(), &job).await?;
    Ok(made.uid().unwrap())
}

/// The job as the watch shows it.
async fn seen(world: &World, uid: &str) -> Job {
    for _ in 0..100 {
        if let Ok(Some(job)) = world.cluster.job("default", uid).await {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the watch never showed TranscodeJob {uid}");
}

/// A token of the namespace's default account, bound to a new pod of this name.
async fn pod_token(world: &World, namespace: &str, pod: &str, audience: &str) -> Result<String> {
    let spec = json!({"metadata": {"name": pod}, "spec": {
        "automountServiceAccountToken": false, "containers": [{"name": "c", "image": "none"}]}});
    let api: Api<Pod> = Api::namespaced(world.client.clone(), namespace);
    let made = loop {
        // The controller manager makes the namespace's account in its own time.
        match api
            .create(
                &PostParams::default(),
                &serde_json::from_value(spec.clone())?,
            )
            .await
        {
            Ok(made) => break made,
            Err(kube::Error::Api(s)) if s.is_already_exists() => break api.get(pod).await?,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    let bound = BoundObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        name: Some(pod.into()),
        uid: made.uid(),
    };
    token(world, namespace, audience, Some(bound)).await
}

async fn token(
    world: &World,
    namespace: &str,
    audience: &str,
    bound: Option<BoundObjectReference>,
) -> Result<String> {
    let api: Api<ServiceAccount> = Api::namespaced(world.client.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec![audience.to_owned()],
            expiration_seconds: Some(600),
            bound_object_ref: bound,
        },
        ..TokenRequest::default()
    };
    let params = PostParams::default();
    let answer = api
        .create_token_request("default", &params, &request)
        .await?;
    Ok(answer.status.unwrap().token)
}

async fn refused(world: &World, token: &str, words: &str) {
    match world.tokens.verify(token).await {
        Err(TokenError::Refused(why)) => assert_eq!(why, words),
        other => panic!("{words}: {other:?}"),
    }
}

async fn only_a_pods_own_token_is_believed(world: &World, job: &Job) -> Result<()> {
    let name = format!("{}-1-abcde", names::job(&job.uid, 0, Step::Encode));
    let good = pod_token(world, "default", &name, GATE_UID).await?;
    let pod = world.tokens.verify(&good).await?;
    assert_eq!((pod.namespace.as_str(), &pod.name), ("default", &name));
    let other = pod_token(world, "default", &name, "https://kubernetes.default.svc").await?;
    refused(world, &other, "it is meant for somebody else").await;
    let unbound = token(world, "default", GATE_UID, None).await?;
    refused(world, &unbound, "it is bound to no pod").await;
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{head}.{other}{}", &signature[1..]);
    refused(world, &forged, "its signature is wrong").await;
    world.clock.0.store(700, Ordering::SeqCst);
    refused(world, &good, "it has expired").await;
    world.clock.0.store(0, Ordering::SeqCst);
    Ok(())
}

async fn asks(world: &World, namespace: &str, pod: &str) -> Result<Option<WorkerError>> {
    let token = pod_token(world, namespace, pod, GATE_UID).await?;
    let pod = world.worker.identify(&token).await?;
    Ok(world.worker.assignment(&pod, None).await.err())
}

async fn only_pods_of_the_job_are_served(world: &World, job: &Job) -> Result<()> {
    let plan = format!("{}-0-abcde", names::job(&job.uid, 0, Step::Plan));
    assert!(asks(world, "default", &plan).await?.is_none());
    let foreign = asks(world, "default", "web-0").await?;
    assert!(
        matches!(foreign, Some(WorkerError::NotAJobPod(_))),
        "{foreign:?}"
    );
    let theirs = asks(world, "tenant", &plan).await?;
    assert!(matches!(theirs, Some(WorkerError::JobGone)), "{theirs:?}");
    let stranger = asks(world, "stranger", &plan).await?;
    let not_allowed = matches!(stranger, Some(WorkerError::NamespaceNotAllowed(_)));
    assert!(not_allowed, "{stranger:?}");
    Ok(())
}

async fn operator_says(world: &World, phase: Phase) -> Result<()> {
    let api: Api<TranscodeJob> = Api::namespaced(world.client.clone(), "default");
    let status = json!({"apiVersion": "streamgate.io/v1alpha1", "kind": "TranscodeJob",
        "status": {"phase": phase, "observedGeneration": 1, "attempt": 0}});
    let params = PatchParams::apply(OPERATOR).force();
    api.patch_status("film", &params, &Patch::Apply(status))
        .await?;
    Ok(())
}

/// The job once the watch shows this phase.
async fn in_phase(world: &World, uid: &str, phase: Phase) -> Job {
    loop {
        let job = seen(world, uid).await;
        if job.phase == phase {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn progress_stands_beside_the_operators_fields(world: &World, job: &Job) -> Result<()> {
    let progress = |percent| Progress {
        percent,
        segments: format!("{percent}/100"),
        ..Progress::default()
    };
    operator_says(world, Phase::Encoding).await?;
    let written = world.cluster.write_progress(job, &progress(1)).await?;
    assert_eq!(written, Written::Stale, "the job changed since it was seen");
    let job = in_phase(world, &job.uid, Phase::Encoding).await;
    let written = world.cluster.write_progress(&job, &progress(40)).await?;
    assert_eq!(written, Written::Done);

    let api: Api<TranscodeJob> = Api::namespaced(world.client.clone(), "default");
    operator_says(world, Phase::Publishing).await?;
    let found = api.get("film").await?;
    let status = found.status.clone().unwrap();
    assert_eq!(status.progress.as_ref().map(|p| p.percent), Some(40));
    assert_eq!(status.phase, Some(Phase::Publishing));
    let owned = |manager: &str| {
        let all = found.managed_fields().iter();
        let mine = all.filter(|f| f.manager.as_deref() == Some(manager));
        let status = mine.map(|f| f.fields_v1.as_ref().unwrap().0["f:status"].clone());
        let keys = |v: Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        status.flat_map(keys).collect::<Vec<_>>()
    };
    assert_eq!(owned("streamgate-worker"), ["f:progress"]);
    assert!(!owned(OPERATOR).contains(&"f:progress".to_owned()));

    let job = in_phase(world, &job.uid, Phase::Publishing).await;
    operator_says(world, Phase::Succeeded).await?;
    let late = world.cluster.write_progress(&job, &progress(41)).await?;
    assert_eq!(late, Written::Stale, "never after a terminal phase");
    Ok(())
}

async fn an_upload_becomes_exactly_one_job(world: &World) -> Result<()> {
    let upload = Upload {
        id: "u1".parse()?,
        owner: "0xa".into(),
        kind: UploadKind::Whole,
        length: Some(1),
        metadata: "{}".into(),
        created_at: 0,
        parts: vec![],
        content: None,
    };
    let part = UploadPart {
        key: "uploads/u1/00000".into(),
        bytes: 1,
        crc32c: None,
    };
    let place = Place {
        turn: 0,
        number: 0,
        replaces: None,
    };
    let content = Content {
        id: "uploaded".parse()?,
        title: "t".into(),
        owner: "0xa".into(),
        rule: None,
        state: ContentState::Processing,
        current_output: None,
    };
    world.catalog.create_upload(&upload).await?;
    world.catalog.add_parts(&upload.id, &place, &[part]).await?;
    world.catalog.complete_upload(&upload.id, &content).await?;
    // What a crash between the two writes leaves: the job is there, the entry too.
    let spec = json!({"streamGateRef": {"name": "demo"}, "source": {"upload": {"id": "u1"}}});
    let spec = serde_json::from_value(spec)?;
    let marks = Marks::default();
    let made = world.cluster.create("default", "upload-u1", &spec, &marks);
    made.await?;
    for _ in 0..3 {
        world.worker.drain().await?;
    }
    let api: Api<TranscodeJob> = Api::namespaced(world.client.clone(), "default");
    let jobs = api.list(&ListParams::default()).await?;
    let of_upload = |job: &&TranscodeJob| job.spec.source.upload.is_some();
    assert_eq!(jobs.iter().filter(of_upload).count(), 1);
    assert!(world.catalog.outbox(9).await?.is_empty());
    Ok(())
}
