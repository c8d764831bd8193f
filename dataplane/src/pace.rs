//! How fast somebody may send or be sent bytes, over all their connections to this process.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::future::Cache;

/// Seconds' worth of bytes that go at once.
const BURST_SECONDS: u32 = 4;
/// Most of them that are remembered.
const MOST: u64 = 100_000;

/// The pace of somebody, over all connections.
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

/// Paces by whose they are; none when there is no limit.
#[derive(Debug)]
pub struct Paces {
    limit: Option<NonZeroU32>,
    known: Cache<String, Arc<Pace>>,
}

impl Paces {
    /// So many bytes per second for each.
    pub fn new(bytes_per_second: Option<u32>) -> Self {
        Self {
            limit: bytes_per_second.and_then(NonZeroU32::new),
            known: Cache::new(MOST),
        }
    }

    /// The pace of one of them.
    pub async fn of(&self, whose: &str) -> Option<Arc<Pace>> {
        let limit = self.limit?;
        let made = async { Arc::new(Pace::new(limit)) };
        Some(self.known.get_with_by_ref(whose, made).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
