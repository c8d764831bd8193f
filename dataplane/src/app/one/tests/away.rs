//! A role that is away, for a while or because its pods are replaced: who misses it, and who does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use streamgate_contract::roles::Role;
use tokio::time::{Instant, sleep};

use super::world::{LEASE, World, fan};

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_away_is_missed_by_those_who_need_it_alone() {
    let mut world = World::start().await;
    let objects = world.publish().await;
    let token = world.sign_in(&fan()).await;
    let playlist = world.playback(&token).await;
    let folder = playlist.strip_suffix("master.m3u8").unwrap().to_owned();
    let segment = format!("{folder}{}", objects[1].0);
    auth_away(&mut world, &segment, &token).await;
    for (role, path) in [
        (Role::Metadata, "/api/v1/contents"),
        (Role::Upload, "/api/v1/uploads/none"),
        (Role::Cache, "/api/v1/cache"),
        (Role::Monitor, "/api/v1/monitor/overview"),
        (Role::Worker, "/api/v1/schedules"),
    ] {
        away(&mut world, role, path, &segment, &token).await;
    }
    // Nobody watches through the worker or the monitor.
    for role in [Role::Worker, Role::Monitor] {
        world.kill(role, 0);
        // What is known of a role is true for a second.
        sleep(Duration::from_millis(1_100)).await;
        assert_eq!(
            world
                .request(Method::GET, &segment)
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
        let (status, health) = world
            .ask(world.request(Method::GET, "/api/v1/health"))
            .await;
        assert_eq!(status, 503);
        assert!(health.to_string().contains("cannot be reached"), "{health}");
        world.run(role, 0);
        world.ready(role, 0).await;
    }
}

/// Who watches goes on for the rest of the lease; nobody is admitted meanwhile.
async fn auth_away(world: &mut World, segment: &str, token: &str) {
    assert_eq!(
        world
            .request(Method::GET, segment)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    world.kill(Role::Auth, 0);
    let gone = Instant::now();
    let (mut last, refused) = (
        gone,
        loop {
            let (status, problem) = world.ask(world.request(Method::GET, segment)).await;
            if status != 200 {
                break (status, problem);
            }
            sleep(Duration::from_millis(50)).await;
        },
    );
    let (status, problem) = refused;
    assert_eq!(
        (status, &problem["reason"]),
        (503, &json!("AuthUnreachable")),
        "{problem}"
    );
    let lasted = gone.elapsed();
    assert!(
        lasted < Duration::from_secs(LEASE + 3),
        "served for {lasted:?} without auth"
    );
    println!("without auth: served for {lasted:?}, then AuthUnreachable");
    let profile = world
        .request(Method::GET, "/api/v1/auth/profile")
        .bearer_auth(token);
    let (status, problem) = world.ask(profile).await;
    assert_eq!(status, 503, "{problem}");
    let challenge = world
        .request(Method::POST, "/api/v1/auth/challenge")
        .json(&json!({}));
    let (status, problem) = world.ask(challenge).await;
    assert_eq!(
        (status, &problem["reason"]),
        (503, &json!("RoleUnreachable"))
    );
    world.run(Role::Auth, 0);
    last = last.max(Instant::now());
    while world
        .request(Method::GET, segment)
        .send()
        .await
        .unwrap()
        .status()
        != 200
    {
        assert!(last.elapsed() < Duration::from_secs(10), "no recovery");
        sleep(Duration::from_millis(50)).await;
    }
    println!("auth is back: served again after {:?}", last.elapsed());
}

async fn away(world: &mut World, role: Role, path: &str, segment: &str, token: &str) {
    let status = |world: &World| {
        let request = world.request(Method::GET, path).bearer_auth(token);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let before = status(world).await;
    assert!(before < 500, "{role} {before}");
    world.kill(role, 0);
    // What is under way when it goes may end without an answer.
    let gone = Instant::now();
    while status(world).await != 503 {
        assert!(gone.elapsed() < Duration::from_secs(3), "{role} answers");
        sleep(Duration::from_millis(20)).await;
    }
    let playback = world.request(Method::GET, segment).send().await.unwrap();
    assert_eq!(playback.status(), 200, "playback without {role}");
    let begun = Instant::now();
    world.run(role, 0);
    while status(world).await != before {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{role}: no recovery"
        );
        sleep(Duration::from_millis(50)).await;
    }
    println!("{role} is back: served again after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_are_replaced_one_by_one_and_no_request_is_lost() {
    let mut world = World::start().await;
    let objects = world.publish().await;
    let token = world.sign_in(&fan()).await;
    let playlist = world.playback(&token).await;
    let folder = playlist.strip_suffix("master.m3u8").unwrap().to_owned();
    let (ended, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut viewers = Vec::new();
    for n in 0..16 {
        let (path, bytes) = &objects[n % objects.len()];
        let request = world.request(Method::GET, &format!("{folder}{path}"));
        let (bytes, ended, served) = (bytes.clone(), ended.clone(), served.clone());
        viewers.push(tokio::spawn(async move {
            let mut failed: Vec<String> = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                match whole(request.try_clone().unwrap(), &bytes).await {
                    Ok(()) => served.fetch_add(1, Ordering::Relaxed),
                    Err(why) => {
                        failed.push(why);
                        0
                    }
                };
                sleep(Duration::from_millis(5)).await;
            }
            failed
        }));
    }
    for n in 0..2 {
        world.end(Role::Streaming, n).await;
        world.run(Role::Streaming, n);
        world.ready(Role::Streaming, n).await;
        world.route();
        sleep(Duration::from_secs(1)).await;
    }
    ended.store(true, Ordering::Relaxed);
    let mut failed = Vec::new();
    for viewer in viewers {
        failed.extend(viewer.await.unwrap());
    }
    let served = served.load(Ordering::Relaxed);
    println!(
        "{served} requests while both pods were replaced, {} failed",
        failed.len()
    );
    assert!(served > 1_000, "{served}");
    assert!(
        failed.is_empty(),
        "{} failed: {:?}",
        failed.len(),
        failed.first()
    );
}

async fn whole(request: reqwest::RequestBuilder, bytes: &[u8]) -> Result<(), String> {
    let answer = request.send().await.map_err(|e| format!("{e:?}"))?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|e| format!("{e:?}"))?;
    match status == 200 && body == bytes {
        true => Ok(()),
        false => Err(format!(
            "{status} {} bytes {:?}",
            body.len(),
            problem(&body)
        )),
    }
}

fn problem(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}
