//! A cache of bytes: bounded, each entry for its time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// What a cache holds and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Entries.
    pub entries: u64,
    /// Bytes, overhead included.
    pub bytes: u64,
    /// Questions that found something.
    pub hits: u64,
    /// Questions that found nothing.
    pub misses: u64,
    /// Entries that had to make room.
    pub evicted: u64,
}

/// Keeps bytes for a time.
#[async_trait]
pub trait Cache: Send + Sync {
    /// What is kept under a key.
    async fn get(&self, key: &str) -> Option<Bytes>;
    /// Keeps a value.
    async fn set(&self, key: &str, value: Bytes, ttl: Duration);
    /// Removes a value; was there one?
    async fn remove(&self, key: &str) -> bool;
    /// Removes everything.
    async fn clear(&self);
    /// Figures, as of now.
    async fn usage(&self) -> Usage;
}

/// Makes caches.
pub trait Caches: Send + Sync {
    /// A cache of at most so many bytes.
    fn make(&self, capacity: u64) -> Arc<dyn Cache>;
}
