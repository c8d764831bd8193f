//! The roles apart from each other: the path of a viewer through all of them, what each believes of
//! whom, and what happens when one is away.

use reqwest::{Method, StatusCode};
use serde_json::json;
use streamgate_contract::peers::{ROLE_TOKEN, ROLES};

use super::*;
use crate::services::auth::fixture::owner;

mod away;
mod cluster;
mod through;
mod world;

use world::{World, fan};

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
            token(Role::Auth, "gate-auth"),
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
