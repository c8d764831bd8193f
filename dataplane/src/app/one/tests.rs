//! The roles apart from each other: the path of a viewer through all of them, what each believes of
//! whom, and what happens when one is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use streamgate_contract::peers::{ROLE_TOKEN, ROLES};
use tokio::time::{Instant, sleep};

use super::*;
use crate::services::auth::fixture::owner;

mod cluster;
mod through;
mod world;

use world::{LEASE, World, fan};

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_and_a_creator_go_through_every_role() {
    let world = World::start().await;
    let objects = world.publish().await;
    every_part_is_well(&world).await;
    let token = world.sign_in(&fan()).await;
    let playlist = world.playback(&token).await;
    let folder = playlist.strip_suffix("master.m3u8").unwrap();
    playlists_and_segments_are_served(&world, folder, &objects).await;
    strangers_are_refused(&world).await;
    an_upload_goes_through(&world).await;
    methods_and_paths_that_are_none_are_problems(&world).await;
    nobody_comes_in_by_the_side_door(&world, folder).await;
    the_log_of_the_gateway_holds_what_was_done(&world).await;
}

async fn every_part_is_well(world: &World) {
    let (status, health) = world
        .ask(world.request(Method::GET, "/api/v1/health"))
        .await;
    assert_eq!(status, 200, "{health}");
    let parts = health["parts"].as_array().unwrap();
    assert_eq!(parts.len(), ROLES.len() - 1);
    assert!(parts.iter().all(|part| part["ok"] == true), "{health}");
}

async fn playlists_and_segments_are_served(
    world: &World,
    folder: &str,
    objects: &[(String, bytes::Bytes)],
) {
    for file in ["master.m3u8", "v720.m3u8", "manifest.mpd"] {
        let answer = world
            .request(Method::GET, &format!("{folder}{file}"))
            .send()
            .await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200, "{file}");
        assert!(answer.headers().contains_key("x-request-id"));
        assert!(!answer.text().await.unwrap().is_empty());
    }
    for (path, bytes) in objects {
        let path = format!("{folder}{path}");
        let whole = world.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(whole.content_length(), Some(bytes.len() as u64));
        assert_eq!(whole.bytes().await.unwrap(), bytes);
        let part = world
            .request(Method::GET, &path)
            .header("range", "bytes=10-19");
        let part = part.send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.bytes().await.unwrap(), bytes.slice(10..20));
        let head = world.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.headers()["content-length"], bytes.len().to_string());
    }
}

async fn strangers_are_refused(world: &World) {
    let token = world.sign_in(&owner()).await;
    let stranger = world
        .sign_in(&crate::services::auth::fixture::Account::new(9))
        .await;
    for (token, status, reason) in [
        (stranger.as_str(), 403, "NotOnAllowList"),
        ("forged", 401, "InvalidSession"),
    ] {
        let request = world
            .request(Method::POST, "/api/v1/playback")
            .bearer_auth(token);
        let (code, problem) = world.ask(request.json(&json!({"content": "film"}))).await;
        assert_eq!(
            (code, &problem["reason"]),
            (status, &json!(reason)),
            "{problem}"
        );
    }
    // Its owner sees it in the list that another role keeps.
    let list = world
        .request(Method::GET, "/api/v1/contents")
        .bearer_auth(token);
    let (status, list) = world.ask(list).await;
    assert_eq!(status, 200, "{list}");
    assert!(list.to_string().contains("film"), "{list}");
}

async fn an_upload_goes_through(world: &World) {
    let token = world.sign_in(&owner()).await;
    // Begins as MP4 does.
    let head = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00";
    let rest = (0..12_000_000u32).map(|n| (n % 251) as u8);
    let bytes: Vec<u8> = head.iter().copied().chain(rest).collect();
    let request = |method: Method, path: &str| {
        let request = world.request(method, path).bearer_auth(&token);
        request.header("tus-resumable", "1.0.0")
    };
    let create = request(Method::POST, "/api/v1/uploads");
    let create = create
        .header("upload-length", bytes.len())
        .send()
        .await
        .unwrap();
    assert_eq!(
        create.status(),
        StatusCode::CREATED,
        "{:?}",
        create.text().await
    );
    let place = create.headers()["location"].to_str().unwrap().to_owned();
    let place = place
        .strip_prefix(crate::services::auth::fixture::GATE)
        .unwrap_or(&place)
        .to_owned();
    let half = bytes.len() / 2;
    let (first, second) = (bytes[..half].to_vec(), bytes[half..].to_vec());
    // The second as it comes, without a length.
    let pieces = second
        .chunks(100_000)
        .map(|c| Ok::<_, std::io::Error>(c.to_vec()));
    let pieces: Vec<_> = pieces.collect();
    let streamed = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    for (offset, body) in [(0, first.into()), (half, streamed)] {
        let patch = request(Method::PATCH, &place)
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream");
        let patch = patch.body(body).send().await.unwrap();
        assert_eq!(
            patch.status(),
            StatusCode::NO_CONTENT,
            "{:?}",
            patch.text().await
        );
    }
    let (status, upload) = world.ask(request(Method::GET, &place)).await;
    assert_eq!(
        (status, &upload["length"]),
        (200, &json!(bytes.len())),
        "{upload}"
    );
}

