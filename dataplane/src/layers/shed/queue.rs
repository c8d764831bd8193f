//! How long requests wait for the processor before anything looks at them. A place in a list says nothing
//! about that: requests that are answered at once never fill a list, and still wait for each other.
//!
//! A round begins with a request and ends when everything that was ready then has had its turn. While a
//! round is short, nobody waits. Nothing but long rounds for a while are a queue that does not go away by
//! itself: then each request is held against the age of the round it comes in, so that a round takes no
//! more than it can serve in time. It is over when nothing was refused for a while. Short bursts pass as ever. Source: the idea of a standing queue is that of RFC 8289 (CoDel).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;

/// Age of a round up to which requests are admitted while there is a queue, in nanoseconds.
pub const TARGET: u64 = MILLISECOND;
/// A round longer than this is long.
const LONG: u64 = 5 * MILLISECOND;
/// So long there must be nothing but long rounds for a queue, or one that takes that time. Others on the
/// same processor, and a quota of it that is used up, make rounds long as well, but not every one.
const STANDING: u64 = 500 * MILLISECOND;
/// So long nothing must be refused for the queue to be over.
const CALM: u64 = 1_000 * MILLISECOND;
/// Pause between two rounds while there is no queue: looking costs a task.
const PAUSE: u64 = 250 * MICROSECOND;

/// The queue of a process. Times are nanoseconds since some moment; 0 is never.
#[derive(Debug, Default)]
pub struct Queue {
    /// When the round began.
    began: AtomicU64,
    /// When the last one ended.
    ended: AtomicU64,
    /// Since when every round has been too long.
    long_since: AtomicU64,
    /// When a request was refused last.
    refused: AtomicU64,
    standing: AtomicBool,
}

impl Queue {
    /// May a request that comes at `now` be served, in a round no older than `most`?
    pub fn admits(&self, now: u64, most: u64) -> bool {
        let age = match self.began.load(Relaxed) {
            0 => 0,
            began => now.saturating_sub(began),
        };
        if age >= STANDING {
            self.stands(now);
        }
        if !self.is_standing() {
            return true;
        }
        if age > most {
            self.refused.store(now, Relaxed);
            return false;
        }
        if now.saturating_sub(self.refused.load(Relaxed)) > CALM {
            self.standing.store(false, Relaxed);
            tracing::info!("requests no longer wait for the processor");
        }
        true
    }

    /// Is there a queue?
    fn is_standing(&self) -> bool {
        self.standing.load(Relaxed)
    }

    /// Does a round begin at `now`?
    fn begins(&self, now: u64) -> bool {
        let pause = if self.is_standing() { 0 } else { PAUSE };
        let due = now.saturating_sub(self.ended.load(Relaxed)) >= pause;
        let now = now.max(1);
        due && self
            .began
            .compare_exchange(0, now, Relaxed, Relaxed)
            .is_ok()
    }

    /// The round ends at `now`.
    fn ends(&self, now: u64) {
        let began = self.began.swap(0, Relaxed);
        self.ended.store(now, Relaxed);
        if now.saturating_sub(began) <= LONG {
            self.long_since.store(0, Relaxed);
            return;
        }
        match self.long_since.load(Relaxed) {
            0 => self.long_since.store(began, Relaxed),
            since if now - since >= STANDING => self.stands(now),
            _ => {}
        }
    }

    fn stands(&self, now: u64) {
        if !self.standing.swap(true, Relaxed) {
            self.refused.store(now, Relaxed);
            tracing::warn!("requests wait for the processor; some are refused");
        }
    }
}

/// The queue, by the clock.
#[derive(Clone, Debug)]
pub struct Watched {
    queue: Arc<Queue>,
    since: Instant,
}

impl Watched {
    /// Nobody waits yet.
    pub fn new() -> Self {
        Self {
            queue: Arc::default(),
            since: Instant::now(),
        }
    }

    /// May a request that comes now be served, in a round no older than `most`?
    pub fn admits(&self, most: u64) -> bool {
        let now = self.now();
        if self.queue.begins(now) {
            self.watch();
        }
        self.queue.admits(now, most)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Ends the round when everything that is ready now has had its turn.
    fn watch(&self) {
        let watched = self.clone();
        let end = async move {
            // Goes behind everything that is ready.
            tokio::task::yield_now().await;
            watched.queue.ends(watched.now());
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(end)),
            // Nobody to wait for.
            Err(_) => self.queue.ends(self.now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round from `begin` that takes so long.
    fn round(queue: &Queue, begin: u64, takes: u64) {
        assert!(queue.begins(begin));
        queue.ends(begin + takes);
    }

    #[test]
    fn a_burst_passes_and_a_standing_queue_is_cut() {
        let queue = Queue::default();
        let mut now = MILLISECOND;
        for _ in 0..10 {
            round(&queue, now, LONG + 1);
            now += 40 * MILLISECOND;
        }
        // One short round: it was a burst.
        round(&queue, now, MICROSECOND);
        assert!(!queue.is_standing());
        now += MILLISECOND;
        for _ in 0..14 {
            round(&queue, now, LONG + 1);
            now += 40 * MILLISECOND;
        }
        assert!(queue.is_standing());
        assert!(queue.begins(now));
        assert!(queue.admits(now, TARGET), "the first of a round is served");
        assert!(queue.admits(now + TARGET, TARGET));
        assert!(!queue.admits(now + TARGET + 1, TARGET));
        assert!(!queue.admits(now + TARGET, TARGET / 2), "others earlier");
    }

    #[test]
    fn one_round_that_takes_long_enough_is_a_queue_and_calm_ends_it() {
        let queue = Queue::default();
        let begin = MILLISECOND;
        assert!(queue.begins(begin));
        assert!(queue.admits(begin + STANDING - 1, TARGET));
        assert!(!queue.admits(begin + STANDING, TARGET));
        queue.ends(begin + STANDING + 1);
        let calm = begin + STANDING + CALM;
        assert!(queue.admits(calm, TARGET) && queue.is_standing());
        assert!(queue.admits(calm + 1, TARGET) && !queue.is_standing());
    }

    #[tokio::test]
    async fn a_round_waits_for_what_is_ready() {
        let watched = Watched::new();
        // No round begins sooner.
        tokio::time::sleep(std::time::Duration::from_nanos(2 * PAUSE)).await;
        assert!(watched.admits(TARGET));
        let busy = async { std::thread::sleep(std::time::Duration::from_millis(600)) };
        let late = {
            let watched = watched.clone();
            async move { watched.admits(TARGET) }
        };
        let (_, late) = (tokio::spawn(busy), tokio::spawn(late));
        assert!(!late.await.unwrap());
        assert!(watched.queue.is_standing());
    }
}
