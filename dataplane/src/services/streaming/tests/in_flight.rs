//! Responses that are being read when their viewer's admission ends.

use std::time::Duration;

use super::fixture::Stage;
use super::slow;
use crate::services::auth::fixture::{Account, LEASE, World};

/// Bytes of a segment that no buffers between server and client hold.
const LONG: usize = 32 << 20;

#[tokio::test]
async fn a_response_in_flight_ends_when_its_session_does_and_not_when_its_lease_is_renewed() {
    let stage = Stage::new(World::generous().await).await;
    let bytes = vec![7; LONG].into();
    stage.world.content("long", Some("holders")).await;
    let path = stage.commit_bytes("long", "v720", Some(0), bytes).await;
    let (_, profile) = stage.world.sign_in(&Account::new(9)).await;
    let content = "long".parse().unwrap();
    let playback = stage.world.auth.playback(&profile, &content, Vec::new());
    let playback = playback.await.unwrap().path;
    let handle = playback.split('/').nth(2).unwrap();
    let path = format!("/v/{handle}/{path}");

    let mut renewed = slow::Response::of(&stage.url, &path).await;
    assert!(renewed.read().await);
    stage.wait(LEASE).await;
    renewed.read_slowly(Duration::ZERO).await;
    assert!(renewed.read > LONG, "{} bytes", renewed.read);

    let mut ended = slow::Response::of(&stage.url, &path).await;
    assert!(ended.read().await);
    stage.world.auth.sign_out(&profile.session).await.unwrap();
    stage.wait(1).await;
    ended.read_slowly(Duration::ZERO).await;
    assert!(ended.read < LONG, "{} bytes", ended.read);
}

#[tokio::test]
async fn a_replica_that_hears_nothing_of_revocations_ends_what_it_sends() {
    let stage = Stage::new(World::generous().await).await;
    stage.world.content("long", None).await;
    let bytes = vec![7; LONG].into();
    let path = stage.commit_bytes("long", "v720", Some(0), bytes).await;
    let owner = crate::services::auth::fixture::owner();
    let handle = stage.world.handle(&owner, "long").await;
    let path = format!("/v/{handle}/{path}");
    let mut response = slow::Response::of(&stage.url, &path).await;
    assert!(response.read().await);
    stage.world.clock.advance(2);
    response.read_slowly(Duration::ZERO).await;
    assert!(response.read < LONG, "{} bytes", response.read);
}
