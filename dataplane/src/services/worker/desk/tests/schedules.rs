//! Schedules: what people may say, and what becomes of ticks with several replicas, after a restart and
//! when the cluster is away.

use std::sync::atomic::Ordering;

use super::submit::uploaded;
use super::*;
use crate::adapters::postgres::PostgresCatalog;
use crate::adapters::postgres::server::Server;
use crate::ports::catalog::schedules::{RunState, Schedule};
use crate::ports::catalog::uploads::{Upload, UploadKind};
use crate::ports::catalog::{Contents, Outputs, Uploads, suite};
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::NOW;

/// Hourly, at the full hour, a content again.
fn hourly(content: &str) -> Value {
    json!({"title": "again", "cron": "0 * * * *",
        "action": {"encode": {"content": content, "profile": "hevc"}}})
}

/// The first full hour after the beginning.
fn first() -> i64 {
    NOW - NOW.rem_euclid(3_600) + 3_600
}

/// Moves the clock.
fn set(stage: &Stage, time: i64) {
    let clock = &stage.world.clock;
    clock.advance(time - clock.now());
}

async fn send(
    stage: &Stage,
    method: Method,
    path: &str,
    token: &str,
    body: Value,
    headers: &[(&str, &str)],
) -> Answer {
    let path = format!("/schedules{path}");
    stage
        .ask(method, &path, Some(token), Some(&body), headers)
        .await
}

async fn create(stage: &Stage, token: &str, body: Value) -> Answer {
    send(stage, Method::POST, "", token, body, &[]).await
}

