//! Bytes of segments, kept in memory up to a limit of bytes and read once for all who wait.

use std::sync::Arc;

use bytes::Bytes;
use moka::future::Cache;
use streamgate_contract::plan::Media;

use super::error::StreamingError;
use super::metrics::Metrics;
use super::name::HASH_DIGITS;
use crate::ports::catalog::Segment;
use crate::ports::objects::{ObjectKey, Objects, ObjectsError};

/// A committed segment or init segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    key: Arc<str>,
    /// SHA-256 in hex.
    pub sha256: Arc<str>,
    /// Bytes.
    pub bytes: u64,
    /// It is of an audio track.
    pub audio: bool,
}

impl Fragment {
    /// A committed object of a track of this kind.
    pub fn of(segment: &Segment, media: &Media) -> Self {
        Self {
            key: segment.key.as_str().into(),
            sha256: segment.sha256.as_str().into(),
            bytes: segment.bytes,
            audio: matches!(media, Media::Audio { .. }),
        }
    }

    /// First digits of its hash, as its name has them.
    pub fn short(&self) -> &str {
        self.sha256.get(..HASH_DIGITS).unwrap_or(&self.sha256)
    }
}

/// The store behind a cache.
pub struct Fragments {
    objects: Arc<dyn Objects>,
    cache: Cache<Arc<str>, Bytes>,
    metrics: Arc<Metrics>,
}

impl Fragments {
    pub fn new(objects: Arc<dyn Objects>, cache_bytes: u64, metrics: Arc<Metrics>) -> Self {
        let weigh = |_: &Arc<str>, bytes: &Bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let cache = Cache::builder().max_capacity(cache_bytes).weigher(weigh);
        Self {
            objects,
            cache: cache.build(),
            metrics,
        }
    }

    /// The bytes of a fragment.
    pub async fn bytes(&self, fragment: &Fragment) -> Result<Bytes, StreamingError> {
        let key = fragment.key.clone();
        let entry = self
            .cache
            .entry(key)
            .or_try_insert_with(self.read(&fragment.key));
        let entry = entry.await.map_err(StreamingError::Objects)?;
        self.metrics.fragment(fragment, entry.is_fresh());
        let bytes = entry.into_value();
        match bytes.len() as u64 == fragment.bytes {
            true => Ok(bytes),
            false => Err(StreamingError::Corrupt(fragment.key.to_string())),
        }
    }

    async fn read(&self, key: &str) -> Result<Bytes, ObjectsError> {
        self.objects.get(&ObjectKey::parse(key)?).await
    }
}
