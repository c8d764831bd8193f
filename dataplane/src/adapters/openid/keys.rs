//! The keys a provider publishes, kept for an hour. A key that is not among them, or a signature
//! that does not fit, has them fetched anew, but not more often than every ten seconds, so that
//! forged tokens cannot make us ask without end. What cannot be fetched stays as it was last known.

use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;

use crate::ports::Source;
use crate::ports::clock::UnixSeconds;

/// Seconds for which keys are good.
const KEPT_SECONDS: i64 = 3_600;
/// Seconds between two fetches because of a key that is not known.
const PAUSE_SECONDS: i64 = 10;

#[derive(Clone)]
struct Known {
    keys: Arc<JwkSet>,
    /// When they were fetched.
    fetched: UnixSeconds,
    /// When that was last tried.
    tried: UnixSeconds,
}

/// The keys of one provider.
#[derive(Default)]
pub struct Keys(Mutex<Option<Known>>);

impl Keys {
    /// Keys that are good at `now`.
    pub async fn fresh<F>(
        &self,
        now: UnixSeconds,
        fetch: impl Fn() -> F,
    ) -> Result<Arc<JwkSet>, Source>
    where
        F: Future<Output = Result<JwkSet, Source>>,
    {
        let mut known = self.0.lock().await;
        match &*known {
            Some(k) if now.saturating_sub(k.fetched) < KEPT_SECONDS => Ok(k.keys.clone()),
            Some(k) if now.saturating_sub(k.tried) < PAUSE_SECONDS => Ok(k.keys.clone()),
            _ => refresh(&mut known, now, fetch).await,
        }
    }

    /// Other keys than these, when there are any and it was not tried just now.
    pub async fn newer<F>(
        &self,
        now: UnixSeconds,
        than: &Arc<JwkSet>,
        fetch: impl Fn() -> F,
    ) -> Option<Arc<JwkSet>>
    where
        F: Future<Output = Result<JwkSet, Source>>,
    {
        let mut known = self.0.lock().await;
        if let Some(k) = &*known {
            if !Arc::ptr_eq(&k.keys, than) {
                return Some(k.keys.clone());
            }
            if (0..PAUSE_SECONDS).contains(&now.saturating_sub(k.tried)) {
                return None;
            }
        }
        refresh(&mut known, now, fetch).await.ok()
    }
}

async fn refresh<F>(
    known: &mut Option<Known>,
    now: UnixSeconds,
    fetch: impl Fn() -> F,
) -> Result<Arc<JwkSet>, Source>
where
    F: Future<Output = Result<JwkSet, Source>>,
{
    match fetch().await {
        Ok(set) => {
            let keys = Arc::new(set);
            *known = Some(Known {
                keys: keys.clone(),
                fetched: now,
                tried: now,
            });
            Ok(keys)
        }
        Err(error) => match known {
            Some(last) => {
                tracing::warn!(%error, "a provider's keys cannot be fetched");
                last.tried = now;
                Ok(last.keys.clone())
            }
            None => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn keys_are_fetched_when_they_are_old_or_missed_and_never_in_a_hurry() {
        let (keys, asked) = (Keys::default(), AtomicU32::new(0));
        let fetch = || async {
            asked.fetch_add(1, Ordering::SeqCst);
            Ok(JwkSet { keys: Vec::new() })
        };
        let count = || asked.load(Ordering::SeqCst);
        let first = keys.fresh(0, fetch).await.unwrap();
        keys.fresh(KEPT_SECONDS - 1, fetch).await.unwrap();
        assert_eq!(count(), 1);
        for now in 0..PAUSE_SECONDS {
            assert!(keys.newer(now, &first, fetch).await.is_none());
        }
        assert_eq!(count(), 1, "a flood of forged tokens asks nothing");
        let second = keys.newer(PAUSE_SECONDS, &first, fetch).await.unwrap();
        assert_eq!(count(), 2);
        assert!(Arc::ptr_eq(
            &keys.newer(11, &first, fetch).await.unwrap(),
            &second
        ));
        assert_eq!(count(), 2, "somebody else has fetched them");
        keys.fresh(KEPT_SECONDS * 2, fetch).await.unwrap();
        assert_eq!(count(), 3);
    }

    #[tokio::test]
    async fn a_provider_that_is_away_leaves_the_last_good_keys() {
        let keys = Keys::default();
        let away = || async { Err::<JwkSet, Source>("away".into()) };
        assert!(keys.fresh(0, away).await.is_err(), "none are known");
        let good = || async { Ok(JwkSet { keys: Vec::new() }) };
        let known = keys.fresh(1, good).await.unwrap();
        let kept = keys.fresh(KEPT_SECONDS * 3, away).await.unwrap();
        assert!(Arc::ptr_eq(&known, &kept));
    }
}
