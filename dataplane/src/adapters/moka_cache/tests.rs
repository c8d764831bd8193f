//! The cache against models: nothing stale after a modification, one fetch for a crowd, hit ratios.

use std::sync::atomic::{AtomicU32, AtomicU64};

use rand::Rng;

use super::*;

fn cache(capacity: u64) -> Arc<MokaCache<u64>> {
    let families = Families::new(&Registry::new()).unwrap();
    Arc::new(MokaCache::new(
        capacity,
        Duration::from_secs(5),
        families.of("test"),
        |_| 8,
    ))
}

fn fresh(value: u64, ttl: Duration, stale: Duration) -> Fresh<u64> {
    Fresh { value, ttl, stale }
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_miss_at_once_cost_one_fetch() {
    let (cache, calls) = (cache(1 << 20), Arc::new(AtomicU32::new(0)));
    let ask = |_| {
        let (cache, calls) = (cache.clone(), calls.clone());
        tokio::spawn(async move {
            let fetch = move || {
                calls.fetch_add(1, Ordering::SeqCst);
                async {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok::<_, String>(fresh(7, LONG, Duration::ZERO))
                }
            };
            cache
                .get_or_fetch("k", &[], fetch)
                .await
                .unwrap()
                .into_value()
        })
    };
    for asked in (0..1_000).map(ask).collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), 7);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn whoever_fetches_may_go_away_and_a_slow_source_is_not_waited_for() {
    let families = Families::new(&Registry::new()).unwrap();
    let patience = Duration::from_millis(300);
    let cache = Arc::new(MokaCache::<u64>::new(
        1 << 20,
        patience,
        families.of("test"),
        |_| 8,
    ));
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok::<_, String>(fresh(1, LONG, Duration::ZERO))
    };
    let gone = tokio::time::timeout(Duration::from_millis(5), cache.get_or_fetch("k", &[], slow));
    assert!(gone.await.is_err());
    let late = cache.get_or_fetch("k", &[], slow).await;
    assert!(matches!(late, Err(FetchError::TimedOut(_))));
    let quick = || async { Ok::<_, String>(fresh(2, LONG, Duration::ZERO)) };
    assert_eq!(
        cache.get_or_fetch("k", &[], quick).await.unwrap(),
        Found::Fetched(2)
    );
}

#[tokio::test]
async fn what_is_stale_is_served_while_it_is_fetched_anew_and_while_the_source_fails() {
    let cache = cache(1 << 20);
    let works = Arc::new(AtomicBool::new(true));
    let calls = Arc::new(AtomicU64::new(0));
    let fetch = {
        let (works, calls) = (works.clone(), calls.clone());
        move || {
            let n = calls.fetch_add(1, Ordering::SeqCst);
            let works = works.load(Ordering::SeqCst);
            async move {
                let value = fresh(n, Duration::from_millis(150), LONG);
                works.then_some(value).ok_or("down")
            }
        }
    };
    let ask = || cache.get_or_fetch("k", &[], fetch.clone());
    assert_eq!(ask().await.unwrap(), Found::Fetched(0));
    assert_eq!(ask().await.unwrap(), Found::Hit(0));
    tokio::time::sleep(Duration::from_millis(200)).await;
    works.store(false, Ordering::SeqCst);
    assert_eq!(ask().await.unwrap(), Found::Stale(0));
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert_eq!(ask().await.unwrap(), Found::Stale(0), "the source is down");
    tokio::time::sleep(Duration::from_millis(40)).await;
    works.store(true, Ordering::SeqCst);
    assert_eq!(
        ask().await.unwrap(),
        Found::Stale(0),
        "fetched behind its back"
    );
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert!(matches!(ask().await.unwrap(), Found::Hit(n) if n > 0));
}

/// Readers and writers at once: after a modification and its tag, nobody may read what was before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_stale_is_read_after_a_modification() {
    const KEYS: usize = 8;
    let cache = cache(1 << 20);
    let source: Arc<Vec<AtomicU64>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for _ in 0..16 {
        let (cache, source, stop) = (cache.clone(), source.clone(), stop.clone());
        readers.push(tokio::spawn(async move {
            let mut reads = 0_u64;
            while !stop.load(Ordering::SeqCst) {
                let key = rand::rng().random_range(0..KEYS);
                // What was true before we asked; writers announce after they have invalidated.
                let announced = source[key].load(Ordering::SeqCst) & 0xFFFF_FFFF;
                let from = source.clone();
                let fetch = move || {
                    let value = from[key].load(Ordering::SeqCst) >> 32;
                    async move {
                        tokio::task::yield_now().await;
                        Ok::<_, String>(fresh(value, LONG, LONG))
                    }
                };
                let tag = [format!("content:{key}")];
                let seen = cache
                    .get_or_fetch(&key.to_string(), &tag, fetch)
                    .await
                    .unwrap();
                let seen = seen.into_value();
                assert!(
                    seen >= announced,
                    "read {seen} after {announced} was announced"
                );
                reads += 1;
                // A hit never waits; without this the clock of the runtime would stand.
                tokio::task::yield_now().await;
            }
            reads
        }));
    }
    // High half: the source's truth; low half: what was announced after the tag ticked.
    for n in 1..=4_000_u64 {
        let key = rand::rng().random_range(0..KEYS);
        let announced = source[key].load(Ordering::SeqCst) & 0xFFFF_FFFF;
        source[key].store(n << 32 | announced, Ordering::SeqCst);
        cache.invalidate_tag(&format!("content:{key}"));
        source[key].store(n << 32 | n, Ordering::SeqCst);
        if n % 16 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    stop.store(true, Ordering::SeqCst);
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.unwrap();
    }
    println!("4000 modifications, {reads} reads, 0 stale");
    assert!(reads > 100);
}

