//! A token that moves while its holder watches, with several replicas, on a real node and in real
//! time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy_primitives::U256;
use alloy_sol_types::{SolCall, sol};
use reqwest::Client;
use serde_json::json;
use streamgate_contract::encryption::{ContentKey, Hex16};
use tokio_util::sync::CancellationToken;

use super::fixture::Stage;
use super::replica::Replica;
use super::slow;
use crate::adapters::ethereum::Ethereum;
use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::adapters::system_clock::SystemClock;
use crate::ports::catalog::Outputs;
use crate::services::auth::fixture::{Account, World, browser, config, text};
use crate::services::auth::{self, Auth};
use crate::tokens::fixture::signer;

sol! {
    function mint(address holder) external;
    function transferFrom(address from, address to, uint256 tokenId) external;
}

/// Time between blocks.
const BLOCK: Duration = Duration::from_secs(1);
/// Bytes of a segment that is still being read, slowly, when the token moves.
const LONG: usize = 64 << 20;
/// Time in which a slow client reads what is on its way already.
const HELD: Duration = Duration::from_secs(1);

impl Replica {
    /// Asks for playlists and segments in turn, every 10 ms until `stop`; when each was served.
    async fn watch(&self, files: Vec<String>, stop: CancellationToken) -> Vec<Instant> {
        let (client, mut served) = (Client::new(), Vec::new());
        for file in files.iter().cycle() {
            let sent = client.get(format!("{}/v/{file}", self.url)).send().await;
            if sent.unwrap().status() == 200 {
                served.push(Instant::now());
            }
            let pause = tokio::time::sleep(Duration::from_millis(10));
            if stop.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        served
    }
}

/// Claim gate-3: three replicas, one of them cut off with the transfer, and one that starts after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gate_3_a_transfer_ends_the_stream_on_every_replica() {
    let node = Anvil::with(&["--auto-impersonate", "--block-time", "1"]).await;
    let ticket = node.deploy("Ticket", []).await;
    let (holder, buyer) = (Account::new(8), Account::new(9));
    let address = holder.wallet().evm().unwrap().into();
    node.send(ticket, mintCall { holder: address }.abi_encode())
        .await;

    let mut config = config(&node.url, CHAIN_ID);
    config.rules = serde_json::from_value(
        json!([{"name": "holders", "erc721": {"chain": "test", "contract": ticket}}]),
    )
    .unwrap();
    config.auth.lease_seconds = 600;
    let stage = Stage::new(World::on_chains(config.clone()).await).await;
    let objects = stage.published("c", Some("holders")).await;
    let key = ContentKey {
        id: Hex16::new([1; 16]),
        key: Hex16::new([2; 16]),
    };
    stage.world.catalog.keep_key("job-c", &key).await.unwrap();
    stage.world.content("long", Some("holders")).await;
    let long = vec![7; LONG].into();
    let long = stage.commit_bytes("long", "v720", Some(0), long).await;
    let clock = Arc::new(SystemClock);
    let registry = prometheus::Registry::new();
    let chain = Arc::new(Ethereum::new(&config.chains, clock.clone(), &registry).unwrap());
    let parts = auth::Parts {
        catalog: stage.world.catalog.clone(),
        chain: chain.clone(),
        clock: clock.clone(),
        outside: auth::Outside::nobody(),
        session_key: signer(1),
        playback_key: signer(2),
    };
    let auth = Arc::new(Auth::new(parts, &config, &registry).unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(auth.clone().watch(chain, stop.clone()));
    tokio::time::sleep(BLOCK).await;

    let challenge = auth
        .challenge(holder.wallet(), None, browser())
        .await
        .unwrap();
    let signature = text(&holder.sign(&challenge.message));
    let token = auth
        .sign_in(&challenge.message, &signature, Some(browser()))
        .await
        .unwrap()
        .token;
    let profile = auth.session(&token).await.unwrap();
    let handle = async |content: &str| {
        let content = content.parse().unwrap();
        let playback = auth.playback(&profile, &content, Vec::new()).await;
        playback.unwrap().path.split('/').nth(2).unwrap().to_owned()
    };
    let long = format!("/v/{}/{long}", handle("long").await);
    let handle = handle("c").await;
    let names = ["master.m3u8", "v720.m3u8", "key", "keys"];
    let names = names.into_iter().map(str::to_owned);
    let files: Vec<String> = names
        .chain(objects)
        .map(|f| format!("{handle}/{f}"))
        .collect();

    let end = CancellationToken::new();
    let mut runs = Vec::new();
    let mut watch = |replica: Arc<Replica>| {
        let (files, end) = (files.clone(), end.clone());
        runs.push(tokio::spawn(async move { replica.watch(files, end).await }));
    };
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Arc::new(
            Replica::start(&stage, auth.clone(), clock.clone(), &stop).await,
        ));
        watch(replicas[replicas.len() - 1].clone());
    }
    // Until they know the epoch, replicas serve nobody.
    tokio::time::sleep(BLOCK).await;
    let mut transfers = Vec::new();
    for (name, replica) in [("first", &replicas[0]), ("cut off", &replicas[2])] {
        let mut response = slow::Response::of(&replica.url, &long).await;
        transfers.push(tokio::spawn(async move {
            response.read_slowly(Duration::from_millis(10)).await;
            (name, response)
        }));
    }
    tokio::time::sleep(3 * BLOCK).await;
    // No player may keep a key, so a cached one opens nothing that is not asked for anew.
    for name in ["key", "keys"] {
        let url = format!("{}/v/{handle}/{name}", replicas[0].url);
        let answer = reqwest::get(url).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    replicas[2].cut.store(true, Ordering::SeqCst);
    let (from, to) = (address, buyer.wallet().evm().unwrap().into());
    let call = transferFromCall {
        from,
        to,
        tokenId: U256::from(1),
    };
    node.send_as(holder.wallet(), ticket, call.abi_encode())
        .await;
    let block = Instant::now();
    watch(Arc::new(
        Replica::start(&stage, auth.clone(), clock.clone(), &stop).await,
    ));
    tokio::time::sleep(5 * BLOCK).await;
    end.cancel();

    let names = ["first", "second", "cut off", "started after"];
    for (name, run) in names.into_iter().zip(runs) {
        let served = run.await.unwrap();
        let before = served.iter().filter(|at| **at < block).count();
        let last = served
            .last()
            .map_or(0, |at| at.saturating_duration_since(block).as_millis());
        println!("gate-3 {name}: {before} served before the block, the last {last} ms after it");
        assert!(
            before > 50 || name == "started after",
            "{name} served {before}"
        );
        assert!(
            last <= (BLOCK + Duration::from_secs(1)).as_millis(),
            "{name}: {last} ms"
        );
    }
    for transfer in transfers {
        let (name, response) = transfer.await.unwrap();
        let last = response.last.saturating_duration_since(block).as_millis();
        let read = response.read >> 20;
        println!(
            "gate-3 in flight, {name}: ended after {read} MiB of 64, the last {last} ms after it"
        );
        assert!(last > 0 && response.read < LONG, "{name}: {read} MiB");
        // What client, kernel and server hold already is read at 6 MiB/s.
        assert!(last <= (2 * BLOCK + HELD).as_millis(), "{name}: {last} ms");
    }
    stop.cancel();
}
