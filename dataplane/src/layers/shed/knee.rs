//! How many requests may use the processor at once. As long as it has time left, all that come. When
//! everything that is ready waits for it, and goes on to wait, more at once make nothing faster, only
//! everybody later: then as few as keep it busy, its knee. Found by trying: one more at once while it has
//! time left, one fewer while it has none. Sources: the standing queue is that of RFC 8289 (CoDel), the
//! knee that of Kleinrock's power, which BBR looks for on networks.
//!
//! A refusal costs time as well. Requests that hardly take longer than that are not refused: they would
//! be served in the time it takes.

use std::time::Duration;

/// Least time between two looks.
pub const WINDOW: Duration = Duration::from_millis(50);
/// Longer than this nobody should wait for the processor for long.
pub const LONG: Duration = Duration::from_millis(20);
/// So long at first, until the knee is found.
const FIRST: Duration = Duration::from_millis(5);
/// So many looks in a row must find that everybody waits so long.
const STANDING: u32 = 4;
/// Shares of the processor's time without work, as averages: below one, fewer will do; above the other,
/// time is lost.
const NONE_LEFT: f64 = 0.005;
const TIME_LEFT: f64 = 0.02;
/// What one look counts in the averages.
const WEIGHT: f64 = 0.25;
/// What a refusal takes, in seconds, with what the system does for it.
const REFUSAL: f64 = 20e-6;
/// Requests are refused that take so many times that.
const WORTH: f64 = 8.0;
/// More of the time than this must not go into refusals.
const REFUSING: f64 = 0.5;
/// It is over when the work of all who ask, refused ones included, would take no more than this share of
/// the processor's time, for so many looks.
const ENOUGH: f64 = 0.9;
const CALM: u32 = 20;

/// What was seen between two looks.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Seconds of all threads together.
    pub time: f64,
    /// Share of them without work.
    pub idle: f64,
    /// Shortest wait of anything that was ready.
    pub wait: Duration,
    /// Requests that use the processor.
    pub active: usize,
    /// Requests that came.
    pub asked: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Requests that were done with.
    pub ended: u64,
}

impl Seen {
    fn served(&self) -> f64 {
        self.ended.max(1) as f64
    }

    /// Share of the time that went into refusals.
    fn refusing(&self) -> f64 {
        self.refused as f64 * REFUSAL / self.time
    }

    /// Seconds that one request took.
    fn cost(&self) -> f64 {
        self.time * (1.0 - self.idle - self.refusing()) / self.served()
    }

    /// Share of the time that all who asked would have taken.
    fn wanted(&self) -> f64 {
        (1.0 - self.idle) * self.asked as f64 / self.served()
    }
}

/// The rule, and what it remembers.
#[derive(Debug)]
pub struct Knee {
    /// Threads that run tasks: fewer requests cannot keep them busy.
    least: usize,
    limit: Option<usize>,
    idle: f64,
    cost: f64,
    standing: u32,
    calm: u32,
}

impl Knee {
    /// For so many threads.
    pub fn new(threads: usize) -> Self {
        Self {
            least: threads.max(1),
            limit: None,
            idle: 0.0,
            cost: 0.0,
            standing: 0,
            calm: 0,
        }
    }

    /// Most requests that may use the processor at once; `None` for any number.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Looks at what was seen; whether the limit began or ended with it.
    pub fn look(&mut self, seen: &Seen) -> bool {
        match self.limit {
            None => self.begins(seen),
            Some(limit) => self.goes_on(seen, limit),
        }
    }

    fn begins(&mut self, seen: &Seen) -> bool {
        let waits = seen.wait > LONG && seen.idle < TIME_LEFT;
        let stands = waits && seen.cost() > WORTH * REFUSAL;
        self.standing = if stands { self.standing + 1 } else { 0 };
        if self.standing < STANDING {
            return false;
        }
        let share = FIRST.as_secs_f64() / seen.wait.as_secs_f64();
        let fit = (seen.active as f64 * share) as usize;
        *self = Self {
            limit: Some(fit.max(self.least)),
            cost: seen.cost(),
            ..Self::new(self.least)
        };
        true
    }

