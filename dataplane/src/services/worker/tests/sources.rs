//! Sources and contents: what may be read, what may be written to, and what the outbox makes.

use super::*;
use crate::ports::catalog::uploads::Place;
use crate::ports::catalog::{Content, Upload, UploadKind, UploadPart, Uploads};
use crate::ports::jobs::Job;

async fn upload(world: &World, id: &str) {
    let id = id.parse().unwrap();
    let upload = Upload {
        id,
        owner: "0xa".into(),
        kind: UploadKind::Whole,
        length: Some(10),
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
        let part = UploadPart {
            key,
            bytes,
            crc32c: None,
        };
        let place = Place {
            turn: 0,
            number,
            replaces: None,
        };
        let parts = [part];
        let added = world.catalog.add_parts(&upload.id, &place, &parts);
        added.await.unwrap();
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
