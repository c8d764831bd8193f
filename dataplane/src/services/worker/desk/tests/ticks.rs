//! What becomes of ticks with several replicas, after a restart and when the cluster is away.

use std::sync::atomic::Ordering;

use super::schedules::{first, hourly, set};
use super::*;
use crate::adapters::postgres::PostgresCatalog;
use crate::adapters::postgres::server::Server;
use crate::ports::catalog::schedules::{RunState, Schedule};
use crate::ports::catalog::suite;
use crate::ports::catalog::uploads::{Upload, UploadKind};
use crate::services::auth::fixture::NOW;

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
