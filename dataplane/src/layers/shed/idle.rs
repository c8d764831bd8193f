//! How long the threads that run tasks have had nothing to do.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use tokio::runtime::Builder;

/// Threads told apart; more of them share places, and their figures are rough.
const THREADS: usize = 64;

thread_local! {
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

#[derive(Debug, Default)]
struct Thread {
    /// Since when it has had nothing to do, in nanoseconds; 0 while it works.
    since: AtomicU64,
    total: AtomicU64,
}

/// Time without work, summed over the threads of a runtime.
#[derive(Debug)]
pub struct Idle {
    begin: Instant,
    threads: [Thread; THREADS],
    known: AtomicUsize,
}

impl Idle {
    /// Watches the threads of the runtime that will be built.
    pub fn of(runtime: &mut Builder) -> Arc<Self> {
        let idle = Arc::new(Self::new());
        let (parks, works) = (idle.clone(), idle.clone());
        runtime
            .on_thread_park(move || parks.park())
            .on_thread_unpark(move || works.unpark());
        idle
    }

    fn new() -> Self {
        Self {
            begin: Instant::now(),
            threads: std::array::from_fn(|_| Thread::default()),
            known: AtomicUsize::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn thread(&self) -> &Thread {
        let place = PLACE.get().unwrap_or_else(|| {
            let place = self.known.fetch_add(1, Relaxed) % THREADS;
            PLACE.set(Some(place));
            place
        });
        &self.threads[place % THREADS]
    }

    fn park(&self) {
        self.thread().since.store(self.now().max(1), Relaxed);
    }

    fn unpark(&self) {
        let (thread, now) = (self.thread(), self.now());
        let since = thread.since.swap(0, Relaxed);
        if since != 0 {
            let idle = now.saturating_sub(since);
            thread.total.fetch_add(idle, Relaxed);
        }
    }

    /// Nanoseconds without work so far.
    pub fn nanoseconds(&self) -> u64 {
        let now = self.now();
        let of = |thread: &Thread| {
            let running = match thread.since.load(Relaxed) {
                0 => 0,
                since => now.saturating_sub(since),
            };
            thread.total.load(Relaxed) + running
        };
        self.threads.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn waiting_is_idle_and_working_is_not() {
        let mut builder = Builder::new_multi_thread();
        let idle = Idle::of(builder.worker_threads(1).enable_all());
        let runtime = builder.build().unwrap();
        let spent = |work: bool| {
            let (begin, before) = (Instant::now(), idle.nanoseconds());
            let task = async move {
                match work {
                    true => std::thread::sleep(Duration::from_millis(300)),
                    false => tokio::time::sleep(Duration::from_millis(300)).await,
                }
            };
            runtime.block_on(runtime.spawn(task)).unwrap();
            let idle = (idle.nanoseconds() - before) as f64;
            idle / begin.elapsed().as_nanos() as f64
        };
        spent(false);
        assert!(spent(false) > 0.9);
        assert!(spent(true) < 0.1);
    }
}
