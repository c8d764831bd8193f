//! Caches of bytes, as the role `cache` wants them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Figures, Fresh, MokaCache};
use crate::ports::cache::{Cache, Caches, Usage};

/// A fetch never happens here; the caller sets what it has.
const PATIENCE: Duration = Duration::from_secs(1);

#[async_trait]
impl Cache for MokaCache<Bytes> {
    async fn get(&self, key: &str) -> Option<Bytes> {
        MokaCache::get(self, key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Duration) {
        let stale = Duration::ZERO;
        MokaCache::set(self, key, &[], Fresh { value, ttl, stale }).await;
    }

    async fn remove(&self, key: &str) -> bool {
        MokaCache::remove(self, key).await
    }

    async fn clear(&self) {
        MokaCache::clear(self).await;
    }

    async fn usage(&self) -> Usage {
        let statistics = self.statistics().await;
        Usage {
            entries: statistics.entries,
            bytes: statistics.bytes,
            hits: statistics.hits,
            misses: statistics.misses,
            evicted: statistics.evicted,
        }
    }
}

/// Makes caches that count into the same figures: namespaces are named by users, labels are not.
pub struct MokaCaches(pub Figures);

impl Caches for MokaCaches {
    fn make(&self, capacity: u64) -> Arc<dyn Cache> {
        let figures = self.0.clone();
        Arc::new(MokaCache::<Bytes>::new(
            capacity,
            PATIENCE,
            figures,
            Bytes::len,
        ))
    }
}
