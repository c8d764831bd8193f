//! Counts viewings: a decorator of whoever decides who may watch, which every viewing asks first and
//! then a lease at a time. Counts are kept in memory and written every few seconds, so a crash loses as
//! many and no viewer waits for the catalog.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use streamgate_contract::ContentId;
use tokio_util::sync::CancellationToken;

use crate::ports::catalog::Catalog;
use crate::ports::catalog::plays::{Day, Tally, Watched};
use crate::ports::clock::Clock;
use crate::ports::identity::{Denied, Entitlements, Lease, Viewer};

/// Time between two writes.
const WRITE_EVERY: Duration = Duration::from_secs(10);
/// Sessions and contents remembered, so that a viewing counts once; then all are forgotten.
const MAX_SEEN: usize = 65_536;
/// Contents counted between two writes.
const MAX_COUNTED: usize = 10_000;

/// The decorator.
pub struct CountedEntitlements {
    inner: Arc<dyn Entitlements>,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    seen: HashSet<u64>,
    tallies: HashMap<ContentId, Tally>,
}

impl Counts {
    fn count(&mut self, viewing: u64, content: &ContentId, seconds: u64) {
        if self.seen.len() >= MAX_SEEN {
            self.seen.clear();
        }
        let begun = self.seen.insert(viewing);
        if self.tallies.len() < MAX_COUNTED || self.tallies.contains_key(content) {
            let tally = self.tallies.entry(content.clone()).or_default();
            tally.starts += u64::from(begun);
            tally.seconds += seconds;
        }
    }
}

impl CountedEntitlements {
    /// Counts what `inner` admits.
    pub fn new(
        inner: Arc<dyn Entitlements>,
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            inner,
            catalog,
            clock,
            hasher: RandomState::new(),
            counts: Mutex::default(),
        }
    }

    /// Writes counts until `stop`, and once more then.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut clock = tokio::time::interval(WRITE_EVERY);
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                _ = clock.tick() => {}
            }
            self.write().await;
        }
    }

    /// Writes what was counted since the last time.
    pub async fn write(&self) {
        let tallies = std::mem::take(&mut self.counts().tallies);
        if tallies.is_empty() {
            return;
        }
        let watched = tallies.into_iter();
        let watched = watched.map(|(content, tally)| Watched { content, tally });
        let watched: Vec<Watched> = watched.collect();
        let today = Day::of(self.clock.now());
        if let Err(error) = self.catalog.count_plays(today, &watched).await {
            tracing::warn!(%error, contents = watched.len(), "what was watched is not counted");
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counts are whole after every operation; a panic elsewhere does not change that.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Entitlements for CountedEntitlements {
    async fn entitle(&self, viewer: &Viewer, content: &ContentId) -> Result<Lease, Denied> {
        let lease = self.inner.entitle(viewer, content).await?;
        let seconds = lease.until.saturating_sub(self.clock.now());
        let viewing = self.hasher.hash_one((&viewer.session, content));
        let seconds = u64::try_from(seconds).unwrap_or_default();
        self.counts().count(viewing, content, seconds);
        Ok(lease)
    }

    async fn epoch(&self) -> Result<u64, Denied> {
        self.inner.epoch().await
    }
}
