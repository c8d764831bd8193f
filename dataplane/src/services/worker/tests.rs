//! The role over real HTTP, with the real SQLite catalog and the real file store; only the
//! cluster stands in memory (the control plane's turn is in `tests/it/worker.rs`).

use std::sync::Arc;

use bytes::Bytes;
use prometheus::Registry;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use streamgate_contract::job_api::*;
use streamgate_contract::names::{self, Step};
use streamgate_crds::transcode_job::Phase;

use super::signature::UrlKey;
use super::testing::{self, UID, sha256};
use super::{Parts, Worker, http};
use crate::adapters::filesystem::Filesystem;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::ports::catalog::{
    Content, ContentState, Contents, Outputs, Upload, UploadPart, Uploads,
};
use crate::ports::clock::manual::ManualClock;
use crate::ports::jobs::Job;
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
        let worker = Worker::new(parts, &testing::config(), &Registry::new());
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
    let (status, done) = world.post(&publish, PUBLISH_PATH, Value::Null).await;
    assert_eq!(status, 200, "{done}");
    let output = format!("{UID}-0");
    let expected = json!({"content": "film", "output": output, "segments": 18, "bytes": 102});
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
            assert_eq!(world.progress().await.segments, "9/18");
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

async fn upload(world: &World, id: &str) {
    let id = id.parse().unwrap();
    let upload = Upload {
        id,
        owner: "0xa".into(),
        length: 10,
        metadata: "{}".into(),
        created_at: 0,
        parts: vec![],
        content: None,
    };
    world.catalog.create_upload(&upload).await.unwrap();
    for (number, bytes) in [(0, "0123"), (1, "456789")] {
        let key = names::upload_part_key(&upload.id, number, 1);
        let parsed = ObjectKey::parse(&key).unwrap();
        world.objects.put(&parsed, bytes.into()).await.unwrap();
        let bytes = bytes.len() as u64;
        let part = UploadPart { key, bytes };
        world
            .catalog
            .append_part(&upload.id, number, &part)
            .await
            .unwrap();
    }
}

fn content(id: &str, owner: &str) -> Content {
    Content {
        id: id.parse().unwrap(),
        title: id.into(),
        owner: owner.into(),
        rule: None,
        state: ContentState::Processing,
        current_output: None,
    }
}

fn job(spec: Value) -> Job {
    let mut whole = json!({"streamGateRef": {"name": "demo"}});
    whole
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    Job {
        spec: Arc::new(serde_json::from_value(whole).unwrap()),
        ..testing::job()
    }
}

