//! Uploads that are encoded while they run.

use std::time::Duration;

use super::*;
use crate::ports::catalog::uploads::Place;
use crate::ports::catalog::{Content, Upload, UploadKind, UploadPart, Uploads};

/// The head of an MP4 file of this many seconds: index in front, media behind.
fn head(seconds: u32) -> Vec<u8> {
    let boxed = |kind: &[u8; 4], inside: &[u8]| {
        let size = u32::try_from(inside.len() + 8).unwrap().to_be_bytes();
        [&size[..], kind, inside].concat()
    };
    let numbers = [0, 0, 0, 1, seconds].map(u32::to_be_bytes).concat();
    let moov = boxed(b"moov", &boxed(b"mvhd", &numbers));
    [boxed(b"ftyp", b"isom"), moov, b"\0\0\x27\x10mdat".to_vec()].concat()
}

async fn world() -> World {
    let jobs = Arc::new(MemoryJobs::default());
    let mut config = testing::config();
    config.transcode.while_uploading = true;
    World::of(tempfile::tempdir().unwrap(), jobs, &config).await
}

/// Begins an upload that will have `length` bytes.
async fn begin(world: &World, id: &str, length: u64) {
    let upload = Upload {
        id: id.parse().unwrap(),
        owner: "0xa".into(),
        kind: UploadKind::Whole,
        length: Some(length),
        metadata: "{}".into(),
        created_at: 1_000,
        parts: vec![],
        content: None,
    };
    world.catalog.create_upload(&upload).await.unwrap();
}

async fn arrive(world: &World, id: &str, number: u32, bytes: &[u8]) {
    let id = id.parse().unwrap();
    let key = names::upload_part_key(&id, number, 1);
    let parsed = ObjectKey::parse(&key).unwrap();
    let body = Bytes::copy_from_slice(bytes);
    world.objects.put(&parsed, body).await.unwrap();
    let place = Place {
        turn: 0,
        number,
        replaces: None,
    };
    let part = UploadPart {
        key,
        bytes: bytes.len() as u64,
        crc32c: None,
    };
    let parts = [part];
    let added = world.catalog.add_parts(&id, &place, &parts);
    added.await.unwrap();
}

async fn complete(world: &World, id: &str) {
    let content = Content {
        id: format!("of-{id}").parse().unwrap(),
        title: id.into(),
        owner: "0xa".into(),
        rule: None,
        state: ContentState::Processing,
        current_output: None,
    };
    let id = id.parse().unwrap();
    world.catalog.complete_upload(&id, &content).await.unwrap();
}

fn names_of(world: &World) -> Vec<String> {
    let jobs = world.jobs.jobs.lock().unwrap();
    jobs.values().map(|job| job.name.clone()).collect()
}

#[tokio::test]
async fn an_upload_whose_head_tells_the_rest_gets_its_job_at_once() {
    let world = world().await;
    for (id, seconds) in [("short", 24), ("long", 3_600), ("slow", 24), ("other", 24)] {
        begin(&world, id, 10_000).await;
        let head = head(seconds);
        match id {
            "slow" => arrive(&world, id, 0, &head[..30]).await,
            "other" => arrive(&world, id, 0, b"\x1a\x45\xdf\xa3........").await,
            _ => arrive(&world, id, 0, &head).await,
        }
    }
    for _ in 0..2 {
        world.worker.begin_early().await.unwrap();
    }
    assert_eq!(names_of(&world), ["early-short"]);
    arrive(&world, "slow", 1, &head(24)[30..]).await;
    world.worker.begin_early().await.unwrap();
    assert_eq!(names_of(&world), ["early-short", "early-slow"]);
    let jobs = world.jobs.jobs.lock().unwrap();
    let sources = jobs.values().map(|job| job.spec.source.upload.clone());
    assert!(sources.flatten().all(|source| source.while_uploading));
}

#[tokio::test]
async fn nothing_is_begun_early_unless_the_gate_says_so() {
    let jobs = Arc::new(MemoryJobs::default());
    let fitted = |config: &mut RoleConfig| {
        config.transcode.ladder = streamgate_contract::renditions::Ladder::Auto;
    };
    let loud = |config: &mut RoleConfig| {
        config.transcode.audio.loudness = Some(Default::default());
    };
    let off = |config: &mut RoleConfig| config.transcode.while_uploading = false;
    for change in [&fitted as &dyn Fn(&mut RoleConfig), &loud, &off] {
        let mut config = testing::config();
        config.transcode.while_uploading = true;
        change(&mut config);
        let world = World::of(tempfile::tempdir().unwrap(), jobs.clone(), &config).await;
        begin(&world, "u1", 10_000).await;
        arrive(&world, "u1", 0, &head(24)).await;
        world.worker.begin_early().await.unwrap();
        assert!(names_of(&world).is_empty());
    }
}

