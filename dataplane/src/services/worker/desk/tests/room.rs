//! What schedules remove, and what is told of the queue.

use super::schedules::{create, first, set};
use super::*;
use crate::ports::catalog::uploads::Upload;
use crate::ports::catalog::{Contents, Outputs, Uploads, suite};
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::NOW;

#[tokio::test]
async fn cleaning_up_removes_old_uploads_that_nobody_writes_and_outputs_that_play_no_more() {
    let stage = Stage::new().await;
    let (catalog, objects) = (stage.world.catalog.clone(), stage.world.objects.clone());
    for (id, created_at) in [("old", NOW - 7_200), ("busy", NOW - 7_200), ("new", NOW)] {
        let upload = Upload {
            created_at,
            ..suite::upload(id)
        };
        catalog.create_upload(&upload).await.unwrap();
        let part = ObjectKey::parse(&format!("uploads/{id}/00000")).unwrap();
        objects.put(&part, "bytes".into()).await.unwrap();
    }
    let busy = "busy".parse().unwrap();
    catalog.take_turn(&busy, "writer", None).await.unwrap();
    catalog
        .create_content(&suite::content("film"))
        .await
        .unwrap();
    for (id, job) in [
        ("first", "uid-1/0"),
        ("second", "uid-2/0"),
        ("third", "uid-of-film/0"),
    ] {
        catalog
            .plan_output(&suite::output(id, "film", job))
            .await
            .unwrap();
        let key = ObjectKey::parse(&format!("contents/film/{id}/v720/0")).unwrap();
        objects.put(&key, "bytes".into()).await.unwrap();
    }
    for track in ["v720", "a-en-aac"] {
        for number in [None, Some(0), Some(1)] {
            let segment = suite::segment(track, number, "00");
            catalog
                .commit(&"second".parse().unwrap(), &segment)
                .await
                .unwrap();
        }
    }
    catalog.publish(&"second".parse().unwrap()).await.unwrap();
    stage.job("film", "film", None).await;
    let body = json!({"title": "room", "cron": "0 * * * *", "deadlineSeconds": 600,
        "action": {"cleanUp": {"uploadsOlderThanSeconds": 3_600,
            "outputsOlderThanSeconds": 86_400}}});
    let made = create(&stage, &stage.admin, body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let there = async |prefix: &str| {
        let keys = objects
            .list(&ObjectKey::parse(prefix).unwrap())
            .await
            .unwrap();
        keys.len()
    };
    let outcomes = async |now: i64| {
        set(&stage, now);
        stage.desk.look().await.unwrap();
        let path = format!("/schedules/{}", made.body["id"].as_str().unwrap());
        let (session, _) = stage.world.sign_in(&admin()).await;
        let one = stage.get(&path, &session).await;
        one.body["ticks"][0]["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcomes(first()).await, "removed 1 uploads and 0 outputs");
    let left = ["old", "busy", "new"].map(|id| format!("uploads/{id}"));
    let left = [
        there(&left[0]).await,
        there(&left[1]).await,
        there(&left[2]).await,
    ];
    assert_eq!(left, [0, 1, 1]);
    // A day after it was first seen, the one that was never finished goes; the one that plays and
    // the one that a job works on stay.
    let told = outcomes(first() + 86_400).await;
    assert!(told.ends_with("and 1 outputs"), "{told}");
    let left = ["first", "second", "third"].map(|id| format!("contents/film/{id}"));
    let left = [
        there(&left[0]).await,
        there(&left[1]).await,
        there(&left[2]).await,
    ];
    assert_eq!(left, [0, 1, 1]);
    assert!(catalog.output(&"first".parse().unwrap()).await.is_err());
    assert!(catalog.output(&"third".parse().unwrap()).await.is_ok());
}

#[tokio::test]
async fn the_queue_is_shown_to_people_and_in_metrics() {
    let stage = Stage::new().await;
    stage.job("a", "film", None).await;
    stage.job("b", "film", None).await;
    stage.jobs.status("b", |s| s.phase = Some(Phase::Failed));
    let queue = stage.get("/queue", &stage.owner).await;
    assert_eq!(
        (&queue.body["queued"], &queue.body["finished"]),
        (&json!(1), &json!({"other": 1}))
    );
    assert_eq!(queue.body["oldestWaitSeconds"], NOW);
    let registry = Registry::new();
    let parts = Parts {
        catalog: stage.world.catalog.clone(),
        objects: stage.world.objects.clone(),
        jobs: stage.jobs.clone(),
        clock: stage.world.clock.clone(),
        cursor_key: CursorKey::new([1; 32]),
    };
    let desk = Desk::new(parts, &stage.world.config, &registry).unwrap();
    desk.measure().await;
    let text = prometheus::TextEncoder::new();
    let text = text.encode_to_string(&registry.gather()).unwrap();
    for line in [
        r#"streamgate_worker_queue_jobs{state="queued"} 1"#,
        r#"streamgate_worker_queue_jobs{state="running"} 0"#,
        r#"streamgate_worker_queue_finished_jobs{reason="other"} 1"#,
        r#"streamgate_worker_queue_finished_jobs{reason="Cancelled"} 0"#,
        &format!("streamgate_worker_queue_oldest_wait_seconds {NOW}"),
        r#"streamgate_worker_ticks_total{outcome="done"} 0"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}