#[tokio::test]
async fn an_upload_is_a_source_once_it_is_whole_and_its_parts_can_be_read_by_range() {
    let world = World::new().await;
    let plan = pod(Step::Plan, 0);
    let assignment = || world.ask(&plan, Method::GET, ASSIGNMENT_PATH, Value::Null);
    world
        .jobs
        .put(job(json!({"source": {"upload": {"id": "u1"}}})));
    let (status, refused) = assignment().await;
    assert_eq!(
        (status.as_u16(), &refused["reason"]),
        (422, &json!("SourceNotFound"))
    );
    upload(&world, "u1").await;
    let (status, refused) = assignment().await;
    assert_eq!(
        (status.as_u16(), &refused["reason"]),
        (422, &json!("SourceNotFound")),
        "unfinished"
    );
    let film = content("uploaded", "0xa");
    let id = "u1".parse().unwrap();
    world.catalog.complete_upload(&id, &film).await.unwrap();
    let (status, order) = assignment().await;
    assert_eq!(status, 200, "{order}");
    let parts = order["source"]["parts"].as_array().unwrap();
    assert_eq!(
        (&parts[0]["bytes"], &parts[1]["bytes"]),
        (&json!(4), &json!(6))
    );
    let url = format!("{}{}", world.url, parts[1]["url"].as_str().unwrap());
    let read = |range: &'static str| world.http.get(&url).header("range", range).send();
    let middle = read("bytes=1-3").await.unwrap();
    assert_eq!(middle.headers()["content-range"], "bytes 1-3/6");
    assert_eq!(
        (
            middle.status().as_u16(),
            middle.text().await.unwrap().as_str()
        ),
        (206, "567")
    );
    let beyond = read("bytes=6-").await.unwrap();
    assert_eq!(beyond.headers()["content-range"], "bytes */6");
    assert_eq!(beyond.status(), 416);
    assert_eq!(
        world
            .http
            .get(&url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "456789"
    );
    assert_eq!(
        world
            .put(&json!({"url": parts[1]["url"], "headers": []}), b"x")
            .await,
        400
    );
    let (status, stored) = world.post(&plan, PLAN_PATH, testing::plan()).await;
    assert_eq!(status, 200, "{stored}");
    let output = world
        .catalog
        .output_of_job(&format!("{UID}/0"))
        .await
        .unwrap();
    assert_eq!(output.unwrap().content, film.id);
}

#[tokio::test]
async fn jobs_that_may_not_be_done_are_refused_with_a_reason() {
    let world = World::new().await;
    upload(&world, "u1").await;
    let id = "u1".parse().unwrap();
    world
        .catalog
        .complete_upload(&id, &content("uploaded", "0xa"))
        .await
        .unwrap();
    let theirs = content("theirs", "0xb");
    let taken = world.catalog.create_content_of(&theirs, "tenant");
    assert!(taken.await.unwrap());
    let claim = json!({"persistentVolumeClaim": {"claimName": "c", "path": "a.mp4"}});
    for (spec, words) in [
        (json!({"source": claim}), "set spec.content.id"),
        (
            json!({"source": claim, "content": {"id": "theirs"}}),
            "another namespace or creator",
        ),
        (
            json!({"source": claim, "content": {"id": "uploaded"}}),
            "another namespace or creator",
        ),
        (
            json!({"source": claim, "content": {"id": "new", "rule": "nope"}}),
            "has no rule",
        ),
        (
            json!({"source": {"upload": {"id": "u1"}}, "content": {"id": "new"}}),
            "brings its own content",
        ),
    ] {
        world.jobs.put(job(spec));
        let plan = pod(Step::Plan, 0);
        for (method, path) in [(Method::GET, ASSIGNMENT_PATH), (Method::POST, PLAN_PATH)] {
            let body = serde_json::to_value(testing::plan()).unwrap();
            let (status, refused) = world.ask(&plan, method, path, body).await;
            assert_eq!(
                (status.as_u16(), &refused["reason"]),
                (422, &json!("SettingsRefused"))
            );
            assert!(
                refused["detail"].as_str().unwrap().contains(words),
                "{refused}"
            );
        }
    }
    world.jobs.put(testing::job());
    let mut torn = testing::plan();
    torn.spans.pop();
    let (status, refused) = world.post(&pod(Step::Plan, 0), PLAN_PATH, torn).await;
    assert_eq!(
        (status.as_u16(), &refused["reason"]),
        (422, &json!("InternalError"))
    );
}

#[tokio::test]
async fn the_outbox_makes_one_job_for_each_upload_whatever_is_repeated() {
    let world = World::new().await;
    world.jobs.put(Job {
        uid: "squatter".into(),
        name: "upload-u1".into(),
        ..testing::job()
    });
    for id in ["u1", "u2"] {
        upload(&world, id).await;
        let film = content(&format!("of-{id}"), "0xa");
        let id = id.parse().unwrap();
        world.catalog.complete_upload(&id, &film).await.unwrap();
    }
    assert!(world.worker.drain().await.is_err(), "u1's name is taken");
    let names = || -> Vec<String> {
        let jobs = world.jobs.jobs.lock().unwrap();
        jobs.values().map(|job| job.name.clone()).collect()
    };
    assert_eq!(names().iter().filter(|n| *n == "upload-u2").count(), 1);
    assert_eq!(world.catalog.outbox(9).await.unwrap().len(), 1);
    world.jobs.jobs.lock().unwrap().remove("squatter");
    for _ in 0..3 {
        world.worker.drain().await.unwrap();
    }
    assert_eq!(
        names().iter().filter(|n| n.starts_with("upload-")).count(),
        2
    );
    assert!(world.catalog.outbox(9).await.unwrap().is_empty());
}
