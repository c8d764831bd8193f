//! What goes through the gateway as if it were not there: answers before the answer, refusals before the
//! end of a body, keys of machines, providers nobody knows.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::world::World;
use crate::services::auth::fixture::{admin, owner};

/// Longest wait for what comes while a body is on its way.
const SOON: Duration = Duration::from_secs(10);

/// Reads until the text says `word`, or the other end has nothing more to say.
async fn until(stream: &mut TcpStream, word: &str) -> String {
    let mut told = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&told).contains(word) {
            if stream.read_buf(&mut told).await.unwrap_or_default() == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(SOON, reading).await;
    String::from_utf8_lossy(&told).into_owned()
}

/// A video as far as its first bytes tell.
fn video(length: usize) -> Vec<u8> {
    let head = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00";
    let rest = (0..length).map(|n| (n % 251) as u8);
    head.iter().copied().chain(rest).take(length).collect()
}

/// A file of `length` bytes on its way to the gateway: its head is sent.
async fn begun(world: &World, token: &str, length: usize, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.gateway()).await.unwrap();
    let head = format!(
        "POST /api/v1/files HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\ncontent-length: {length}\r\n{more}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_no_hindrance() {
    let world = World::start().await;
    let token = world.sign_in(&owner()).await;
    where_an_upload_is_comes_before_its_bytes(&world, &token).await;
    a_refusal_comes_before_the_body_ends(&world, &token).await;
    a_key_of_a_machine_opens_every_role_until_it_is_removed(&world).await;
    the_worker_knows_who_asks(&world, &token).await;
    redirects_are_for_browsers(&world).await;
}

async fn where_an_upload_is_comes_before_its_bytes(world: &World, token: &str) {
    let bytes = video(9_000_000);
    let more = "upload-draft-interop-version: 8\r\nupload-complete: ?1\r\n";
    let mut stream = begun(world, token, bytes.len(), more).await;
    // Nothing of the body is there yet.
    let told = until(&mut stream, "\r\n\r\n").await;
    assert!(
        told.starts_with("HTTP/1.1 104 Upload Resumption Supported\r\n"),
        "{told}"
    );
    assert!(told.contains("location: /api/v1/files/"), "{told}");
    assert!(told.contains("upload-draft-interop-version: 8"), "{told}");
    stream.write_all(&bytes).await.unwrap();
    let told = until(&mut stream, "upload-complete: ?1").await;
    let (progress, _) = told.split_once("HTTP/1.1 201 Created\r\n").expect(&told);
    assert!(progress.contains("upload-offset: "), "{progress}");
}

/// Text is no video, which one KiB tells; what comes behind it is on its way already.
async fn a_refusal_comes_before_the_body_ends(world: &World, token: &str) {
    let text = vec![b'x'; 20_000_000];
    for sent in [2_000, 100_000, text.len()] {
        for _ in 0..5 {
            let mut stream = begun(world, token, text.len(), "").await;
            let (mut read, mut write) = stream.split();
            // The other end may stop listening once it has answered.
            let writing = async { write.write_all(&text[..sent]).await };
            let mut told = Vec::new();
            let reading = tokio::time::timeout(SOON, read.read_to_end(&mut told));
            let _ = tokio::join!(writing, reading);
            let told = String::from_utf8_lossy(&told);
            assert!(
                told.starts_with("HTTP/1.1 415 ") && told.contains("NotMedia"),
                "{sent}: {told}"
            );
        }
    }
}

async fn a_key_of_a_machine_opens_every_role_until_it_is_removed(world: &World) {
    let session = world.sign_in(&admin()).await;
    let wish = json!({"name": "machine", "scopes": ["upload", "admin"]});
    let made = world
        .request(Method::POST, "/api/v1/auth/keys")
        .bearer_auth(&session)
        .json(&wish);
    let (status, made) = world.ask(made).await;
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().unwrap();
    let upload = || {
        let request = world.request(Method::POST, "/api/v1/files?title=Machine");
        request.bearer_auth(key).body(video(2_000))
    };
    let (status, content) = world.ask(upload()).await;
    assert_eq!((status, &content["title"]), (201, &json!("Machine")));
    for (path, status) in [
        ("/api/v1/contents", 200),
        ("/api/v1/cache", 200),
        ("/api/v1/profiles", 200),
        ("/api/v1/schedules", 200),
        // People alone manage keys.
        ("/api/v1/auth/keys", 403),
    ] {
        let asked = world.request(Method::GET, path).bearer_auth(key);
        let (code, answer) = world.ask(asked).await;
        assert_eq!(code, status, "{path} {answer}");
    }
    let id = made["id"].as_str().unwrap();
    let removed = world
        .request(Method::DELETE, &format!("/api/v1/auth/keys/{id}"))
        .bearer_auth(session);
    assert_eq!(
        removed.send().await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    // What auth said of a token counts for two seconds wherever it was said.
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let (status, problem) = world.ask(upload()).await;
    assert_eq!(
        (status, &problem["reason"]),
        (401, &json!("InvalidSession"))
    );
}

async fn the_worker_knows_who_asks(world: &World, token: &str) {
    let asked = world.request(Method::GET, "/api/v1/profiles");
    let (status, profiles) = world.ask(asked.bearer_auth(token)).await;
    assert_eq!(
        (status, &profiles["profiles"][0]["name"]),
        (200, &json!("auto"))
    );
    let (status, problem) = world
        .ask(world.request(Method::GET, "/api/v1/schedules"))
        .await;
    assert_eq!(
        (status, &problem["reason"]),
        (401, &json!("SignInRequired"))
    );
    let new = json!({"title": "room", "cron": "@daily",
        "action": {"cleanUp": {"uploadsOlderThanSeconds": 3_600}}});
    let asked = world.request(Method::POST, "/api/v1/schedules");
    let (status, problem) = world.ask(asked.bearer_auth(token).json(&new)).await;
    assert_eq!((status, &problem["reason"]), (403, &json!("AdminRequired")));
}

async fn redirects_are_for_browsers(world: &World) {
    let login = world.request(Method::GET, "/api/v1/auth/oidc/nobody/login");
    let (status, problem) = world.ask(login).await;
    assert_eq!(
        (status, &problem["reason"]),
        (404, &json!("UnknownProvider"))
    );
}
