//! A cache in memory on moka: bounded in bytes, a time to live per entry, one fetch for all who miss
//! at once, stale entries served while they are fetched anew or while the source fails, and tags by
//! which everything that a modification touches ends at once.
//! Sources: RFC 5861 (stale-while-revalidate, stale-if-error); moka for W-TinyLFU.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

pub mod bytes;
mod follow;
pub mod library;
mod tags;

use tags::Tags;

/// Bytes an entry costs besides key and value, measured.
const OVERHEAD: usize = 320;
/// Fetches that a modification may overtake before the answer is passed on unkept.
const ATTEMPTS: usize = 3;

/// What a source gave.
#[derive(Clone, Debug)]
pub struct Fresh<V> {
    /// The value.
    pub value: V,
    /// How long it is true.
    pub ttl: Duration,
    /// How long after that it may be served while it is fetched anew.
    pub stale: Duration,
}

/// An entry.
struct Kept<V> {
    value: V,
    tags: Box<[String]>,
    /// Reading of the tags' clock before the fetch began.
    started: u64,
    fresh_until: Instant,
    gone_at: Instant,
    refreshing: AtomicBool,
}

/// How an answer came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<V> {
    /// It was there.
    Hit(V),
    /// It was there, was no longer true, and is fetched anew or cannot be.
    Stale(V),
    /// It was fetched, by this caller or by another who asked at the same time.
    Fetched(V),
}

impl<V> Found<V> {
    /// The value, however it came about.
    pub fn into_value(self) -> V {
        match self {
            Found::Hit(value) | Found::Stale(value) | Found::Fetched(value) => value,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError<E> {
    /// The source failed.
    #[error(transparent)]
    Failed(Arc<E>),
    /// The source took too long.
    #[error("the source took longer than {0:?}")]
    TimedOut(Duration),
}

/// Figures of one cache.
#[derive(Clone, Debug)]
pub struct Figures {
    hits: IntCounter,
    stale: IntCounter,
    misses: IntCounter,
    failed: IntCounter,
    evicted: IntCounter,
    expired: IntCounter,
    invalidated: IntCounter,
    bytes: prometheus::IntGauge,
    entries: prometheus::IntGauge,
}

/// The families, one set of series for each cache by name.
pub struct Families {
    requests: IntCounterVec,
    removals: IntCounterVec,
    bytes: IntGaugeVec,
    entries: IntGaugeVec,
}

impl Families {
    /// Registers the families.
    ///
    /// # Errors
    /// When one is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let requests = Opts::new(
            "streamgate_cache_requests_total",
            "Questions to a cache, by result.",
        );
        let removals = Opts::new(
            "streamgate_cache_removals_total",
            "Entries removed from a cache, by cause.",
        );
        let bytes = Opts::new("streamgate_cache_bytes", "Bytes in a cache.");
        let entries = Opts::new("streamgate_cache_entries", "Entries in a cache.");
        let families = Self {
            requests: IntCounterVec::new(requests, &["cache", "result"])?,
            removals: IntCounterVec::new(removals, &["cache", "cause"])?,
            bytes: IntGaugeVec::new(bytes, &["cache"])?,
            entries: IntGaugeVec::new(entries, &["cache"])?,
        };
        registry.register(Box::new(families.requests.clone()))?;
        registry.register(Box::new(families.removals.clone()))?;
        registry.register(Box::new(families.bytes.clone()))?;
        registry.register(Box::new(families.entries.clone()))?;
        Ok(families)
    }

    /// Figures of the cache of this name.
    pub fn of(&self, cache: &str) -> Figures {
        let result = |result| self.requests.with_label_values(&[cache, result]);
        let cause = |cause| self.removals.with_label_values(&[cache, cause]);
        Figures {
            hits: result("hit"),
            stale: result("stale"),
            misses: result("miss"),
            failed: result("failed"),
            evicted: cause("evicted"),
            expired: cause("expired"),
            invalidated: cause("invalidated"),
            bytes: self.bytes.with_label_values(&[cache]),
            entries: self.entries.with_label_values(&[cache]),
        }
    }
}

/// What a cache holds and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Entries, those that end soon included.
    pub entries: u64,
    /// Bytes, overhead included.
    pub bytes: u64,
    /// Questions that found something, stale or not.
    pub hits: u64,
    /// Questions that found nothing.
    pub misses: u64,
    /// Entries that had to make room.
    pub evicted: u64,
}

