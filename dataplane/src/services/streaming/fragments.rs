//! Bytes of segments, kept in memory up to a limit of bytes and read once for all who wait.

use std::sync::Arc;

use bytes::Bytes;
use moka::future::Cache;
use streamgate_contract::plan::Media;
use streamgate_contract::text::Slice;

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
    /// What kind of media it is.
    pub kind: Kind,
    /// Where it lies in its object, when it is not the whole of it.
    part: Option<Slice>,
    /// Bytes of its object.
    object: u64,
}

/// Kinds of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Text as WebVTT.
    WebVtt,
    /// Text in MP4.
    Text,
}

impl Kind {
    /// Media type of its segments.
    pub const fn media_type(self) -> &'static str {
        match self {
            Kind::Video => "video/mp4",
            Kind::Audio => "audio/mp4",
            Kind::WebVtt => "text/vtt",
            Kind::Text => "application/mp4",
        }
    }
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
            kind: match media {
                Media::Video { .. } => Kind::Video,
                Media::Audio { .. } => Kind::Audio,
            },
            part: None,
            object: segment.bytes,
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
            kind: Kind::Video,
            part: None,
            object: segment.bytes,
        }
    }

    /// A part of the object of a text track.
    pub fn text(object: &Segment, part: Slice, kind: Kind) -> Self {
        Self {
            key: object.key.as_str().into(),
            tag: format!("\"{}-{}-{}\"", object.sha256, part.0, part.1).into(),
            sha256: object.sha256.clone(),
            bytes: part.len(),
            head: None,
            kind,
            part: Some(part),
            object: object.bytes,
        }
    }

    /// Its bytes of those of its object.
    fn cut(&self, object: Bytes) -> Result<Bytes, StreamingError> {
        let Some(part) = self.part else {
            return Ok(object);
        };
        let bounds = usize::try_from(part.0)
            .ok()
            .zip(usize::try_from(part.1).ok());
        let inside = bounds.filter(|(from, to)| from <= to && *to <= object.len());
        let (from, to) = inside.ok_or_else(|| StreamingError::Corrupt(self.key.to_string()))?;
        Ok(object.slice(from..to))
    }

    /// First digits of its object's hash, as its name has them.
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
        fragment.cut(bytes)
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
        match bytes.len() as u64 == fragment.object {
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
