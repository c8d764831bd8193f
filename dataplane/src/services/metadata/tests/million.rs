//! How long lists, searches and reads take with many contents, on both databases. `ROWS=1000000` and
//! bars in the claim.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::adapters::filesystem::Filesystem;
use crate::adapters::postgres::PostgresCatalog;
use crate::adapters::postgres::server::Server;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::ports::catalog::Catalog;
use crate::ports::clock::manual::ManualClock;
use crate::services::metadata::cursor::CursorKey;
use crate::services::metadata::{Metadata, Parts, http};

/// Different words there are.
const VOCABULARY: usize = 20_000;
/// Rows of one statement.
const BATCH: usize = 250;

fn of_env(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |n| n.parse().unwrap())
}

/// A word; few are common, as in a language (Zipf's law).
fn word(random: &mut StdRng) -> String {
    let rank = (VOCABULARY as f64).powf(random.random::<f64>()) as usize;
    const SYLLABLES: [&str; 16] = [
        "ka", "lo", "mi", "ne", "ru", "sa", "to", "vi", "be", "du", "fa", "gi", "ho", "ju", "pe",
        "zo",
    ];
    let digits = [rank % 16, rank / 16 % 16, rank / 256 % 16, rank / 4096 % 16];
    digits.map(|digit| SYLLABLES[digit]).concat()
}

fn words(random: &mut StdRng, count: std::ops::Range<usize>) -> String {
    let count = random.random_range(count);
    let words: Vec<String> = (0..count).map(|_| word(random)).collect();
    words.join(" ")
}

/// A statement that adds the contents from `first` on.
fn insert(first: usize, rows: usize, random: &mut StdRng) -> String {
    let row = |n: usize| {
        let (title, told) = (words(random, 2..7), words(random, 5..25));
        let state = if n.is_multiple_of(10) {
            "processing"
        } else {
            "published"
        };
        format!(
            "('c{n}', '{title}', '0x{:x}', '{state}', '{told}')",
            n % 1_000
        )
    };
    let rows: Vec<String> = (first..first + rows).map(row).collect();
    let columns = "INSERT INTO contents (id, title, owner, state, description) VALUES";
    format!("{columns} {};", rows.join(", "))
}

async fn serve(catalog: Arc<dyn Catalog>, folder: &std::path::Path) -> String {
    let parts = Parts {
        reads: super::kept(catalog.clone()),
        catalog,
        objects: Arc::new(Filesystem::open(folder.join("objects")).unwrap()),
        clock: Arc::new(ManualClock::at(1_700_000_000)),
        cursor_key: CursorKey::new([1; 32]),
    };
    let router = http::routes(Arc::new(Metadata::new(parts, &[], None)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Times of `count` requests, shortest first.
async fn times(count: usize, mut path: impl FnMut() -> String, url: &str) -> Vec<Duration> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let path = path();
        let began = Instant::now();
        let response = http.get(format!("{url}{path}")).send().await.unwrap();
        let found = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        times.push(began.elapsed());
        assert!(found == 200 && body.len() > 2, "{path}: {found}");
    }
    times.sort();
    times
}

fn percentile(times: &[Duration], of_hundred: usize) -> f64 {
    times[(times.len() * of_hundred / 100).min(times.len() - 1)].as_secs_f64() * 1e3
}

async fn measure(name: &str, url: &str, rows: usize) {
    let mut random = StdRng::seed_from_u64(9);
    let asked = of_env("ASKED", 200);
    // Published ones: what anybody sees.
    let id = |n: usize| {
        format!(
            "/contents/c{}",
            if n.is_multiple_of(10) { n + 1 } else { n }
        )
    };
    let get = times(asked, || id(random.random_range(0..rows - 1)), url).await;
    let search = || match random.random_range(0..3) {
        0 => format!("/search?q={}", word(&mut random)),
        1 => format!("/search?q={}+{}", word(&mut random), word(&mut random)),
        // As somebody types: beginnings of three letters and more.
        _ => format!(
            "/search?q={}",
            &word(&mut random)[..3 + random.random_range(0..4)]
        ),
    };
    let search = times(asked, search, url).await;
    let list = times(asked.min(500), || "/contents?limit=50".into(), url).await;
    let (get99, search99) = (percentile(&get, 99), percentile(&search, 99));
    println!(
        "services-7 {name}, {rows} contents: get p50 {:.2} p99 {get99:.2} ms, search p50 {:.1} p99 {search99:.1} max {:.1} ms, list p99 {:.1} ms",
        percentile(&get, 50),
        percentile(&search, 50),
        percentile(&search, 100),
        percentile(&list, 99),
    );
    if std::env::var("BARS").is_ok() {
        assert!(search99 < 50.0, "{name}: search p99 {search99:.1} ms");
        assert!(get99 < 2.0, "{name}: get p99 {get99:.2} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_contents_are_found_fast_in_sqlite() {
    let (rows, folder) = (of_env("ROWS", 2_000), tempfile::tempdir().unwrap());
    let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db"))
        .await
        .unwrap();
    let mut random = StdRng::seed_from_u64(7);
    for first in (0..rows).step_by(100 * BATCH) {
        let batches = (first..rows.min(first + 100 * BATCH)).step_by(BATCH);
        let batches: String = batches
            .map(|n| insert(n, BATCH.min(rows - n), &mut random))
            .collect();
        catalog.run_sql(format!("BEGIN; {batches} COMMIT;")).await;
    }
    let url = serve(Arc::new(catalog), folder.path()).await;
    measure("SQLite", &url, rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_contents_are_found_fast_in_postgresql() {
    let (rows, folder) = (of_env("ROWS", 2_000), tempfile::tempdir().unwrap());
    let server = Server::start().await;
    let catalog = PostgresCatalog::open(&server.url()).await.unwrap();
    let mut random = StdRng::seed_from_u64(7);
    for first in (0..rows).step_by(BATCH) {
        catalog
            .run_sql(insert(first, BATCH.min(rows - first), &mut random))
            .await;
    }
    catalog.run_sql("ANALYZE".into()).await;
    let url = serve(Arc::new(catalog), folder.path()).await;
    measure("PostgreSQL", &url, rows).await;
}
