//! Streams of a viewer over several replicas that share a real Redis.

use std::sync::Arc;
use std::time::Duration;

use streamgate_contract::playback::PlaybackSettings;
use tokio_util::sync::CancellationToken;

use super::fixture::Stage;
use super::replica::Replica;
use crate::adapters::redis::server::Server;
use crate::adapters::redis::streams::RedisStreams;
use crate::services::auth::fixture::{World, owner};

/// Statuses of the master playlist by each of these handles, each at its replica.
async fn ask(asked: &[(&Replica, &String)]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (replica, handle) in asked {
        let url = format!("{}/v/{handle}/master.m3u8", replica.url);
        let mut answer = reqwest::get(&url).await.unwrap();
        // A replica that has just begun has not heard of revocations yet.
        while answer.status() == 503 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer = reqwest::get(&url).await.unwrap();
        }
        if answer.status() == 429 {
            let wait = answer.headers()["retry-after"].to_str().unwrap();
            assert!((30..=36).contains(&wait.parse::<u32>().unwrap()), "{wait}");
        }
        statuses.push(answer.status().as_u16());
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_watches_as_many_streams_over_all_replicas_as_they_may() {
    let (server, stop) = (Server::start().await, CancellationToken::new());
    let stage = Stage::new(World::generous().await).await;
    stage.published("c", None).await;
    let settings = PlaybackSettings {
        streams_per_viewer: Some(2),
        ..PlaybackSettings::default()
    };
    let mut replicas = Vec::new();
    for _ in 0..3 {
        let store = Arc::new(RedisStreams::new(&server.url(), "uid").unwrap());
        let counting = (settings.clone(), Some(store as _));
        let (auth, clock) = (stage.world.auth.clone(), stage.world.clock.clone());
        replicas.push(Replica::counting(&stage, auth, clock, counting, &stop).await);
    }
    let [one, two, three] = &replicas[..] else {
        unreachable!()
    };
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(stage.world.handle(&owner(), "c").await);
    }
    let [a, b, c, d] = &handles[..] else {
        unreachable!()
    };
    assert_eq!(ask(&[(one, a), (two, b)]).await, [200, 200]);
    let third = ask(&[(one, c), (two, c), (three, c)]).await;
    assert_eq!(third, [429; 3], "whichever replica is asked");
    let running = [(two, a), (three, a), (one, b), (three, b)];
    assert_eq!(
        ask(&running).await,
        [200; 4],
        "each is one stream everywhere"
    );

    // Without the store each replica counts alone: the third one serves a and b already.
    drop(server);
    assert_eq!(ask(&[(three, c), (three, a)]).await, [429, 200]);
    let fresh = (settings, None);
    let (auth, clock) = (stage.world.auth.clone(), stage.world.clock.clone());
    let alone = Replica::counting(&stage, auth, clock, fresh, &stop).await;
    assert_eq!(
        ask(&[(&alone, c), (&alone, d), (&alone, a)]).await,
        [200, 200, 429]
    );
    stop.cancel();
}
