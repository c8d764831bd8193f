//! What a handle costs inside: the first time, when it is verified and its lease asked for, and later.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use streamgate_contract::config::RoleConfig;
use streamgate_dataplane::adapters::ethereum::Ethereum;
use streamgate_dataplane::adapters::filesystem::Filesystem;
use streamgate_dataplane::adapters::sqlite::Sqlite3Catalog;
use streamgate_dataplane::adapters::system_clock::SystemClock;
use streamgate_dataplane::services::{auth, streaming};
use tokio_util::sync::CancellationToken;

use super::seed::{self, signer};

/// Times the check of handles.
#[derive(clap::Args)]
pub struct Time {
    /// A folder that `seed` made.
    folder: PathBuf,
    /// Handles.
    #[arg(long, default_value_t = 1_000)]
    handles: usize,
    /// Rounds over all of them.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
}

async fn role(args: &Time) -> Arc<streaming::Streaming> {
    let config = std::fs::read_to_string(args.folder.join("config.yaml")).unwrap();
    let config: RoleConfig = serde_yaml::from_str(&config).unwrap();
    let catalog = Sqlite3Catalog::open(&args.folder.join("catalog.db")).await;
    let catalog = Arc::new(catalog.unwrap());
    let (registry, clock) = (prometheus::Registry::new(), Arc::new(SystemClock));
    let chain = Ethereum::new(&config.chains, clock.clone(), &registry).unwrap();
    let parts = auth::Parts {
        catalog: catalog.clone(),
        chain: Arc::new(chain),
        clock: clock.clone(),
        outside: auth::Outside::nobody(),
        session_key: signer(),
        playback_key: signer(),
    };
    let auth = auth::Auth::new(parts, &config, &registry).unwrap();
    let parts = streaming::Parts {
        catalog,
        objects: Arc::new(Filesystem::open(args.folder.join("objects")).unwrap()),
        entitlements: Arc::new(auth),
        clock,
        playback_key: signer().verifier().clone(),
        public_url: seed::GATE.to_owned(),
        cache_bytes: 64 << 20,
        settings: Default::default(),
        shared_streams: None,
    };
    Arc::new(streaming::Streaming::new(parts, &registry).unwrap())
}

/// Nanoseconds of each.
struct Spread(Vec<u64>);

impl Spread {
    fn micros(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        self.0[((self.0.len() - 1) as f64 * share) as usize] as f64 / 1_000.0
    }
}

pub async fn run(args: Time) {
    let role = role(&args).await;
    let stop = CancellationToken::new();
    tokio::spawn(role.clone().run(stop.clone()));
    while !role.ready() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (signer, now) = (signer(), seed::now());
    let handle = |n| seed::handle(&signer, n, &format!("c{}", n % 256), now);
    // The signature alone: what verifying is made of.
    let verifier = signer.verifier();
    let (mut verified, mut first, mut cached) = (Vec::new(), Vec::new(), Vec::new());
    let handles: Vec<_> = (0..args.handles).map(handle).collect();
    for handle in &handles {
        let begin = Instant::now();
        let read =
            verifier.verify::<streamgate_dataplane::tokens::Viewing>(seed::GATE, handle, now);
        verified.push(begin.elapsed().as_nanos() as u64);
        assert!(read.is_ok());
    }
    for round in 0..=args.rounds {
        for handle in &handles {
            let begin = Instant::now();
            let admitted = role.admit(handle).await;
            let spent = begin.elapsed().as_nanos() as u64;
            assert!(admitted.is_ok(), "{}", admitted.err().unwrap());
            if round == 0 { &mut first } else { &mut cached }.push(spent);
        }
    }
    stop.cancel();
    let (mut verified, mut first, mut cached) = (Spread(verified), Spread(first), Spread(cached));
    let told = json!({
        "verified_us": [verified.micros(0.5), verified.micros(0.99)],
        "first_us": [first.micros(0.5), first.micros(0.99)],
        "cached_us": [cached.micros(0.5), cached.micros(0.99)],
    });
    println!("{told}");
}
