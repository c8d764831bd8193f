//! The object store. Objects are written once and never changed: a second put of a key keeps the
//! first bytes and says so. A reader sees an object whole or not at all.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use futures::stream::BoxStream;

use super::Source;

#[cfg(test)]
pub mod suite;

/// Most bytes of a key.
const MAX_KEY_BYTES: usize = 512;
/// Most bytes of one part of a key between slashes.
const MAX_PART_BYTES: usize = 128;

/// A key that is safe as a path below a folder and as a key of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Accepts parts of letters, digits, `.`, `_` and `-` that do not start with a dot.
    pub fn parse(text: &str) -> Result<Self, ObjectsError> {
        let valid = text.len() <= MAX_KEY_BYTES && text.split('/').all(valid_part);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ObjectsError::InvalidKey(text.chars().take(80).collect()))
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn valid_part(part: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !part.is_empty()
        && part.len() <= MAX_PART_BYTES
        && !part.starts_with('.')
        && part.bytes().all(plain)
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object is new.
    Created,
    /// The key had an object already; its bytes were kept.
    Existed,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// Not a key.
    #[error(
        "object key {0:?} is not valid; use parts of letters, digits, '.', '_' and '-' between slashes"
    )]
    InvalidKey(String),
    /// Nothing there.
    #[error("object {0} does not exist")]
    NotFound(ObjectKey),
    /// The range does not lie in the object.
    #[error("object {key} has no bytes {start}..{end}; ask for a range inside it")]
    OutsideObject {
        /// Which object.
        key: ObjectKey,
        /// First byte asked for.
        start: u64,
        /// One past the last byte asked for.
        end: u64,
    },
    /// No room.
    #[error("the store has no room for object {0}; enlarge the volume or delete contents")]
    Full(ObjectKey),
    /// Anything else.
    #[error("cannot {action} object {key}; check the store")]
    Unavailable {
        /// What was tried.
        action: &'static str,
        /// Key or prefix.
        key: String,
        /// What the technology said.
        source: Source,
    },
}

/// A request somebody without credentials may make for a short time.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// Absolute URL. Secret.
    pub url: String,
    /// Headers the request must carry.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedRequest")
    }
}

/// Bytes as they come; an error says that the rest does not come.
pub type ByteStream = BoxStream<'static, Result<Bytes, Source>>;

/// The store.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Writes an object unless the key has one; durable when it returns.
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<Put, ObjectsError>;
    /// The same for bytes whose CRC-32C is known: a store that checks it refuses other bytes, and need
    /// not compute another sum.
    async fn put_summed(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        _crc32c: u32,
    ) -> Result<Put, ObjectsError> {
        self.put(key, bytes).await
    }
    /// Writes an object out of a stream unless the key has one; when the stream ends with an
    /// error there is no object. A store that cannot stream holds the bytes in memory.
    async fn put_stream(&self, key: &ObjectKey, body: ByteStream) -> Result<Put, ObjectsError> {
        let collected = body.try_fold(BytesMut::new(), |mut whole, part| async move {
            whole.extend_from_slice(&part);
            Ok(whole)
        });
        let bytes = collected
            .await
            .map_err(|source| ObjectsError::Unavailable {
                action: "receive",
                key: key.to_string(),
                source,
            })?;
        self.put(key, bytes.freeze()).await
    }
    /// Makes `to` an object of the same bytes as `from`, unless it is one already; each can be removed
    /// without the other. A store that cannot copy moves the bytes through here.
    async fn copy(&self, from: &ObjectKey, to: &ObjectKey) -> Result<Put, ObjectsError> {
        self.put(to, self.get(from).await?).await
    }
    /// The whole object.
    async fn get(&self, key: &ObjectKey) -> Result<Bytes, ObjectsError>;
    /// Bytes `range` of it, exactly.
    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, ObjectsError>;
    /// Its length, `None` when there is no such object.
    async fn head(&self, key: &ObjectKey) -> Result<Option<u64>, ObjectsError>;
    /// Removes it; fine when it is not there.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectsError>;
    /// Every key below `prefix` (whole parts), in order.
    async fn list(&self, prefix: &ObjectKey) -> Result<Vec<ObjectKey>, ObjectsError>;

    /// A GET of the object for `seconds`; `None` when the store has no URLs of its own.
    async fn sign_get(
        &self,
        _key: &ObjectKey,
        _seconds: u32,
    ) -> Result<Option<SignedRequest>, ObjectsError> {
        Ok(None)
    }

    /// A PUT of exactly `bytes` bytes with this SHA-256 (hex) for `seconds`; `None` when the
    /// store has no URLs of its own.
    async fn sign_put(
        &self,
        _key: &ObjectKey,
        _bytes: u64,
        _sha256: &str,
        _seconds: u32,
    ) -> Result<Option<SignedRequest>, ObjectsError> {
        Ok(None)
    }
}