#[tokio::test]
async fn a_finished_upload_gets_a_job_unless_its_early_one_does_it() {
    let world = world().await;
    for id in ["alive", "failed"] {
        begin(&world, id, 100).await;
        let mut bytes = head(24);
        bytes.resize(100, 0);
        arrive(&world, id, 0, &bytes).await;
    }
    world.worker.begin_early().await.unwrap();
    world.jobs.phase("uid-of-early-failed", Phase::Failed);
    for id in ["alive", "failed"] {
        complete(&world, id).await;
    }
    for _ in 0..2 {
        world.worker.drain().await.unwrap();
    }
    let expected = ["early-alive", "early-failed", "upload-failed"];
    assert_eq!(names_of(&world), expected);
    assert!(world.catalog.outbox(9).await.unwrap().is_empty());
}

/// A job of upload `u1` that begins while it runs.
fn early(world: &World) {
    let spec = json!({"streamGateRef": {"name": "demo"},
        "source": {"upload": {"id": "u1", "whileUploading": true}}});
    world.jobs.put(crate::ports::jobs::Job {
        spec: Arc::new(serde_json::from_value(spec).unwrap()),
        ..testing::job()
    });
}

#[tokio::test]
async fn what_has_arrived_can_be_read_and_more_is_waited_for() {
    let world = world().await;
    early(&world);
    begin(&world, "u1", 10).await;
    arrive(&world, "u1", 0, b"0123").await;
    let plan = pod(Step::Plan, 0);
    let ask = |query: &str| {
        let path = format!("{ASSIGNMENT_PATH}{query}");
        let (world, plan) = (&world, &plan);
        async move { world.ask(plan, Method::GET, &path, Value::Null).await }
    };
    let (status, first) = ask("").await;
    assert_eq!(
        (status.as_u16(), &first["order"]["arriving"]),
        (200, &json!(10))
    );
    let bytes = |answer: &Value| -> Vec<u64> {
        let parts = answer["source"]["parts"].as_array().unwrap().iter();
        parts.map(|part| part["bytes"].as_u64().unwrap()).collect()
    };
    assert_eq!(bytes(&first), [4]);
    assert_eq!(ask("?beyond=3").await.0, 200, "there is more already");

    let late = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        arrive(&world, "u1", 1, b"456789").await;
    };
    let began = std::time::Instant::now();
    let ((_, more), ()) = tokio::join!(ask("?beyond=4"), late);
    assert!(began.elapsed() >= Duration::from_millis(500));
    assert_eq!(
        (bytes(&more), &more["order"]["arriving"]),
        (vec![4, 6], &json!(10))
    );

    // Every byte is here, but whether they are what was announced is not known yet.
    let (status, refused) = world.post(&plan, PLAN_PATH, testing::plan()).await;
    assert_eq!(
        (status.as_u16(), &refused["reason"]),
        (422, &json!("SourceNotFound"))
    );
    complete(&world, "u1").await;
    let (_, whole) = ask("?beyond=10").await;
    assert_eq!(
        (bytes(&whole), whole["order"].get("arriving")),
        (vec![4, 6], None)
    );
    let (status, stored) = world.post(&plan, PLAN_PATH, testing::plan()).await;
    assert_eq!(status, 200, "{stored}");
}

#[tokio::test]
async fn an_upload_that_goes_is_abandoned_by_name() {
    let world = world().await;
    early(&world);
    begin(&world, "u1", 10).await;
    let plan = pod(Step::Plan, 0);
    let path = format!("{ASSIGNMENT_PATH}?beyond=0");
    let ask = world.ask(&plan, Method::GET, &path, Value::Null);
    let gone = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let id = "u1".parse().unwrap();
        world.catalog.delete_upload(&id).await.unwrap();
    };
    let ((status, refused), ()) = tokio::join!(ask, gone);
    assert_eq!(
        (status.as_u16(), &refused["reason"]),
        (422, &json!("SourceAbandoned"))
    );
}
