//! What viewers share over their streams: how many run at once, and how fast a session is sent bytes.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::future::Cache;

use super::pass::Pass;
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;

/// Seconds after which a stream that rests does not count: longer than a segment and the pauses of a
/// player whose buffer is full.
pub const RESTS: i64 = 30;
/// Seconds' worth of bytes that go at once.
const BURST_SECONDS: u32 = 4;
/// Most sessions whose pace is remembered.
const MAX_SESSIONS: u64 = 100_000;
/// Viewers in the table at which those without a stream are first forgotten.
const SWEEP: usize = 1_024;

/// The pace of a session, over all its connections.
#[derive(Debug)]
pub struct Pace {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl Pace {
    fn new(bytes_per_second: NonZeroU32) -> Self {
        let burst =
            bytes_per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        let quota = Quota::per_second(bytes_per_second).allow_burst(burst);
        Self {
            limiter: RateLimiter::direct(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Waits until so many bytes may go. More than ever go at once count as that many.
    pub async fn wait(&self, bytes: usize) {
        let Some(bytes) = u32::try_from(bytes).ok().and_then(NonZeroU32::new) else {
            return;
        };
        while let Ok(Err(not_until)) = self.limiter.check_n(bytes) {
            tokio::time::sleep(not_until.wait_time_from(self.clock.now())).await;
        }
    }
}

/// Paces of sessions; none when there is no limit.
pub struct Paces {
    limit: Option<NonZeroU32>,
    known: Cache<String, Arc<Pace>>,
}

impl Paces {
    pub fn new(bytes_per_second: Option<u32>) -> Self {
        Self {
            limit: bytes_per_second.and_then(NonZeroU32::new),
            known: Cache::new(MAX_SESSIONS),
        }
    }

    /// The pace of a session.
    pub async fn of(&self, session: &str) -> Option<Arc<Pace>> {
        let limit = self.limit?;
        let made = async { Arc::new(Pace::new(limit)) };
        Some(self.known.get_with_by_ref(session, made).await)
    }
}

/// Streams by viewer.
pub struct Audience {
    most: Option<u32>,
    streams: Mutex<HashMap<Wallet, Vec<Weak<Pass>>>>,
}

impl Audience {
    pub fn new(most: Option<u32>) -> Self {
        Self {
            most,
            streams: Mutex::default(),
        }
    }

    /// Takes a stream in, or says after how many seconds another of its viewer rests.
    pub fn join(&self, pass: &Arc<Pass>, now: UnixSeconds) -> Result<(), u64> {
        let Some(most) = self.most else {
            return Ok(());
        };
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() >= SWEEP && streams.len().is_power_of_two() {
            streams.retain(|_, passes| passes.iter().any(|p| runs(p, now).is_some()));
        }
        let passes = streams.entry(pass.viewing.sub).or_default();
        passes.retain(|p| runs(p, now).is_some_and(|other| other.handle != pass.handle));
        if passes.len() >= most as usize {
            let ends = passes
                .iter()
                .filter_map(|p| runs(p, now))
                .map(|p| p.seen() + RESTS);
            let wait = ends.min().unwrap_or(now).saturating_sub(now).max(1);
            return Err(wait.unsigned_abs());
        }
        passes.push(Arc::downgrade(pass));
        Ok(())
    }
}

/// The stream, unless it rests or is forgotten.
fn runs(pass: &Weak<Pass>, now: UnixSeconds) -> Option<Arc<Pass>> {
    pass.upgrade().filter(|pass| now < pass.seen() + RESTS)
}

#[cfg(test)]
mod tests {
    use super::super::pass::tests::pass;
    use super::*;

    #[test]
    fn a_viewer_watches_so_many_at_once_and_one_more_when_one_rests() {
        let audience = Audience::new(Some(2));
        let passes = ["a", "b", "c"].map(|handle| pass(handle, 1_000));
        let join = |n: usize, now| {
            let joined = audience.join(&passes[n], now);
            passes[n].touch(now);
            joined
        };
        assert_eq!((join(0, 100), join(1, 110)), (Ok(()), Ok(())));
        assert_eq!(join(0, 111), Ok(()), "a stream that is renewed is no other");
        assert_eq!(
            audience.join(&passes[2], 112),
            Err(28),
            "the second rests first"
        );
        assert_eq!(audience.join(&passes[2], 140), Ok(()));
        assert_eq!(Audience::new(None).join(&passes[2], 0), Ok(()));
    }

    #[tokio::test]
    async fn bytes_beyond_the_burst_wait() {
        let pace = Pace::new(NonZeroU32::new(1_000_000).unwrap());
        pace.wait(4_000_000).await;
        let begin = std::time::Instant::now();
        pace.wait(100_000).await;
        assert!(begin.elapsed() >= std::time::Duration::from_millis(90));
        pace.wait(usize::MAX).await;
    }
}
