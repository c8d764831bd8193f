//! Looks at the processor as requests come, and holds them against the knee.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::active::{Active, Step};
use super::idle::Idle;
use super::knee::{Knee, Seen, WINDOW};

/// Time between two trials of how long something that is ready waits, in nanoseconds. While there is a
/// limit, one follows the other.
const PAUSE: u64 = 2_000_000;
/// Least time of a span in which a request counts as active.
const SPAN: u64 = 10_000_000;
/// Nobody asked for so long: whatever was found out is past.
const PAST: u64 = 1_000_000_000;
/// Any number may use the processor.
const ANY: usize = usize::MAX;

/// What is known of the processor of this process.
#[derive(Debug)]
pub struct Watch {
    begin: Instant,
    active: Arc<Active>,
    /// Most that may use the processor at once.
    limit: AtomicUsize,
    asked: AtomicU64,
    refused: AtomicU64,
    /// A trial is on its way.
    trial: AtomicBool,
    /// When the last one ended.
    tried: AtomicU64,
    looks: Mutex<Looks>,
    idle: Option<Arc<Idle>>,
}

/// What trials are gathered in.
#[derive(Debug)]
struct Looks {
    knee: Knee,
    threads: u64,
    /// When the window and the span began.
    begin: u64,
    span: u64,
    /// Time without work until then.
    idle: u64,
    shortest: u64,
}