/// The cache.
pub struct MokaCache<V> {
    entries: moka::future::Cache<String, Arc<Kept<V>>>,
    tags: Tags,
    patience: Duration,
    figures: Figures,
    own: Arc<Own>,
}

/// What this cache did, when others count into the same figures.
#[derive(Default)]
struct Own {
    hits: AtomicU64,
    misses: AtomicU64,
    evicted: AtomicU64,
    entries: AtomicU64,
    bytes: AtomicU64,
}

impl Own {
    /// Moves the shared gauges by what changed here since the last time.
    fn show(&self, figures: &Figures, entries: u64, bytes: u64) {
        let moved = |own: &AtomicU64, now: u64| {
            let before = own.swap(now, Ordering::Relaxed);
            i64::try_from(now).unwrap_or(i64::MAX) - i64::try_from(before).unwrap_or(i64::MAX)
        };
        figures.entries.add(moved(&self.entries, entries));
        figures.bytes.add(moved(&self.bytes, bytes));
    }
}

/// moka forgets an entry when it may not be served any more.
struct WhenGone;

impl<V> Expiry<String, Arc<Kept<V>>> for WhenGone {
    fn expire_after_create(
        &self,
        _: &String,
        kept: &Arc<Kept<V>>,
        now: Instant,
    ) -> Option<Duration> {
        Some(kept.gone_at.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &String,
        kept: &Arc<Kept<V>>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.gone_at.saturating_duration_since(now))
    }
}

