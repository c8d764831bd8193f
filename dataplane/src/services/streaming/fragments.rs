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
#[derive(Debug, PartialEq, Eq)]
pub struct Fragment {
    key: Arc<str>,
    sha256: String,
    /// Entity tag: the SHA-256 in quotes.
    pub tag: Bytes,
    /// Bytes.
    pub bytes: u64,
    /// Bytes up to the end of its first fragment, if that is known.
    pub head: Option<u64>,
    /// It is of an audio track.
    pub audio: bool,
}

impl Fragment {
    /// A committed object of a track of this kind.
    pub fn of(segment: &Segment, media: &Media) -> Self {
        Self {
            key: segment.key.as_str().into(),
            tag: format!("\"{}\"", segment.sha256).into(),
            sha256: segment.sha256.clone(),
            bytes: segment.bytes,
            head: segment.head_bytes,
            audio: matches!(media, Media::Audio { .. }),
        }
    }

    /// A committed still image.
    pub fn still(segment: &Segment) -> Self {
        Self {
            key: segment.key.as_str().into(),
            tag: format!("\"{}\"", segment.sha256).into(),
            sha256: segment.sha256.clone(),
            bytes: segment.bytes,
            head: None,
            audio: false,
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
        let (bytes, read) = match self.cache.get(&fragment.key).await {
            Some(bytes) => (bytes, false),
            // Boxed: a request that finds its segment carries nothing of this.
            None => Box::pin(self.fetch(fragment)).await?,
        };
        self.metrics.fragment(fragment, read);
        Ok(bytes)
    }

    /// From the store, once for all who wait; and whether it was read for this request.
    async fn fetch(&self, fragment: &Fragment) -> Result<(Bytes, bool), StreamingError> {
        let entry = self.cache.entry(fragment.key.clone());
        let entry = entry.or_try_insert_with(self.read(fragment)).await;
        let entry = entry.map_err(|error| match &*error {
            Unreadable::Corrupt(key) => StreamingError::Corrupt(key.to_string()),
            Unreadable::Objects(error) => StreamingError::Objects(error.clone()),
        })?;
        let read = entry.is_fresh();
        Ok((entry.into_value(), read))
    }

    async fn read(&self, fragment: &Fragment) -> Result<Bytes, Unreadable> {
        let failed = |error| Unreadable::Objects(Arc::new(error));
        let key = ObjectKey::parse(&fragment.key).map_err(failed)?;
        let bytes = self.objects.get(&key).await.map_err(failed)?;
        match bytes.len() as u64 == fragment.bytes {
            true => Ok(bytes),
            false => Err(Unreadable::Corrupt(key)),
        }
    }
}

/// Why there are no bytes; nothing of it is kept.
enum Unreadable {
    Corrupt(ObjectKey),
    Objects(Arc<ObjectsError>),
}
