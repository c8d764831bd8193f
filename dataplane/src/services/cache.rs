//! Role `cache`: the cache as a service. Namespaces with a quota each; values are bytes that live
//! for a time; what is not there is not an error of the cache, but a miss.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::ports::cache::{Cache, Caches, Usage};

pub mod http;

/// Namespaces there may be.
pub const MAX_NAMESPACES: usize = 32;
/// Bytes of the longest key.
pub const MAX_KEY_BYTES: usize = 256;
/// Bytes of the largest value.
pub const MAX_VALUE_BYTES: usize = 1 << 20;
/// Seconds of the longest life.
pub const MAX_TTL_SECONDS: u64 = 86_400;
/// Seconds of a life nobody asked for.
pub const DEFAULT_TTL_SECONDS: u64 = 300;
/// Bytes of a namespace, keys and overhead included.
pub const QUOTA_BYTES: u64 = 16 << 20;

/// Why the cache does not do it.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A name that is none.
    #[error("a namespace is 1 to 63 of a-z, 0-9 and '-'; {0:?} is not")]
    InvalidNamespace(String),
    /// A key that is none.
    #[error("a key has 1 to {MAX_KEY_BYTES} bytes")]
    InvalidKey,
    /// A value that is too large.
    #[error("a value has at most {MAX_VALUE_BYTES} bytes")]
    TooLarge,
    /// A life that is too long or none.
    #[error("ttl is 1 to {MAX_TTL_SECONDS} seconds")]
    InvalidTtl,
    /// There are too many namespaces.
    #[error("there are {MAX_NAMESPACES} namespaces already; clear one first")]
    TooManyNamespaces,
    /// It is not there.
    #[error("there is no such entry")]
    Miss,
    /// It is not there.
    #[error("there is no such namespace")]
    NoNamespace,
}

/// What a namespace holds and did.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// Its name.
    pub namespace: String,
    /// Entries.
    pub entries: u64,
    /// Bytes, overhead included.
    pub bytes: u64,
    /// Bytes it may hold.
    pub quota_bytes: u64,
    /// Questions that found something.
    pub hits: u64,
    /// Questions that found nothing.
    pub misses: u64,
    /// Share of the questions that found something; absent before the first.
    pub hit_ratio: Option<f64>,
    /// Entries that had to make room.
    pub evicted: u64,
}

/// The role.
pub struct CacheService {
    caches: Arc<dyn Caches>,
    namespaces: RwLock<BTreeMap<String, Arc<dyn Cache>>>,
}

impl CacheService {
    /// A role without namespaces yet.
    pub fn new(caches: Arc<dyn Caches>) -> Self {
        Self {
            caches,
            namespaces: RwLock::default(),
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `Miss` when it is not there, or not any more.
    pub async fn get(&self, namespace: &str, key: &str) -> Result<Bytes, CacheError> {
        let cache = self.existing(namespace).map_err(|_| CacheError::Miss)?;
        cache.get(key).await.ok_or(CacheError::Miss)
    }

    /// Keeps a value for some seconds; makes the namespace when it is missing.
    ///
    /// # Errors
    /// When name, key, value or life are not as they must be, or there are too many namespaces.
    pub async fn set(
        &self,
        namespace: &str,
        key: &str,
        value: Bytes,
        ttl_seconds: u64,
    ) -> Result<(), CacheError> {
        check(namespace, key)?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(CacheError::TooLarge);
        }
        if !(1..=MAX_TTL_SECONDS).contains(&ttl_seconds) {
            return Err(CacheError::InvalidTtl);
        }
        let cache = self.namespace(namespace)?;
        cache
            .set(key, value, Duration::from_secs(ttl_seconds))
            .await;
        Ok(())
    }

    /// Removes a key.
    ///
    /// # Errors
    /// `Miss` when it is not there.
    pub async fn delete(&self, namespace: &str, key: &str) -> Result<(), CacheError> {
        let cache = self.existing(namespace).map_err(|_| CacheError::Miss)?;
        cache
            .remove(key)
            .await
            .then_some(())
            .ok_or(CacheError::Miss)
    }

    /// Removes a namespace with everything in it.
    ///
    /// # Errors
    /// When there is no such namespace.
    pub async fn clear(&self, namespace: &str) -> Result<(), CacheError> {
        let removed = {
            let mut namespaces = self
                .namespaces
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            namespaces.remove(namespace)
        };
        removed.ok_or(CacheError::NoNamespace)?.clear().await;
        Ok(())
    }

    /// Figures of a namespace.
    ///
    /// # Errors
    /// When there is no such namespace.
    pub async fn statistics(&self, namespace: &str) -> Result<Statistics, CacheError> {
        let usage = self.existing(namespace)?.usage().await;
        Ok(told(namespace, &usage))
    }

    /// Names of the namespaces.
    pub fn names(&self) -> Vec<String> {
        let namespaces = self
            .namespaces
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        namespaces.keys().cloned().collect()
    }

    fn existing(&self, namespace: &str) -> Result<Arc<dyn Cache>, CacheError> {
        let namespaces = self
            .namespaces
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        namespaces
            .get(namespace)
            .cloned()
            .ok_or(CacheError::NoNamespace)
    }

    fn namespace(&self, namespace: &str) -> Result<Arc<dyn Cache>, CacheError> {
        if let Ok(cache) = self.existing(namespace) {
            return Ok(cache);
        }
        let mut namespaces = self
            .namespaces
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if namespaces.len() >= MAX_NAMESPACES && !namespaces.contains_key(namespace) {
            return Err(CacheError::TooManyNamespaces);
        }
        let made = || self.caches.make(QUOTA_BYTES);
        Ok(namespaces
            .entry(namespace.to_owned())
            .or_insert_with(made)
            .clone())
    }
}

fn check(namespace: &str, key: &str) -> Result<(), CacheError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=63).contains(&namespace.len()) || !namespace.bytes().all(plain) {
        return Err(CacheError::InvalidNamespace(
            namespace.chars().take(64).collect(),
        ));
    }
    let fits = (1..=MAX_KEY_BYTES).contains(&key.len());
    fits.then_some(()).ok_or(CacheError::InvalidKey)
}

fn told(namespace: &str, usage: &Usage) -> Statistics {
    let asked = usage.hits + usage.misses;
    Statistics {
        namespace: namespace.to_owned(),
        entries: usage.entries,
        bytes: usage.bytes,
        quota_bytes: QUOTA_BYTES,
        hits: usage.hits,
        misses: usage.misses,
        hit_ratio: (asked > 0).then(|| usage.hits as f64 / asked as f64),
        evicted: usage.evicted,
    }
}

#[cfg(test)]
mod tests;