async fn methods_and_paths_that_are_none_are_problems(world: &World) {
    for (method, path, status) in [
        (Method::GET, "/nowhere", 404),
        (Method::DELETE, "/api/v1/auth/login", 405),
        (Method::GET, "/v/none/master.m3u8", 401),
        (Method::POST, "/internal/v1/roles/entitle", 404),
        (Method::GET, "/internal/v1/roles/ready", 404),
    ] {
        let (code, problem) = world.ask(world.request(method, path)).await;
        assert_eq!(code, status, "{path} {problem}");
        assert_eq!(problem["status"], status, "{path}");
    }
}

/// Questions of roles are posted, everything else is asked for.
fn method(path: &str) -> Method {
    match path.contains("/roles/") {
        true => Method::POST,
        false => Method::GET,
    }
}

/// Each role believes the cluster alone, and only what is meant for it.
async fn nobody_comes_in_by_the_side_door(world: &World, folder: &str) {
    let playlist = format!("{folder}master.m3u8");
    let token = |callee, account: &str| Some(world.token(callee, account));
    for (role, path, token, status, reason) in [
        (
            Role::Streaming,
            playlist.as_str(),
            None,
            401,
            "RoleTokenRequired",
        ),
        (
            Role::Streaming,
            &playlist,
            token(Role::Upload, "gate-gateway"),
            401,
            "InvalidRoleToken",
        ),
        (
            Role::Streaming,
            &playlist,
            token(Role::Streaming, "default"),
            401,
            "InvalidRoleToken",
        ),
        (
            Role::Streaming,
            &playlist,
            token(Role::Streaming, "gate-upload"),
            403,
            "RoleNotAllowed",
        ),
        (
            Role::Auth,
            "/api/v1/auth/profile",
            token(Role::Auth, "gate-streaming"),
            403,
            "RoleNotAllowed",
        ),
        (
            Role::Auth,
            "/internal/v1/roles/entitle",
            token(Role::Auth, "gate-worker"),
            403,
            "RoleNotAllowed",
        ),
        (
            Role::Worker,
            "/internal/v1/assignment",
            token(Role::Worker, "gate-gateway"),
            401,
            "TokenRequired",
        ),
    ] {
        let mut request = world.inside(method(path), role, path);
        if let Some(token) = token {
            request = request.header(ROLE_TOKEN, token);
        }
        let (code, problem) = world.ask(request).await;
        assert_eq!(
            (code, &problem["reason"]),
            (status, &json!(reason)),
            "{role} {problem}"
        );
    }
    let gateway = world.token(Role::Streaming, "gate-gateway");
    let request = world
        .inside(Method::GET, Role::Streaming, &playlist)
        .header(ROLE_TOKEN, gateway);
    assert_eq!(request.send().await.unwrap().status(), 200);
    // What a caller writes into the header goes no further than the gateway.
    let forged = world
        .request(Method::GET, "/api/v1/auth/profile")
        .header(ROLE_TOKEN, "forged");
    let (code, problem) = world.ask(forged).await;
    assert_eq!((code, &problem["reason"]), (401, &json!("SignInRequired")));
}

async fn the_log_of_the_gateway_holds_what_was_done(world: &World) {
    use crate::adapters::audit_files::verify::verify;
    let key = crate::config::audit_key(&[3; 32]);
    let mut seen = Vec::new();
    let keep = |_: u64, payload: &[u8]| seen.push(String::from_utf8_lossy(payload).into_owned());
    verify(world.audit(Role::Gateway), Some(&key), None, keep).unwrap();
    for told in [
        "/api/v1/auth/login",
        "/api/v1/playback",
        "/api/v1/uploads/",
        // Why a role refused.
        "NotOnAllowList",
    ] {
        assert!(
            seen.iter().any(|record| record.contains(told)),
            "{told}: {seen:?}"
        );
    }
}

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
    ] {
        away(&mut world, role, path, &segment, &token).await;
    }
    // The worker and the monitor answer no viewer.
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