    fn goes_on(&mut self, seen: &Seen, limit: usize) -> bool {
        let calm = seen.wanted() < ENOUGH;
        self.calm = if calm { self.calm + 1 } else { 0 };
        let refusing = seen.refusing() > REFUSING;
        if !refusing {
            self.cost += WEIGHT * (seen.cost() - self.cost);
        }
        if self.calm >= CALM || self.cost < WORTH * REFUSAL {
            *self = Self::new(self.least);
            return true;
        }
        self.idle += WEIGHT * (seen.idle - self.idle);
        let lost = self.idle > TIME_LEFT && seen.refused > 0;
        let next = if lost || refusing {
            limit + (limit / 8).max(1)
        } else if self.idle < NONE_LEFT {
            (limit - (limit / 4).max(1)).max(self.least)
        } else {
            limit
        };
        if next != limit {
            // What was seen so far was seen with another limit.
            self.idle = (NONE_LEFT + TIME_LEFT) / 2.0;
            self.limit = Some(next);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Capacity of a window, in requests of half a millisecond.
    const CAPACITY: u64 = 100;

    /// What is seen of a processor that `needs` so many requests at once to be busy, when `asked` come
    /// in a window.
    fn seen(limit: Option<usize>, needs: usize, asked: u64) -> Seen {
        let reach = limit.map_or(1.0, |limit| (limit as f64 / needs as f64).min(1.0));
        let served = asked.min((CAPACITY as f64 * reach) as u64);
        let over = asked > served;
        Seen {
            time: WINDOW.as_secs_f64(),
            idle: 1.0 - served as f64 / CAPACITY as f64,
            wait: match (over, limit) {
                (true, None) => 3 * LONG,
                _ => Duration::from_millis(1),
            },
            active: if over { 1_000 } else { 1 },
            asked,
            refused: limit.map_or(0, |_| asked - served),
            ended: served,
        }
    }

    /// Goes through so many windows; the limits in each.
    fn go(knee: &mut Knee, windows: usize, asked: u64) -> Vec<Option<usize>> {
        let one = |_| {
            knee.look(&seen(knee.limit(), 5, asked));
            knee.limit()
        };
        (0..windows).map(one).collect()
    }

    #[test]
    fn what_the_processor_can_do_is_never_refused() {
        let mut knee = Knee::new(1);
        assert!(go(&mut knee, 1_000, 99).iter().all(Option::is_none));
        // Bursts: two windows of them, and one to breathe.
        for _ in 0..100 {
            let limits = [go(&mut knee, 3, 500), go(&mut knee, 1, 20)].concat();
            assert!(limits.iter().all(Option::is_none));
        }
        // Others take the processor: what is ready waits, but there is time left.
        let stolen = Seen {
            wait: 5 * LONG,
            ..seen(None, 5, 50)
        };
        for _ in 0..100 {
            assert!(!knee.look(&stolen));
        }
    }

    #[test]
    fn ten_times_too_much_is_cut_to_what_keeps_it_busy_and_no_more() {
        let mut knee = Knee::new(1);
        go(&mut knee, 120, 1_000);
        let limits = go(&mut knee, 400, 1_000);
        let near = |limit: &Option<usize>| limit.is_some_and(|limit| (4..=7).contains(&limit));
        assert!(limits.iter().all(near), "{limits:?}");
        let busy = limits.iter().filter(|limit| limit.is_some_and(|l| l >= 5));
        assert!(busy.count() * 10 >= limits.len() * 7, "{limits:?}");
    }

    #[test]
    fn it_lets_go_when_the_load_does_and_not_before() {
        let mut knee = Knee::new(2);
        go(&mut knee, 100, 1_000);
        // A little too much is too much, too.
        assert!(go(&mut knee, 400, 110).iter().all(Option::is_some));
        let limits = go(&mut knee, 3 * CALM as usize, 60);
        assert_eq!(limits.last(), Some(&None));
        assert!(limits[..CALM as usize - 1].iter().all(Option::is_some));
        let mut knee = Knee::new(4);
        let all = go(&mut knee, 400, 1_000);
        assert!(all.iter().flatten().all(|limit| *limit >= 4));
    }

    #[test]
    fn what_costs_no_more_than_a_refusal_is_not_refused() {
        let mut knee = Knee::new(1);
        let cheap = Seen {
            ended: 3_000,
            ..seen(None, 5, 200)
        };
        for _ in 0..100 {
            assert!(!knee.look(&cheap));
        }
        // Dear ones first, then cheap ones.
        go(&mut knee, 100, 1_000);
        assert!(knee.limit().is_some());
        let cheap = Seen {
            asked: 2_000,
            refused: 1_000,
            ended: 1_000,
            ..seen(Some(1), 1, 200)
        };
        assert!((0..20).any(|_| knee.look(&cheap)));
        assert_eq!(knee.limit(), None);
    }
}
