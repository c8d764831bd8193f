//! Shared limits on a real server: exact over replicas, and quick to say that nobody answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::server::Server;
use super::*;

const QUOTA: Quota = Quota {
    burst: 5,
    per_second: 100,
};

#[tokio::test]
async fn a_burst_passes_and_the_rest_waits_as_long_as_told() {
    let server = Server::start().await;
    let limits = RedisLimits::new(&server.url()).unwrap();
    for left in (0..5).rev() {
        let taken = limits.take("a", QUOTA).await.unwrap();
        assert!(
            matches!(taken, Shared::Allowed { left: l } if (left..=5).contains(&l)),
            "{taken:?}"
        );
    }
    // The clock runs on: one cell of 10 ms may have come back.
    let mut taken = limits.take("a", QUOTA).await.unwrap();
    while matches!(taken, Shared::Allowed { .. }) {
        taken = limits.take("a", QUOTA).await.unwrap();
    }
    let Shared::Limited { wait } = taken else {
        unreachable!();
    };
    assert!(wait <= Duration::from_millis(10), "{wait:?}");
    tokio::time::sleep(wait).await;
    assert!(matches!(
        limits.take("a", QUOTA).await.unwrap(),
        Shared::Allowed { .. }
    ));
    let other = limits.take("b", QUOTA).await.unwrap();
    assert_eq!(other, Shared::Allowed { left: 4 });
}

/// `STRICT_SECONDS=10` in the claim.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_admit_what_one_would() {
    let seconds = std::env::var("STRICT_SECONDS").map_or(1, |n| n.parse().unwrap());
    let (server, quota) = (
        Server::start().await,
        Quota {
            burst: 50,
            per_second: 200,
        },
    );
    let (admitted, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let mut callers = Vec::new();
    for _ in 0..3 {
        let replica = Arc::new(RedisLimits::new(&server.url()).unwrap());
        for _ in 0..4 {
            let (replica, admitted, asked) = (replica.clone(), admitted.clone(), asked.clone());
            callers.push(tokio::spawn(async move {
                while Instant::now() < until {
                    asked.fetch_add(1, Ordering::Relaxed);
                    if let Ok(Shared::Allowed { .. }) = replica.take("one", quota).await {
                        admitted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }));
        }
    }
    for caller in callers {
        caller.await.unwrap();
    }
    // Until the last answer: requests that were on their way count.
    let elapsed = began.elapsed().as_secs_f64();
    let may = 50.0 + 200.0 * elapsed;
    let (admitted, asked) = (
        admitted.load(Ordering::Relaxed),
        asked.load(Ordering::Relaxed),
    );
    let over = (admitted as f64 / may - 1.0) * 100.0;
    println!(
        "3 replicas, {asked} requests in {elapsed:.1} s: {admitted} admitted of {may:.0} ({over:+.2} %)"
    );
    assert!(asked > 2 * admitted, "nothing was limited");
    assert!(over <= 1.0, "{over} % over");
    assert!(over > -5.0, "it refuses what it should admit: {over} %");
}

#[tokio::test]
async fn a_server_that_is_away_is_told_soon_and_secrets_are_not() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Takes connections and says nothing.
    let limits = RedisLimits::new(&format!("redis://127.0.0.1:{port}/")).unwrap();
    let began = Instant::now();
    assert!(limits.take("a", QUOTA).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(1));
    let refused = RedisLimits::new("redis:/secret@").err().unwrap();
    assert!(!refused.to_string().contains("secret"));
}
