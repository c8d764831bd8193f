//! The role over real HTTP, with the real SQLite catalog and the real file store; only the
//! cluster stands in memory (the control plane's turn is in `tests/it/worker.rs`).

use std::sync::Arc;

use bytes::Bytes;
use prometheus::Registry;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use streamgate_contract::config::RoleConfig;
use streamgate_contract::job_api::*;
use streamgate_contract::names::{self, Step};
use streamgate_crds::transcode_job::Phase;

mod early;
mod sources;
mod take_over;

use super::signature::UrlKey;
use super::testing::{self, UID, sha256};
use super::{Parts, Worker, http};
use crate::adapters::filesystem::Filesystem;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::ports::catalog::{ContentState, Contents, Outputs};
use crate::ports::clock::manual::ManualClock;
use crate::ports::jobs::memory::MemoryJobs;
use crate::ports::objects::{ObjectKey, Objects};

struct World {
    folder: tempfile::TempDir,
    catalog: Arc<Sqlite3Catalog>,
    objects: Arc<Filesystem>,
    jobs: Arc<MemoryJobs>,
    clock: Arc<ManualClock>,
    worker: Arc<Worker>,
    url: String,
    http: reqwest::Client,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let jobs = Arc::new(MemoryJobs::default());
        jobs.put(testing::job());
        Self::over(folder, jobs).await
    }

    /// A process over what a folder holds.
    async fn over(folder: tempfile::TempDir, jobs: Arc<MemoryJobs>) -> Self {
        Self::of(folder, jobs, &testing::config()).await
    }

    /// The same with another configuration.
    async fn of(folder: tempfile::TempDir, jobs: Arc<MemoryJobs>, config: &RoleConfig) -> Self {
        let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await;
        let catalog = Arc::new(catalog.unwrap());
        let objects = Arc::new(Filesystem::open(folder.path().join("objects")).unwrap());
        let clock = Arc::new(ManualClock::at(1_000));
        let parts = Parts {
            catalog: catalog.clone(),
            objects: objects.clone(),
            jobs: jobs.clone(),
            tokens: jobs.clone(),
            clock: clock.clone(),
            url_key: UrlKey::new(vec![7; 32]).unwrap(),
        };
        let worker = Worker::new(parts, config, &Registry::new());
        let worker = Arc::new(worker.unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = http::internal_routes(worker.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            folder,
            catalog,
            objects,
            jobs,
            clock,
            worker,
            url,
            http: reqwest::Client::new(),
        }
    }

    /// The process ends; another begins over the same folder.
    async fn restarted(self) -> Self {
        Self::over(self.folder, self.jobs).await
    }

    async fn ask(&self, pod: &str, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.bearer_auth(format!("media/{pod}")).json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn post(
        &self,
        pod: &str,
        path: &str,
        body: impl serde::Serialize,
    ) -> (StatusCode, Value) {
        let body = serde_json::to_value(body).unwrap();
        self.ask(pod, Method::POST, path, body).await
    }

    async fn put(&self, ticket: &Value, bytes: &'static [u8]) -> StatusCode {
        let url = format!("{}{}", self.url, ticket["url"].as_str().unwrap());
        let mut request = self.http.put(url).body(Bytes::from_static(bytes));
        for header in ticket["headers"].as_array().unwrap() {
            request = request.header(header[0].as_str().unwrap(), header[1].as_str().unwrap());
        }
        request.send().await.unwrap().status()
    }

    /// Ticket, PUT and commit of an object.
    async fn deliver(&self, pod: &str, object: &Object, bytes: &'static [u8]) -> bool {
        let (status, ticket) = self.post(pod, TICKETS_PATH, ticket(object, bytes)).await;
        assert_eq!(status, 200, "{ticket}");
        assert!(self.put(&ticket, bytes).await.is_success());
        let commit = commit(object, &ticket, bytes);
        let (status, answer) = self.post(pod, COMMITS_PATH, commit).await;
        assert_eq!(status, 200, "{answer}");
        answer["first"] == true
    }

    async fn progress(&self) -> streamgate_crds::transcode_job::Progress {
        self.worker.write_due().await;
        self.jobs.writes.lock().unwrap().last().unwrap().1.clone()
    }
}

fn pod(step: Step, index: u32) -> String {
    format!("{}-{index}-abcde", names::job(UID, 0, step))
}

fn init(track: &str) -> Object {
    let track = track.parse().unwrap();
    Object::Init { track }
}

fn segment(track: &str, number: u32) -> Object {
    let track = track.parse().unwrap();
    Object::Segment { track, number }
}

fn ticket(object: &Object, bytes: &[u8]) -> TicketRequest {
    TicketRequest {
        object: object.clone(),
        sha256: sha256(bytes),
        bytes: bytes.len() as u64,
    }
}

fn commit(object: &Object, ticket: &Value, bytes: &[u8]) -> CommitRequest {
    CommitRequest {
        object: object.clone(),
        key: ticket["key"].as_str().unwrap().to_owned(),
        sha256: sha256(bytes),
        bytes: bytes.len() as u64,
        head_bytes: None,
    }
}

/// Every segment of the plan with the index that makes it.
fn segments() -> Vec<(u32, Object)> {
    let video = |n: u32| ["v720", "v360"].map(|track| (n / 2, segment(track, n)));
    let sound = (0..6).map(|n| (3, segment("a-en-aac", n)));
    (0..6).flat_map(video).chain(sound).collect()
}

#[tokio::test]
async fn a_job_goes_from_plan_to_published() {
    let world = World::new().await;
    let plan = pod(Step::Plan, 0);
    let (status, order) = world
        .ask(&plan, Method::GET, ASSIGNMENT_PATH, Value::Null)
        .await;
    assert_eq!(
        (status, &order["order"]["step"]),
        (StatusCode::OK, &json!("plan"))
    );
    assert_eq!(order["order"]["request"]["renditions"][0]["height"], 720);
    assert_eq!(order["source"], json!({"kind": "mounted", "path": "a.mp4"}));
    let encode = pod(Step::Encode, 1);
    let (status, early) = world
        .ask(&encode, Method::GET, ASSIGNMENT_PATH, Value::Null)
        .await;
    assert_eq!(
        (status, &early["reason"]),
        (StatusCode::CONFLICT, &json!("NotPlanned"))
    );

    let (status, stored) = world.post(&plan, PLAN_PATH, testing::plan()).await;
    assert_eq!(status, 200, "{stored}");
    assert_eq!(
        stored["order"]["plan"],
        serde_json::to_value(testing::plan()).unwrap()
    );
    assert_eq!(world.progress().await.segments, "0/18");
    for track in ["v720", "v360", "a-en-aac"] {
        assert!(world.deliver(&plan, &init(track), b"init").await);
    }
    let (_, order) = world
        .ask(&encode, Method::GET, ASSIGNMENT_PATH, Value::Null)
        .await;
    assert_eq!(order["order"]["work"]["firstChunk"], 2);
    assert_eq!(order["order"]["bytes"], json!([{"start": 0, "end": 5}]));

    let publish = pod(Step::Publish, 0);
    for (count, (index, object)) in segments().iter().enumerate() {
        let (status, early) = world.post(&publish, PUBLISH_PATH, Value::Null).await;
        assert_eq!(
            (status.as_u16(), &early["reason"]),
            (500, &json!("OutputIncomplete")),
            "{count}"
        );
        assert!(
            world
                .deliver(&pod(Step::Encode, *index), object, b"media")
                .await
        );
        assert!(
            !world
                .deliver(&pod(Step::Encode, *index), object, b"other")
                .await
        );
    }
    let (_, order) = world
        .ask(&encode, Method::GET, ASSIGNMENT_PATH, Value::Null)
        .await;
    assert_eq!(order["order"]["committed"].as_array().unwrap().len(), 4);
    // The second says it had more CPU time than there are cores to take it on.
    let took = |cpu, fetched| json!({"cpuMilliseconds": cpu, "podMilliseconds": 10, "fetchedBytes": fetched});
    for (index, usage) in [(0, took(30_u64, 5)), (1, took(u64::MAX, 2))] {
        let (status, _) = world
            .post(&pod(Step::Encode, index), USAGE_PATH, usage)
            .await;
        assert_eq!(status, 204);
    }
    let seen = json!([{"track": "v720",
        "nearness": {"pictures": 2, "squaredError": 20, "similarity": u64::MAX}}]);
    let (status, _) = world.post(&encode, QUALITY_PATH, seen).await;
    assert_eq!(status, 204);
    let silent = json!([{"track": "a-en-aac",
        "nearness": {"pictures": 2, "squaredError": 20, "similarity": 9}}]);
    let (status, _) = world.post(&encode, QUALITY_PATH, silent).await;
    assert_eq!(status, 403);
    let (status, done) = world.post(&publish, PUBLISH_PATH, Value::Null).await;
    assert_eq!(status, 200, "{done}");
    let output = format!("{UID}-0");
    let cost =
        json!({"cpuMilliseconds": 30 + 10 * 1_024, "podMilliseconds": 20, "fetchedBytes": 7});
    let quality = json!([{"track": "v720",
        "nearness": {"pictures": 2, "squaredError": 20, "similarity": 2_000_000}}]);
    let expected = json!({"content": "film", "output": output, "segments": 18, "bytes": 102,
        "cost": cost, "quality": quality});
    assert_eq!(done, expected);
    let content = world
        .catalog
        .content(&"film".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(content.state, ContentState::Published);
    let last = world.jobs.writes.lock().unwrap().last().unwrap().1.clone();
    assert_eq!(
        (last.percent, last.segments.as_str(), last.bytes),
        (100, "18/18", 102)
    );
    assert_eq!(last.eta_seconds, Some(0));
}

#[tokio::test]
async fn progress_is_monotone_goes_on_after_a_restart_and_stops_at_the_end() {
    let mut world = World::new().await;
    world
        .post(&pod(Step::Plan, 0), PLAN_PATH, testing::plan())
        .await;
    for (count, (index, object)) in segments().iter().enumerate() {
        world
            .deliver(&pod(Step::Encode, *index), object, b"media")
            .await;
        if count == 8 {
            world = world.restarted().await;
            let report = ProgressReport {
                frames: 10,
                of: 400,
                fps: 50.0,
            };
            let (status, _) = world
                .post(&pod(Step::Encode, 2), PROGRESS_PATH, report)
                .await;
            assert_eq!(status, 204);
            let told = world.progress().await;
            let speed = told.speed.as_deref();
            assert_eq!((&*told.segments, speed), ("9/18", Some("1.0x")));
        }
    }
    let writes: Vec<_> = world
        .jobs
        .writes
        .lock()
        .unwrap()
        .iter()
        .map(|w| w.1.percent)
        .collect();
    assert!(writes.is_sorted(), "{writes:?}");
    let count = writes.len();
    world.jobs.phase(UID, Phase::Failed);
    world.worker.write_due().await;
    assert_eq!(world.jobs.writes.lock().unwrap().len(), count);
    let (status, gone) = world
        .post(&pod(Step::Publish, 0), PUBLISH_PATH, Value::Null)
        .await;
    assert_eq!(
        (status, &gone["reason"]),
        (StatusCode::GONE, &json!("JobGone"))
    );
}

#[tokio::test]
async fn a_pod_delivers_only_what_it_was_given_and_what_it_announced() {
    let world = World::new().await;
    world
        .post(&pod(Step::Plan, 0), PLAN_PATH, testing::plan())
        .await;
    let (own, other) = (segment("v720", 0), segment("v720", 2));
    let encode = pod(Step::Encode, 0);
    let (status, refused) = world
        .post(&encode, TICKETS_PATH, ticket(&other, b"x"))
        .await;
    assert_eq!(
        (status, &refused["reason"]),
        (StatusCode::FORBIDDEN, &json!("NotAssigned"))
    );
    let mut huge = ticket(&own, b"x");
    huge.bytes = 1 << 40;
    let (status, _) = world.post(&encode, TICKETS_PATH, huge).await;
    assert_eq!(status, 400);
    let foreign = init("v720");
    let (status, _) = world
        .post(&pod(Step::Plan, 0), TICKETS_PATH, ticket(&foreign, b"xxxx"))
        .await;
    assert_eq!(status, 400, "an init segment that is not the plan's");

    let (_, granted) = world
        .post(&encode, TICKETS_PATH, ticket(&own, b"media"))
        .await;
    let announced = commit(&own, &granted, b"media");
    let (status, refused) = world.post(&encode, COMMITS_PATH, &announced).await;
    assert_eq!(
        (status, &refused["reason"]),
        (StatusCode::CONFLICT, &json!("NotDelivered"))
    );
    for wrong in [b"medix".as_slice(), b"medi", b"media+"] {
        let status = world.put(&granted, wrong).await;
        assert!(status == 400 || status == 403, "{status}");
    }
    let key = ObjectKey::parse(&announced.key).unwrap();
    assert_eq!(world.objects.head(&key).await.unwrap(), None);
    world.clock.advance(901);
    assert_eq!(world.put(&granted, b"media").await, 403, "expired");
    world.clock.advance(-901);
    assert_eq!(world.put(&granted, b"media").await, 201);
    assert_eq!(world.put(&granted, b"media").await, 200);
    let elsewhere = CommitRequest {
        key: "uploads/u/00000".into(),
        ..announced.clone()
    };
    let (status, _) = world.post(&encode, COMMITS_PATH, elsewhere).await;
    assert_eq!(status, 409);
    let (status, _) = world.post(&encode, COMMITS_PATH, announced).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn nobody_else_is_served() {
    let world = World::new().await;
    let get = |token: &'static str| {
        let request = world.http.get(format!("{}{ASSIGNMENT_PATH}", world.url));
        request.bearer_auth(token).send()
    };
    for (token, status) in [("junk", 401), ("media/web-0", 403), ("nowhere/tj", 403)] {
        assert_eq!(get(token).await.unwrap().status(), status, "{token}");
    }
    let bare = world
        .http
        .get(format!("{}{ASSIGNMENT_PATH}", world.url))
        .send();
    assert_eq!(bare.await.unwrap().status(), 401);
    let tenant = world.http.get(format!("{}{ASSIGNMENT_PATH}", world.url));
    let tenant = tenant.bearer_auth(format!("tenant/{}", pod(Step::Plan, 0)));
    assert_eq!(
        tenant.send().await.unwrap().status(),
        410,
        "another namespace's job"
    );
    let url = format!(
        "{}{OBJECTS_PATH}/contents/film?expires=9999&signature=00",
        world.url
    );
    assert_eq!(world.http.get(url).send().await.unwrap().status(), 403);
}