impl<V: Clone + Send + Sync + 'static> MokaCache<V> {
    /// At most `capacity` bytes, values measured by `weigh`; a fetch may take `patience`.
    pub fn new(
        capacity: u64,
        patience: Duration,
        figures: Figures,
        weigh: fn(&V) -> usize,
    ) -> Self {
        let size = move |key: &String, kept: &Arc<Kept<V>>| {
            let tags: usize = kept.tags.iter().map(|tag| tag.len() + 24).sum();
            let bytes = key.len() + weigh(&kept.value) + tags + OVERHEAD;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let own = Arc::<Own>::default();
        let (counted, mine) = (figures.clone(), own.clone());
        let gone = move |_: Arc<String>, _: Arc<Kept<V>>, cause| match cause {
            moka::notification::RemovalCause::Size => {
                counted.evicted.inc();
                mine.evicted.fetch_add(1, Ordering::Relaxed);
            }
            moka::notification::RemovalCause::Expired => counted.expired.inc(),
            moka::notification::RemovalCause::Explicit => counted.invalidated.inc(),
            moka::notification::RemovalCause::Replaced => {}
        };
        let entries = moka::future::Cache::builder()
            .max_capacity(capacity)
            .weigher(size)
            .expire_after(WhenGone)
            .eviction_listener(gone)
            .build();
        Self {
            entries,
            tags: Tags::default(),
            patience,
            figures,
            own,
        }
    }

    /// What is kept, if it is still true.
    pub async fn get(&self, key: &str) -> Option<V> {
        let kept = self.sound(key).await;
        let fresh = kept.filter(|kept| Instant::now() < kept.fresh_until);
        match &fresh {
            Some(_) => self.count(&self.figures.hits, &self.own.hits),
            None => self.count(&self.figures.misses, &self.own.misses),
        }
        fresh.map(|kept| kept.value.clone())
    }

    /// Keeps a value that was made now.
    pub async fn set(&self, key: &str, tags: &[String], fresh: Fresh<V>) {
        let kept = kept(fresh, tags, self.tags.now());
        self.entries.insert(key.to_owned(), Arc::new(kept)).await;
    }

    /// What is kept, or what `fetch` gives; one fetch for all who ask at the same time.
    ///
    /// # Errors
    /// When the source fails or takes too long and nothing stale may be served.
    pub async fn get_or_fetch<F, Fut, E>(
        self: &Arc<Self>,
        key: &str,
        tags: &[String],
        fetch: F,
    ) -> Result<Found<V>, FetchError<E>>
    where
        F: Fn() -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Fresh<V>, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        if let Some(kept) = self.sound(key).await {
            if Instant::now() < kept.fresh_until {
                self.count(&self.figures.hits, &self.own.hits);
                return Ok(Found::Hit(kept.value.clone()));
            }
            self.count(&self.figures.stale, &self.own.hits);
            self.refresh(key, tags, &kept, fetch);
            return Ok(Found::Stale(kept.value.clone()));
        }
        self.count(&self.figures.misses, &self.own.misses);
        for _ in 1..ATTEMPTS {
            let kept = self.fetched(key, tags, fetch.clone()).await?;
            if self.tags.valid(&kept.tags, kept.started) {
                return Ok(Found::Fetched(kept.value.clone()));
            }
            // A modification overtook the fetch: what it gave may be what was before.
            self.entries.invalidate(key).await;
        }
        let fresh = tokio::time::timeout(self.patience, fetch()).await;
        let fresh = fresh.map_err(|_| self.late())?;
        let fresh = fresh.map_err(|error| FetchError::Failed(Arc::new(error)))?;
        Ok(Found::Fetched(fresh.value))
    }

    fn count(&self, shared: &IntCounter, own: &AtomicU64) {
        shared.inc();
        own.fetch_add(1, Ordering::Relaxed);
    }

    /// An entry that may be served and that no modification ended.
    async fn sound(&self, key: &str) -> Option<Arc<Kept<V>>> {
        let kept = self.entries.get(key).await?;
        if self.tags.valid(&kept.tags, kept.started) {
            return Some(kept);
        }
        self.entries.invalidate(key).await;
        None
    }

    /// One fetch for everybody who waits; whoever goes away leaves it to the others.
    async fn fetched<F, Fut, E>(
        &self,
        key: &str,
        tags: &[String],
        fetch: F,
    ) -> Result<Arc<Kept<V>>, FetchError<E>>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Fresh<V>, E>>,
        E: Send + Sync + 'static,
    {
        let started = self.tags.now();
        let make = async {
            fetch()
                .await
                .map(|fresh| Arc::new(kept(fresh, tags, started)))
        };
        let fetched = self.entries.try_get_with_by_ref(key, make);
        match tokio::time::timeout(self.patience, fetched).await {
            Err(_) => Err(self.late()),
            Ok(fetched) => fetched.map_err(|error| {
                self.figures.failed.inc();
                FetchError::Failed(error)
            }),
        }
    }

    fn late<E>(&self) -> FetchError<E> {
        self.figures.failed.inc();
        FetchError::TimedOut(self.patience)
    }

    /// Fetches anew behind the callers' backs, once for all of them.
    fn refresh<F, Fut, E>(
        self: &Arc<Self>,
        key: &str,
        tags: &[String],
        kept: &Arc<Kept<V>>,
        fetch: F,
    ) where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Fresh<V>, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        if kept.refreshing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (cache, key, tags, old) = (self.clone(), key.to_owned(), tags.to_vec(), kept.clone());
        tokio::spawn(async move {
            let started = cache.tags.now();
            match tokio::time::timeout(cache.patience, fetch()).await {
                Ok(Ok(fresh)) => {
                    let kept = Arc::new(self::kept(fresh, &tags, started));
                    cache.entries.insert(key, kept).await;
                }
                // The old one is served on, until it is gone; the next caller tries again.
                _ => {
                    cache.figures.failed.inc();
                    old.refreshing.store(false, Ordering::Release);
                }
            }
        });
    }

    /// Ends everything with this tag, and every fetch of it that has begun.
    pub fn invalidate_tag(&self, tag: &str) {
        self.tags.invalidate(tag);
    }

    /// Ends everything, and every fetch that has begun.
    pub fn end_all(&self) {
        self.tags.invalidate_all();
    }

    /// Removes one entry; was there one?
    pub async fn remove(&self, key: &str) -> bool {
        let sound = self.sound(key).await.is_some();
        self.entries.invalidate(key).await;
        sound
    }

    /// Removes everything.
    pub async fn clear(&self) {
        self.tags.invalidate_all();
        self.entries.invalidate_all();
        self.entries.run_pending_tasks().await;
    }

    /// What it holds and did, as of now.
    pub async fn statistics(&self) -> Statistics {
        self.entries.run_pending_tasks().await;
        let (entries, bytes) = (self.entries.entry_count(), self.entries.weighted_size());
        self.own.show(&self.figures, entries, bytes);
        Statistics {
            entries,
            bytes,
            hits: self.own.hits.load(Ordering::Relaxed),
            misses: self.own.misses.load(Ordering::Relaxed),
            evicted: self.own.evicted.load(Ordering::Relaxed),
        }
    }
}

fn kept<V>(fresh: Fresh<V>, tags: &[String], started: u64) -> Kept<V> {
    let now = Instant::now();
    Kept {
        value: fresh.value,
        tags: tags.into(),
        started,
        fresh_until: now + fresh.ttl,
        gone_at: now + fresh.ttl + fresh.stale,
        refreshing: AtomicBool::new(false),
    }
}

#[cfg(test)]
mod tests;
