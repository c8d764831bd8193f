//! What people ask of the worker, on a real control plane: jobs and schedules of several replicas.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde_json::json;
use streamgate_crds::TranscodeJob;
use streamgate_crds::transcode_job::{Ask, Asked, Progress};
use streamgate_dataplane::adapters::filesystem::Filesystem;
use streamgate_dataplane::ports::catalog::schedules::{RunState, Schedules};
use streamgate_dataplane::ports::chain::Wallet;
use streamgate_dataplane::ports::identity::Principal;
use streamgate_dataplane::ports::jobs::{Jobs, JobsError, Written};
use streamgate_dataplane::services::metadata::cursor::CursorKey;
use streamgate_dataplane::services::worker::desk::{self, Desk, DeskError, NewJob, tick_name};

use super::{World, config};

/// A replica's desk, with a watch of its own.
fn desk(world: &World) -> Result<Desk> {
    let parts = desk::Parts {
        catalog: world.catalog.clone(),
        objects: Arc::new(Filesystem::open(world.folder.path().join("objects"))?),
        jobs: world.cluster.clone(),
        clock: world.clock.clone(),
        cursor_key: CursorKey::new([1; 32]),
    };
    let config = serde_json::from_value(config())?;
    Ok(Desk::new(parts, &config, &prometheus::Registry::new())?)
}

async fn named(world: &World, name: &str) -> Result<TranscodeJob> {
    let api: Api<TranscodeJob> = Api::namespaced(world.client.clone(), "default");
    Ok(api.get(name).await?)
}

/// The upload of the case before is its content's source.
fn again() -> Result<NewJob> {
    Ok(serde_json::from_value(
        json!({"content": "uploaded", "profile": "mobile"}),
    )?)
}

pub(super) async fn what_people_submit_and_ask_reaches_the_cluster_once(
    world: &World,
) -> Result<()> {
    let who = Principal {
        wallet: Wallet::of_key([1; 20]),
        creator: true,
        admin: true,
    };
    let (desk, other) = (desk(world)?, desk(world)?);
    let at_once =
        [&desk, &other, &desk, &other].map(|d| d.submit(&who, Some("k"), again().unwrap()));
    let answers = futures::future::join_all(at_once).await;
    let answers: Result<Vec<_>, _> = answers.into_iter().collect();
    let answers = answers?;
    assert_eq!(answers.iter().filter(|(made, _)| *made).count(), 1);
    let names: std::collections::BTreeSet<_> = answers.iter().map(|(_, j)| &j.name).collect();
    assert_eq!(names.len(), 1);
    let name = answers[0].1.name.clone();
    let marked = named(world, &name).await?.annotations().clone();
    assert_eq!(marked["streamgate.io/owner"], "0xa");
    assert_eq!(marked["streamgate.io/content"], "uploaded");

    // The API server says what it does not take, before and when it is made.
    let tiny = json!({"content": "uploaded", "renditions": [{"height": 2, "maxKbps": 900}]});
    let refused = desk.submit(&who, None, serde_json::from_value(tiny)?).await;
    assert!(matches!(
        refused,
        Err(DeskError::Jobs(JobsError::Refused(_)))
    ));
    let mut spec = (*answers[0].1.spec).clone();
    world.cluster.check("default", &spec).await?;
    spec.renditions = serde_json::from_value(json!([{"height": 2, "maxKbps": 900}]))?;
    let refused = world.cluster.check("default", &spec).await;
    assert!(matches!(refused, Err(JobsError::Refused(_))), "{refused:?}");

    let id = desk.id(&answers[0].1);
    let cancelled = desk.cancel(&who, &id).await?;
    let asked = Asked {
        action: Ask::Cancel,
        attempt: 0,
    };
    assert_eq!(cancelled.status.asked, Some(asked));
    let job = world.cluster.read("default", &name).await?.unwrap();
    assert_eq!(job.status.asked, Some(asked));
    let progress = Progress {
        percent: 7,
        ..Progress::default()
    };
    let written = world.cluster.write_progress(&job, &progress).await?;
    assert_eq!(written, Written::Done);
    let status = named(world, &name).await?.status.unwrap();
    assert_eq!(
        (status.asked, status.progress.map(|p| p.percent)),
        (Some(asked), Some(7))
    );
    assert_eq!(world.cluster.ask(&job, asked).await?, Written::Stale);
    Ok(())
}

pub(super) async fn replicas_make_one_object_of_a_tick(world: &World) -> Result<()> {
    let who = Principal {
        wallet: Wallet::of_key([1; 20]),
        creator: true,
        admin: true,
    };
    let desks: Result<Vec<_>> = (0..4).map(|_| desk(world)).collect();
    let desks = desks?;
    let new = json!({"title": "t", "cron": "* * * * *", "once": true,
        "action": {"encode": {"content": "uploaded", "profile": "mobile"}}});
    let made = desks[0].create_schedule(&who, None, serde_json::from_value(new)?);
    let schedule = made.await?.1;
    let tick = schedule.next_at.unwrap();
    world.clock.0.store(90, Ordering::SeqCst);
    for _ in 0..3 {
        for looked in futures::future::join_all(desks.iter().map(Desk::look)).await {
            looked?;
        }
    }
    world.clock.0.store(0, Ordering::SeqCst);
    let api: Api<TranscodeJob> = Api::namespaced(world.client.clone(), "default");
    let jobs = api.list(&ListParams::default()).await?;
    let ticks: Vec<_> = jobs.iter().map(|job| job.name_any()).collect();
    let ticks: Vec<_> = ticks
        .iter()
        .filter(|name| name.starts_with("tick-"))
        .collect();
    let runs = world.catalog.runs(&schedule.id, 9).await?;
    assert_eq!((ticks.len(), runs.len()), (1, 1), "{ticks:?} {runs:?}");
    assert_eq!(runs[0].state, RunState::Done, "{}", runs[0].outcome);
    // The minute may have turned between saying and looking: the newest tick is done.
    assert!(runs[0].tick >= tick && *ticks[0] == tick_name(&schedule.id, runs[0].tick));
    Ok(())
}