#[tokio::test]
async fn a_schedule_is_made_seen_changed_and_removed_by_its_owner() {
    let stage = Stage::new().await;
    uploaded(&stage, "u1", &owner()).await;
    let owner = stage.owner.clone();
    let made = create(&stage, &owner, hourly("c-u1")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let path = format!("/{id}");
    assert_eq!(made.headers["location"], format!("/api/v1/schedules{path}"));
    assert_eq!(
        (&made.body["timeZone"], &made.body["deadlineSeconds"]),
        (&json!("UTC"), &json!(3_600))
    );
    let next = made.body["nextAt"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>();
    assert_eq!(next.unwrap().as_second(), first());
    let (stranger, _) = stage.world.sign_in(&Account::new(9)).await;
    for (token, seen) in [(&owner, true), (&stage.admin, true), (&stranger, false)] {
        let one = stage.get(&format!("/schedules{path}"), token).await;
        assert_eq!(one.status, if seen { 200 } else { 404 });
        let list = stage.get("/schedules", token).await;
        assert_eq!(
            list.body["schedules"].as_array().unwrap().len(),
            usize::from(seen)
        );
    }
    let change = json!({"cron": "30 2 * * *", "timeZone": "Europe/Berlin"});
    for (headers, status) in [
        (vec![], 428),
        (vec![("if-match", "\"7\"")], 412),
        (vec![("if-match", "\"1\"")], 200),
        (vec![("if-match", "\"1\"")], 412),
    ] {
        let answer = send(
            &stage,
            Method::PATCH,
            &path,
            &owner,
            change.clone(),
            &headers,
        )
        .await;
        assert_eq!(answer.status, status, "{headers:?} {}", answer.body);
    }
    let off = json!({"enabled": false});
    let any = [("if-match", "*")];
    let off = send(&stage, Method::PATCH, &path, &owner, off, &any).await;
    assert_eq!(
        (
            off.headers["etag"].to_str().unwrap(),
            off.body.get("nextAt")
        ),
        ("\"3\"", None)
    );
    let gone = send(&stage, Method::DELETE, &path, &stranger, json!({}), &any).await;
    assert_eq!(gone.status, 404);
    let gone = send(&stage, Method::DELETE, &path, &owner, json!({}), &any).await;
    assert_eq!(gone.status, 204);
    assert_eq!(
        stage.get(&format!("/schedules{path}"), &owner).await.status,
        404
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_when_it_is_said() {
    let stage = Stage::new().await;
    uploaded(&stage, "u1", &owner()).await;
    uploaded(&stage, "u9", &Account::new(9)).await;
    let (stranger, _) = stage.world.sign_in(&Account::new(9)).await;
    let with = |changes: Value| {
        let mut body = hourly("c-u1");
        let all = body.as_object_mut().unwrap();
        all.extend(changes.as_object().unwrap().clone());
        body
    };
    let clean = json!({"cleanUp": {"uploadsOlderThanSeconds": 3_600}});
    let tiny = json!({"encode": {"content": "c-u1", "renditions": [{"height": 2, "maxKbps": 9}]}});
    let mine = &stage.owner;
    for (token, body, status, reason) in [
        (mine, with(json!({"cron": "x"})), 422, "InvalidSchedule"),
        (
            mine,
            with(json!({"cron": "0 0 30 2 *"})),
            422,
            "InvalidSchedule",
        ),
        (
            mine,
            with(json!({"timeZone": "Mars/Base"})),
            422,
            "InvalidSchedule",
        ),
        (
            mine,
            with(json!({"deadlineSeconds": 1})),
            422,
            "InvalidBody",
        ),
        (
            mine,
            with(json!({"action": {"dance": {}}})),
            422,
            "InvalidBody",
        ),
        (mine, with(json!({"more": 1})), 422, "InvalidBody"),
        (mine, hourly("c-u9"), 422, "SourceNotFound"),
        (mine, with(json!({"action": tiny})), 422, "JobRefused"),
        (mine, with(json!({"action": clean})), 403, "AdminRequired"),
        (
            &stage.admin,
            with(json!({"action": {"cleanUp": {}}})),
            422,
            "InvalidBody",
        ),
        (&stranger, hourly("c-u9"), 403, "CreatorRequired"),
    ] {
        let answer = create(&stage, token, body.clone()).await;
        let told = answer.body["reason"].as_str().unwrap_or_default();
        assert_eq!((answer.status, told), (status, reason), "{body}");
    }
    assert_eq!(
        create(&stage, &stage.admin, with(json!({"action": clean})))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn a_key_makes_one_schedule_and_nobody_has_too_many() {
    let stage = Stage::new().await;
    uploaded(&stage, "u1", &owner()).await;
    let key = [("idempotency-key", "k")];
    let keyed = |body: Value| send(&stage, Method::POST, "", &stage.owner, body, &key);
    assert_eq!(keyed(hourly("c-u1")).await.status, 201);
    assert_eq!(keyed(hourly("c-u1")).await.status, 200);
    let mut other = hourly("c-u1");
    other["once"] = json!(true);
    assert_eq!(keyed(other).await.body["reason"], "KeyReused");
    for _ in 1..super::super::schedules::MOST {
        assert_eq!(
            create(&stage, &stage.owner, hourly("c-u1")).await.status,
            201
        );
    }
    let more = create(&stage, &stage.owner, hourly("c-u1")).await;
    assert_eq!(
        (more.status, &more.body["reason"]),
        (409, &"TooManySchedules".into())
    );
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = stage
            .get(&format!("/schedules?limit=60{cursor}"), &stage.owner)
            .await;
        seen += page.body["schedules"].as_array().unwrap().len();
        match page.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen as u64, super::super::schedules::MOST);
}

/// Replicas over one catalog and one cluster.
struct Replicas {
    catalog: Arc<dyn Catalog>,
    stage: Stage,
}

impl Replicas {
    /// With one upload and an hourly schedule of its content.
    async fn over(catalog: Arc<dyn Catalog>, stage: Stage) -> (Self, Schedule) {
        let upload = Upload {
            owner: owner().wallet().to_string(),
            kind: UploadKind::Whole,
            length: Some(0),
            ..suite::upload("u1")
        };
        catalog.create_upload(&upload).await.unwrap();
        let content = crate::ports::catalog::Content {
            owner: upload.owner.clone(),
            ..suite::content("c-u1")
        };
        catalog.complete_upload(&upload.id, &content).await.unwrap();
        let replicas = Self { catalog, stage };
        let who = replicas.owner().await;
        let new = serde_json::from_value(hourly("c-u1")).unwrap();
        let made = replicas.replica().create_schedule(&who, None, new).await;
        (replicas, made.unwrap().1)
    }

    async fn sqlite() -> (Self, Schedule) {
        let stage = Stage::new().await;
        Self::over(stage.world.catalog.clone(), stage).await
    }

    async fn owner(&self) -> Principal {
        let world = &self.stage.world;
        let (_, profile) = world.sign_in(&owner()).await;
        profile.principal
    }

    fn replica(&self) -> Desk {
        let parts = Parts {
            catalog: self.catalog.clone(),
            objects: self.stage.world.objects.clone(),
            jobs: self.stage.jobs.clone(),
            clock: self.stage.world.clock.clone(),
            cursor_key: CursorKey::new([1; 32]),
        };
        Desk::new(parts, &self.stage.world.config, &Registry::new()).unwrap()
    }

    fn at(&self, time: i64) {
        set(&self.stage, time);
    }

    fn jobs(&self) -> Vec<String> {
        let jobs = self.stage.jobs.jobs.lock().unwrap();
        jobs.values().map(|job| job.name.clone()).collect()
    }

    /// State and outcome of the newest ticks.
    async fn ticks(&self, of: &Schedule) -> Vec<(i64, RunState, u32)> {
        let runs = self.catalog.runs(&of.id, 99).await.unwrap();
        runs.iter()
            .map(|run| (run.tick, run.state, run.missed))
            .collect()
    }
}

/// Many replicas look at the same moment, again and again.
async fn one_tick_makes_one_job((replicas, schedule): (Replicas, Schedule)) {
    let desks: Vec<Desk> = (0..6).map(|_| replicas.replica()).collect();
    replicas.at(first() - 1);
    for desk in &desks {
        desk.look().await.unwrap();
    }
    assert!(replicas.jobs().is_empty(), "its time has not come");
    for hour in 0..3 {
        let tick = first() + hour * 3_600;
        replicas.at(tick + 1);
        for _ in 0..3 {
            for looked in futures::future::join_all(desks.iter().map(Desk::look)).await {
                looked.unwrap();
            }
        }
        assert_eq!(replicas.jobs().len() as i64, hour + 1);
        assert!(replicas.jobs().contains(&tick_name(&schedule.id, tick)));
    }
    let ended = replicas.ticks(&schedule).await;
    assert!(
        ended
            .iter()
            .all(|(_, state, missed)| (*state, *missed) == (RunState::Done, 0))
    );
    assert_eq!(ended.len(), 3);
    let jobs = replicas.stage.jobs.jobs.lock().unwrap();
    let job = jobs.values().next().unwrap();
    assert_eq!(job.spec.profile.as_deref(), Some("hevc"));
    assert_eq!(job.owner(), Some(owner().wallet().to_string().as_str()));
    assert!(job.spec.ttl_seconds_after_finished.is_some());
}

#[tokio::test]
async fn replicas_that_race_for_a_tick_make_one_job() {
    one_tick_makes_one_job(Replicas::sqlite().await).await;
}

#[tokio::test]
async fn replicas_that_race_for_a_tick_make_one_job_on_postgresql() {
    let server = Server::start().await;
    let catalog = PostgresCatalog::open(&server.url()).await.unwrap();
    let stage = Stage::new().await;
    one_tick_makes_one_job(Replicas::over(Arc::new(catalog), stage).await).await;
}

#[tokio::test]
async fn after_a_time_away_one_tick_is_made_up_for_and_none_that_is_too_late() {
    let (replicas, schedule) = Replicas::sqlite().await;
    replicas.at(first() + 5 * 3_600 + 10);
    replicas.replica().look().await.unwrap();
    let newest = first() + 5 * 3_600;
    assert_eq!(replicas.jobs(), [tick_name(&schedule.id, newest)]);
    assert_eq!(
        replicas.ticks(&schedule).await,
        [(newest, RunState::Done, 1)]
    );
    // Away again, and back after the deadline of the newest: an hour is the default.
    let change = serde_json::from_value(json!({"deadlineSeconds": 60})).unwrap();
    let who = replicas.owner().await;
    let desk = replicas.replica();
    let changed = desk.change_schedule(&who, &schedule.id, None, change);
    changed.await.unwrap();
    replicas.at(first() + 9 * 3_600 + 61);
    desk.look().await.unwrap();
    assert_eq!(replicas.jobs().len(), 1);
    let late = first() + 9 * 3_600;
    assert_eq!(replicas.ticks(&schedule).await[0].0, late);
    assert_eq!(replicas.ticks(&schedule).await[0].1, RunState::Missed);
    replicas.at(late + 3_600);
    desk.look().await.unwrap();
    assert_eq!(replicas.jobs().len(), 2, "it goes on");
}

#[tokio::test]
async fn a_tick_that_was_taken_survives_the_end_of_its_replica_and_an_outage_of_the_cluster() {
    let (replicas, schedule) = Replicas::sqlite().await;
    replicas.at(first());
    replicas.stage.jobs.away.store(true, Ordering::SeqCst);
    assert!(replicas.replica().look().await.is_err());
    assert_eq!(
        replicas.ticks(&schedule).await,
        [(first(), RunState::Pending, 0)]
    );
    replicas.stage.jobs.away.store(false, Ordering::SeqCst);
    // The replica that held it is gone; another does it when its time is over.
    replicas.at(first() + 59);
    replicas.replica().look().await.unwrap();
    assert!(replicas.jobs().is_empty(), "it is held");
    replicas.at(first() + 60);
    replicas.replica().look().await.unwrap();
    assert_eq!(replicas.jobs(), [tick_name(&schedule.id, first())]);
    assert_eq!(
        replicas.ticks(&schedule).await,
        [(first(), RunState::Done, 0)]
    );
    // An outage that outlasts the deadline ends the tick, and says why.
    replicas.at(first() + 3_600);
    replicas.stage.jobs.away.store(true, Ordering::SeqCst);
    assert!(replicas.replica().look().await.is_err());
    replicas.at(first() + 2 * 3_600 + 1);
    assert!(
        replicas.replica().look().await.is_err(),
        "the tick after it"
    );
    let ticks = replicas.ticks(&schedule).await;
    assert_eq!(ticks[1], (first() + 3_600, RunState::Failed, 0));
    assert_eq!(ticks[0], (first() + 2 * 3_600, RunState::Pending, 0));
}

#[tokio::test]
async fn a_job_that_was_made_before_the_end_was_noted_is_not_made_again() {
    let (replicas, schedule) = Replicas::sqlite().await;
    replicas.at(first());
    let seen = replicas.catalog.schedule(&schedule.id).await.unwrap();
    let desk = replicas.replica();
    desk.look().await.unwrap();
    // As a crash between the two writes leaves it: the job is there, the tick is not done.
    let again = Schedule {
        next_at: seen.next_at,
        ..replicas.catalog.schedule(&schedule.id).await.unwrap()
    };
    replicas.catalog.forget_runs(i64::MAX).await.unwrap();
    assert!(replicas.catalog.change_schedule(&again).await.unwrap());
    replicas.replica().look().await.unwrap();
    assert_eq!(replicas.jobs().len(), 1);
    let runs = replicas.catalog.runs(&schedule.id, 9).await.unwrap();
    assert!(
        runs[0].outcome.contains("was made before"),
        "{}",
        runs[0].outcome
    );
}

#[tokio::test]
async fn what_can_never_be_done_fails_with_its_reason_and_what_is_done_once_ends() {
    let (replicas, schedule) = Replicas::sqlite().await;
    let who = replicas.owner().await;
    let once = serde_json::from_value(json!({"once": true})).unwrap();
    let desk = replicas.replica();
    desk.change_schedule(&who, &schedule.id, None, once)
        .await
        .unwrap();
    let content = "c-u1".parse().unwrap();
    let version = replicas.catalog.entry(&content).await.unwrap().version;
    let removed = replicas.catalog.remove_content(&content, version, NOW);
    assert!(removed.await.unwrap());
    replicas.at(first());
    desk.look().await.unwrap();
    let runs = replicas.catalog.runs(&schedule.id, 9).await.unwrap();
    assert_eq!(runs[0].state, RunState::Failed);
    assert!(
        runs[0].outcome.contains("there is no content c-u1"),
        "{}",
        runs[0].outcome
    );
    let after = replicas.catalog.schedule(&schedule.id).await.unwrap();
    assert_eq!((after.enabled, after.next_at), (false, None));
    replicas.at(first() + 7_200);
    desk.look().await.unwrap();
    assert_eq!(replicas.ticks(&schedule).await.len(), 1);
    // From now on it is on again, with no tick made up for.
    let on = serde_json::from_value(json!({"enabled": true, "once": false})).unwrap();
    let on = desk
        .change_schedule(&who, &schedule.id, None, on)
        .await
        .unwrap();
    assert_eq!(on.next_at, Some(first() + 3 * 3_600));
}

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
