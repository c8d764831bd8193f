//! Tags with a clock: each invalidation is a tick. An entry is sound when none of its tags ticked
//! since its fetch began; so a fetch that began before a modification can never outlive it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// Tags remembered; beyond that, everything kept so far ends, which is always right.
const MOST: usize = 65_536;

/// The clock and the last tick of each tag.
#[derive(Debug, Default)]
pub struct Tags {
    clock: AtomicU64,
    ticks: RwLock<Ticks>,
}

#[derive(Debug, Default)]
struct Ticks {
    /// Nothing that began before this is sound.
    floor: u64,
    last: HashMap<String, u64>,
}

impl Tags {
    /// The reading before a fetch begins.
    pub fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Is an entry with these tags, whose fetch began then, still sound?
    pub fn valid(&self, tags: &[String], started: u64) -> bool {
        let ticks = self.ticks.read().unwrap_or_else(PoisonError::into_inner);
        started >= ticks.floor
            && tags
                .iter()
                .all(|tag| ticks.last.get(tag).is_none_or(|tick| started >= *tick))
    }

    /// Ends everything with this tag that began before now.
    pub fn invalidate(&self, tag: &str) {
        let mut ticks = self.ticks.write().unwrap_or_else(PoisonError::into_inner);
        let tick = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
        if ticks.last.len() >= MOST && !ticks.last.contains_key(tag) {
            ticks.last.clear();
            ticks.floor = tick;
        }
        ticks.last.insert(tag.to_owned(), tick);
    }

    /// Ends everything that began before now.
    pub fn invalidate_all(&self) {
        let mut ticks = self.ticks.write().unwrap_or_else(PoisonError::into_inner);
        ticks.last.clear();
        ticks.floor = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_ends_what_began_before_it_and_nothing_else() {
        let tags = Tags::default();
        let (a, b) = (["a".to_owned()], ["b".to_owned()]);
        let before = tags.now();
        tags.invalidate("a");
        assert!(!tags.valid(&a, before) && tags.valid(&b, before));
        assert!(tags.valid(&a, tags.now()));
        tags.invalidate_all();
        assert!(!tags.valid(&b, before) && tags.valid(&b, tags.now()));
    }

    #[test]
    fn the_memory_of_tags_is_bounded_and_forgetting_is_safe() {
        let tags = Tags::default();
        let before = tags.now();
        for n in 0..=MOST {
            tags.invalidate(&n.to_string());
        }
        assert!(tags.ticks.read().unwrap().last.len() <= MOST);
        assert!(!tags.valid(&["7".to_owned()], before));
    }
}