impl Watch {
    /// Without `idle` nothing is known, and everybody is admitted.
    pub fn new(idle: Option<Arc<Idle>>) -> Arc<Self> {
        let looks = Looks {
            knee: Knee::new(1),
            threads: 1,
            begin: 0,
            span: 0,
            idle: 0,
            shortest: u64::MAX,
        };
        Arc::new(Self {
            begin: Instant::now(),
            active: Active::new(),
            limit: AtomicUsize::new(ANY),
            asked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            trial: AtomicBool::new(idle.is_none()),
            tried: AtomicU64::new(0),
            looks: Mutex::new(looks),
            idle,
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Admits a request that may take `share` percent of what there is.
    pub fn admit(self: &Arc<Self>, share: usize) -> Option<Step> {
        // Without a limit no more is done for it than this.
        if !self.trial.load(Relaxed) {
            self.attempt();
        }
        self.asked.fetch_add(1, Relaxed);
        let limit = self.limit.load(Relaxed);
        if limit != ANY && self.active.count() >= (limit * share / 100).max(1) {
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        Some(self.active.begin())
    }

    /// Goes behind everything that is ready, to see how long that takes.
    fn attempt(self: &Arc<Self>) {
        let (now, tried) = (self.now(), self.tried.load(Relaxed));
        let since = now.saturating_sub(tried);
        let limited = self.limit.load(Relaxed) != ANY;
        if (since < PAUSE && !limited) || self.trial.swap(true, Relaxed) {
            return;
        }
        if since > PAST {
            self.limit.store(ANY, Relaxed);
        }
        let Ok(runtime) = Handle::try_current() else {
            return self.trial.store(false, Relaxed);
        };
        let (watch, threads) = (self.clone(), runtime.metrics().num_workers());
        runtime.spawn(async move {
            tokio::task::yield_now().await;
            watch.ended(now, threads);
        });
    }

    fn ended(&self, begin: u64, threads: usize) {
        let now = self.now();
        let before = self.tried.swap(now, Relaxed);
        self.active.turn();
        // Whoever holds it leaves it whole.
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if before == 0 || begin.saturating_sub(before) > PAST {
            self.forget(&mut looks, begin, threads);
        }
        looks.shortest = looks.shortest.min(now.saturating_sub(begin));
        if now.saturating_sub(looks.span) >= SPAN {
            self.active.advance();
            looks.span = now;
        }
        if u128::from(now.saturating_sub(looks.begin)) >= WINDOW.as_nanos() {
            self.look(&mut looks, now);
        }
        drop(looks);
        self.trial.store(false, Relaxed);
    }

    fn look(&self, looks: &mut Looks, now: u64) {
        let total = self.idle();
        let time = (now - looks.begin) * looks.threads;
        let seen = Seen {
            time: time as f64 / 1e9,
            idle: total.saturating_sub(looks.idle) as f64 / time as f64,
            wait: Duration::from_nanos(looks.shortest),
            active: self.active.count(),
            asked: self.asked.swap(0, Relaxed),
            refused: self.refused.swap(0, Relaxed),
            ended: self.active.ended(),
        };
        let changed = looks.knee.look(&seen);
        let limit = looks.knee.limit();
        tracing::debug!(?limit, ?seen, "looked at the processor");
        self.limit.store(limit.unwrap_or(ANY), Relaxed);
        match (changed, limit) {
            (true, Some(_)) => tracing::warn!("requests wait for the processor; some are refused"),
            (true, None) => tracing::info!("requests no longer wait for the processor"),
            _ => {}
        }
        (looks.begin, looks.idle, looks.shortest) = (now, total, u64::MAX);
    }

    fn forget(&self, looks: &mut Looks, begin: u64, threads: usize) {
        (looks.knee, looks.threads) = (Knee::new(threads), threads as u64);
        (looks.begin, looks.idle, looks.shortest) = (begin, self.idle(), u64::MAX);
        self.asked.store(0, Relaxed);
        self.refused.store(0, Relaxed);
        self.active.ended();
    }

    fn idle(&self) -> u64 {
        self.idle.as_ref().map_or(0, |idle| idle.nanoseconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;
    use tokio::task::yield_now;
    use tokio::time::sleep;

    /// Asks again and again for a while, and works for a millisecond whenever it is admitted; else it
    /// comes again later.
    async fn asks(watch: Arc<Watch>, until: Instant, pause: Duration) -> (u32, u32) {
        let (mut admitted, mut refused) = (0, 0);
        while Instant::now() < until {
            match watch.admit(100) {
                Some(_step) => {
                    let begin = Instant::now();
                    while begin.elapsed() < Duration::from_millis(1) {}
                    admitted += 1;
                }
                None => {
                    refused += 1;
                    sleep(Duration::from_millis(10)).await;
                }
            }
            match pause.is_zero() {
                true => yield_now().await,
                false => sleep(pause).await,
            }
        }
        (admitted, refused)
    }

    #[test]
    fn a_crowd_is_refused_for_as_long_as_it_comes_and_nobody_else() {
        let mut builder = Builder::new_multi_thread();
        let idle = Idle::of(builder.worker_threads(1).enable_all());
        let watch = Watch::new(Some(idle));
        let runtime = builder.build().unwrap();
        let crowd = |callers: u32, milliseconds, pause| {
            let until = Instant::now() + Duration::from_millis(milliseconds);
            let ask = |_| runtime.spawn(asks(watch.clone(), until, pause));
            let all: Vec<_> = (0..callers).map(ask).collect();
            all.into_iter().fold((0, 0), |(admitted, refused), task| {
                let told = runtime.block_on(task).unwrap();
                (admitted + told.0, refused + told.1)
            })
        };
        let pause = Duration::from_millis(20);
        assert_eq!(crowd(4, 500, pause).1, 0, "there is time for these");
        // Sixty milliseconds of work stand before everybody.
        let (admitted, refused) = crowd(60, 2_000, Duration::ZERO);
        assert!(admitted > 500, "{admitted} of those that could be served");
        assert!(refused > admitted, "{refused} refused, {admitted} not");
        assert_ne!(watch.limit.load(Relaxed), ANY);
        crowd(4, 1_800, pause);
        assert_eq!(watch.limit.load(Relaxed), ANY, "it is over");
        assert_eq!(crowd(4, 300, pause).1, 0);
        assert_eq!(crowd(2, 300, Duration::ZERO).1, 0, "two do not wait long");
    }

    #[test]
    fn where_nothing_is_known_nobody_is_refused() {
        let watch = Watch::new(None);
        let steps: Vec<_> = (0..10_000).filter_map(|_| watch.admit(60)).collect();
        assert_eq!(steps.len(), 10_000);
    }
}
