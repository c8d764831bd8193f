//! How many requests use the processor now. One that waits for a database, or sends to a viewer who takes
//! bytes slowly, is in work for long and uses hardly any of it: who has taken no step for two spans of
//! time, in which everything that was ready had its turn, is not counted until the next. One that is done
//! at once has used the processor all the same: it counts until the turn is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Spans that have a count: the last two, the next, and one that nobody touches any more.
const SPANS: u64 = 4;

/// The count. Threads that meet at the end of a span may miss one another for as long as it takes.
#[derive(Debug)]
pub struct Active {
    span: AtomicU64,
    counts: [AtomicUsize; SPANS as usize],
    /// Requests that ended in this turn, and since they were asked for.
    done: AtomicUsize,
    ended: AtomicU64,
}

impl Active {
    /// Nobody.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            // There is one before it.
            span: AtomicU64::new(1),
            counts: Default::default(),
            done: AtomicUsize::new(0),
            ended: AtomicU64::new(0),
        })
    }

    /// Requests that have taken a step lately, or ended in this turn.
    pub fn count(&self) -> usize {
        let span = self.span.load(Relaxed);
        let lately = self.of(span).load(Relaxed) + self.of(span - 1).load(Relaxed);
        lately + self.done.load(Relaxed)
    }

    /// A request that takes its first step.
    pub fn begin(self: &Arc<Self>) -> Step {
        let last = self.span.load(Relaxed);
        self.of(last).fetch_add(1, Relaxed);
        Step {
            active: self.clone(),
            last,
        }
    }

    /// Everything that was ready has had its turn.
    pub fn turn(&self) {
        self.done.store(0, Relaxed);
    }

    /// Requests that ended since the last time this was asked.
    pub fn ended(&self) -> u64 {
        self.ended.swap(0, Relaxed)
    }

    /// A span is over, and a turn with it. Not to be called by two at once.
    pub fn advance(&self) {
        let span = self.span.load(Relaxed) + 1;
        // Empty before anybody can be in it.
        self.of(span + 1).store(0, Relaxed);
        self.span.store(span, Relaxed);
    }

    fn of(&self, span: u64) -> &AtomicUsize {
        &self.counts[(span % SPANS) as usize]
    }

    fn leave(&self, span: u64) {
        let less = |count: usize| count.checked_sub(1);
        // One that was never seen is not missed.
        let _ = self.of(span).fetch_update(Relaxed, Relaxed, less);
    }
}

/// A request in work; it ends when it is dropped.
#[derive(Debug)]
pub struct Step {
    active: Arc<Active>,
    /// Span of its last step.
    last: u64,
}

impl Step {
    /// Takes another one.
    pub fn take(&mut self) {
        let span = self.active.span.load(Relaxed);
        if span == self.last {
            return;
        }
        if span == self.last + 1 {
            self.active.leave(self.last);
        }
        self.active.of(span).fetch_add(1, Relaxed);
        self.last = span;
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if self.active.span.load(Relaxed) <= self.last + 1 {
            self.active.leave(self.last);
        }
        self.active.done.fetch_add(1, Relaxed);
        self.active.ended.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_no_step_is_not_counted_until_the_next() {
        let active = Active::new();
        let mut slow = active.begin();
        assert_eq!(active.count(), 1);
        active.advance();
        assert_eq!(active.count(), 1, "a step counts for another span");
        active.advance();
        assert_eq!(active.count(), 0);
        for _ in 0..7 {
            active.advance();
        }
        slow.take();
        slow.take();
        assert_eq!(active.count(), 1);
        active.advance();
        slow.take();
        assert_eq!(active.count(), 1, "one request counts once");
        drop(slow);
        active.turn();
        assert_eq!(active.count(), 0);
    }

    #[test]
    fn who_is_done_at_once_counts_for_the_turn() {
        let active = Active::new();
        for n in 1..=5 {
            drop(active.begin());
            assert_eq!(active.count(), n);
        }
        active.turn();
        assert_eq!((active.count(), active.ended()), (0, 5));
    }

    #[test]
    fn many_of_all_kinds_leave_nothing_behind() {
        let active = Active::new();
        let mut held: Vec<Step> = Vec::new();
        for n in 0..5_000_usize {
            held.push(active.begin());
            let many = held.len();
            held[n * 31 % many].take();
            if many > 20 {
                held.swap_remove(n * 17 % many);
            }
            if n % 7 == 0 {
                active.advance();
            }
            active.turn();
            assert!(active.count() <= held.len());
        }
        held.clear();
        active.turn();
        assert_eq!(active.count(), 0);
    }
}
