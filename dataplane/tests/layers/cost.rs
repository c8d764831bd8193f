//! Time of the layers: each alone and all together against the bare handler, in the same process
//! and over loopback, in turns. The smallest of many rounds counts: everything above it is the
//! machine's noise. `LAYER_COST=1` measures and holds the bars; otherwise one short round runs.

use std::time::{Duration, Instant};

use streamgate_dataplane::health::service::Service as Figures;
use streamgate_dataplane::server::serve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::stack::{API, LAYERS, PLAYBACK, Stack, all, bare, request, with};

fn asked() -> bool {
    std::env::var("LAYER_COST").is_ok()
}

/// Nanoseconds of one request in this process, over a round.
async fn round(router: &mut Stack, route: &str, requests: u32) -> f64 {
    let mut prepared: Vec<_> = (0..requests).map(|_| request(route)).collect();
    let begin = Instant::now();
    while let Some(request) = prepared.pop() {
        let response = router.call(request).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    begin.elapsed().as_nanos() as f64 / f64::from(requests)
}

/// Logs as the product does, to nowhere.
fn log() {
    let lines = tracing_subscriber::fmt().json().flatten_event(true);
    let lines = lines.with_writer(std::io::sink).with_env_filter("info");
    let _ = lines.try_init();
}

#[tokio::test]
async fn all_layers_together_cost_less_than_a_microsecond() {
    log();
    let (rounds, requests) = if asked() { (60, 2_000) } else { (3, 200) };
    for route in [PLAYBACK, API] {
        let mut stacks = vec![("bare", bare(route)), ("all", all(route))];
        stacks.extend(LAYERS.map(|layer| (layer, with(layer, route))));
        let mut least = vec![f64::MAX; stacks.len()];
        for _ in 0..rounds {
            for ((_, router), least) in stacks.iter_mut().zip(&mut least) {
                *least = least.min(round(router, route, requests).await);
            }
        }
        println!("{route}: bare {:.0} ns", least[0]);
        for ((name, _), nanos) in stacks.iter().zip(&least).skip(1) {
            println!("  {name}: {:+.0} ns", nanos - least[0]);
        }
        let added = least[1] - least[0];
        println!("{route}: all layers {added:.0} ns");
        if asked() && route == PLAYBACK {
            assert!(added <= 1_000.0, "{added:.0} ns");
        }
    }
}

/// Requests per second of one connection that asks as fast as it is answered.
async fn over_loopback(router: Stack, path: &str, time: Duration) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let figures = Figures::new(&prometheus::Registry::new()).unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(
        listener,
        router,
        figures.connections("public"),
        stop.clone(),
    ));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.set_nodelay(true).unwrap();
    let asked = format!("GET {path} HTTP/1.1\r\nhost: gate\r\n\r\n");
    let (mut answers, mut buffer) = (0_u32, vec![0; 64 << 10]);
    let begin = Instant::now();
    while begin.elapsed() < time {
        client.write_all(asked.as_bytes()).await.unwrap();
        let mut read = 0;
        // The body ends with 1,024 bytes of 0x47; nothing follows.
        loop {
            read += client.read(&mut buffer[read..]).await.unwrap();
            let end = buffer[..read].windows(4).position(|w| w == b"\r\n\r\n");
            if end.is_some_and(|end| read >= end + 4 + 1_024) {
                break;
            }
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "not answered");
        answers += 1;
    }
    let rate = f64::from(answers) / begin.elapsed().as_secs_f64();
    drop(client);
    stop.cancel();
    server.await.unwrap();
    rate
}

#[test]
fn all_layers_together_cost_less_than_15_percent_of_the_requests() {
    log();
    let (rounds, time) = if asked() {
        (12, Duration::from_secs(1))
    } else {
        (1, Duration::from_millis(50))
    };
    // One thread for both ends: the cost of a request is what is compared, not waiting for a core.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let path = "/v/abcdef/v720.m3u8";
    let (mut plain, mut layered) = (0.0_f64, 0.0_f64);
    for _ in 0..rounds {
        plain = plain.max(runtime.block_on(over_loopback(bare(PLAYBACK), path, time)));
        layered = layered.max(runtime.block_on(over_loopback(all(PLAYBACK), path, time)));
    }
    let lost = 100.0 * (1.0 - layered / plain);
    println!("over loopback: {layered:.0} requests per second, bare {plain:.0}: {lost:.1} % fewer");
    if asked() {
        assert!(lost <= 15.0, "{lost:.1} %");
    }
}