/// Share of hits on Zipf 1.0 over 10,000 items.
async fn hit_ratio(share: f64, asked: u32) -> f64 {
    const ITEMS: usize = 10_000;
    let entry = (OVERHEAD + 8 + 6) as f64;
    let cache = cache((ITEMS as f64 * share * entry) as u64);
    let mut cumulative = Vec::with_capacity(ITEMS);
    let mut sum = 0.0;
    for rank in 1..=ITEMS {
        sum += 1.0 / rank as f64;
        cumulative.push(sum);
    }
    let mut hits = 0;
    for _ in 0..asked {
        let point = rand::rng().random::<f64>() * sum;
        let item = format!("{:06}", cumulative.partition_point(|c| *c < point));
        match cache.get(&item).await {
            Some(_) => hits += 1,
            None => cache.set(&item, &[], fresh(1, LONG, LONG)).await,
        }
    }
    100.0 * f64::from(hits) / f64::from(asked)
}

/// The published figures of moka are 50.6 % at 1 % of the items and 74.3 % at 10 %. `ASKED=5000000`
/// in the claim; a short run has more first misses, so it holds a little less.
#[tokio::test]
async fn hit_ratios_are_those_of_the_policy() {
    let claimed = std::env::var("ASKED").ok();
    let asked = claimed.as_ref().map_or(200_000, |n| n.parse().unwrap());
    for (share, published) in [(0.01, 50.6), (0.1, 74.3)] {
        let least = if claimed.is_some() {
            published
        } else {
            published - 6.0
        };
        let ratio = hit_ratio(share, asked).await;
        println!(
            "Zipf 1.0, {:.0} % of the items: {ratio:.1} % hits, published {published} %",
            share * 100.0
        );
        assert!(ratio >= least, "{ratio}");
    }
}

#[tokio::test]
async fn time_to_live_quota_and_clear_hold() {
    let cache = cache(40 * (OVERHEAD as u64 + 10));
    cache
        .set(
            "brief",
            &[],
            fresh(1, Duration::from_millis(200), Duration::ZERO),
        )
        .await;
    assert_eq!(cache.get("brief").await, Some(1));
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(cache.get("brief").await, None);
    for n in 0..1_000 {
        cache
            .set(&n.to_string(), &[], fresh(n, LONG, Duration::ZERO))
            .await;
    }
    let full = cache.statistics().await;
    assert!(
        full.bytes <= 40 * (OVERHEAD as u64 + 10) && full.evicted > 900,
        "{full:?}"
    );
    cache.clear().await;
    assert_eq!(cache.statistics().await.entries, 0);
    cache
        .set("k", &["t".to_owned()], fresh(3, LONG, LONG))
        .await;
    assert!(cache.remove("k").await && !cache.remove("k").await);
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// Keys of four times what fits, used again and again, written from several threads. The claim runs
/// it alone with `CHURN_SECONDS=600`; only then is the memory of the process the cache's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_within_the_bound_under_churn() {
    const CAPACITY: u64 = 256 << 20;
    let asked = std::env::var("CHURN_SECONDS").ok();
    let time = Duration::from_secs(asked.as_ref().map_or(1, |n| n.parse().unwrap()));
    let before = resident();
    let families = Families::new(&Registry::new()).unwrap();
    let figures = families.of("churn");
    let cache = Arc::new(MokaCache::<::bytes::Bytes>::new(
        CAPACITY,
        time,
        figures,
        ::bytes::Bytes::len,
    ));
    let end = Instant::now() + time;
    let writers = (0..2).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move {
            let mut writes = 0_u64;
            while Instant::now() < end {
                let key = rand::rng().random_range(0..32_768_u32).to_string();
                if cache.get(&key).await.is_none() {
                    let value = vec![7; rand::rng().random_range(1_024..65_536)];
                    let fresh = Fresh {
                        value: value.into(),
                        ttl: LONG,
                        stale: Duration::ZERO,
                    };
                    cache.set(&key, &[], fresh).await;
                    writes += 1;
                }
            }
            writes
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut most = 0;
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(200)).await;
        most = most.max(resident().saturating_sub(before));
    }
    let mut writes = 0;
    for writer in writers {
        writes += writer.await.unwrap();
    }
    let held = cache.statistics().await;
    println!(
        "{} s of churn: {writes} writes, {} evicted, {} MiB weighed, at most {} MiB grown of {} MiB",
        time.as_secs(),
        held.evicted,
        held.bytes >> 20,
        most >> 20,
        CAPACITY >> 20
    );
    assert!(held.bytes <= CAPACITY);
    if asked.is_some() {
        assert!(most <= CAPACITY + CAPACITY / 10, "{most}");
    }
}
