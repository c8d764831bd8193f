//! The bounded table under the limits: sixteen places to a set, a set chosen by a keyed hash.
//!
//! A place is a key and its theoretical arrival time (TAT) of the generic cell rate algorithm. When
//! a set is full, the smallest TAT goes: a TAT in the past says no more than an absent key, so idle
//! keys go first and nothing is forgotten by it; among busy ones the one closest to idle goes. The
//! search is sixteen comparisons, whatever callers send. Nothing is allocated after the start.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;
use prometheus::{IntCounter, IntGauge};

/// Places of a set.
const WAYS: usize = 16;
/// Locks over all sets.
const SHARDS: usize = 8;
/// Words of a set.
const WORDS: usize = 3 * WAYS;
/// Bytes of one key in the table.
pub const BYTES_PER_KEY: usize = WORDS * size_of::<u64>() / WAYS;

/// Whose requests are counted: an address, a network or a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub [u64; 2]);

/// Sixteen pairs of key words, then sixteen TATs; a TAT of 0 is a free place.
type Set = [u64];

/// Figures of a table.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Keys remembered.
    pub keys: IntGauge,
    /// Keys forgotten that said nothing any more.
    pub idle: IntCounter,
    /// Keys forgotten although they were in use: the table is too small for the attack.
    pub busy: IntCounter,
}

/// The table. It is the state store of a governor rate limiter.
#[derive(Debug)]
pub struct Table {
    /// Sets, one after the other: plain numbers, which begin as memory that nobody has touched. Of
    /// arrays of that length the standard library would write every one.
    shards: Box<[Mutex<Box<[u64]>>]>,
    /// Sets of a shard.
    sets: usize,
    hasher: RandomState,
    /// Nanoseconds that one request takes of the rate.
    interval: u64,
    figures: Figures,
}

impl Table {
    /// At least `keys` places, for a quota that refills one request per `interval` nanoseconds.
    pub fn new(keys: usize, interval: u64, figures: Figures) -> Self {
        let sets = keys.div_ceil(WAYS * SHARDS).max(1);
        let shard = || Mutex::new(vec![0; sets * WORDS].into_boxed_slice());
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            sets,
            hasher: RandomState::new(),
            interval,
            figures,
        }
    }

    /// Runs `f` on the set of a key, under its lock.
    fn on<T>(&self, key: Key, f: impl FnOnce(&mut Set) -> T) -> T {
        let hash = self.hasher.hash_one(key);
        let shard = &self.shards[hash as usize % SHARDS];
        let mut sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = (hash >> 32) as usize % self.sets * WORDS;
        f(&mut sets[begin..begin + WORDS])
    }

    /// Puts a new key in the place of the smallest TAT.
    fn insert(&self, set: &mut Set, key: Key, tat: u64) {
        let tats = &set[2 * WAYS..];
        let way = (0..WAYS).min_by_key(|way| tats[*way]).unwrap_or(0);
        match tats[way] {
            0 => self.figures.keys.inc(),
            // What the new key's TAT was before this request: now.
            old if old <= tat.saturating_sub(self.interval) => self.figures.idle.inc(),
            _ => self.figures.busy.inc(),
        }
        set[2 * way..2 * way + 2].copy_from_slice(&key.0);
        set[2 * WAYS + way] = tat;
    }
}

/// The place of a key, if it has one.
fn find(set: &Set, key: Key) -> Option<usize> {
    (0..WAYS).find(|way| set[2 * way..2 * way + 2] == key.0 && set[2 * WAYS + way] != 0)
}

impl StateStore for Table {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.on(*key, |set| match find(set, *key) {
            Some(way) => {
                let tat = &mut set[2 * WAYS + way];
                let (outcome, new) = f(Some(Nanos::new(*tat)))?;
                *tat = new.as_u64();
                Ok(outcome)
            }
            None => {
                let (outcome, new) = f(None)?;
                self.insert(set, *key, new.as_u64().max(1));
                Ok(outcome)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let counter = || IntCounter::new("c", "c").unwrap();
        Figures {
            keys: IntGauge::new("g", "g").unwrap(),
            idle: counter(),
            busy: counter(),
        }
    }

    fn put(table: &Table, key: u64, tat: u64) {
        let done: Result<(), ()> =
            table.measure_and_replace(&Key([key, 0]), |_| Ok(((), Nanos::new(tat))));
        done.unwrap();
    }

    fn get(table: &Table, key: u64) -> Option<u64> {
        let seen = table.measure_and_replace(&Key([key, 0]), Err::<((), Nanos), _>);
        seen.unwrap_err().map(Nanos::as_u64)
    }

    #[test]
    fn a_full_set_forgets_idle_keys_first_and_then_the_one_closest_to_idle() {
        let table = Table::new(1, 10, figures());
        // All keys of one set: one set to a shard, so those of the same shard.
        let of_shard_0 =
            |key: &u64| (table.hasher.hash_one(Key([*key, 0])) as usize).is_multiple_of(SHARDS);
        let keys: Vec<u64> = (1..).filter(of_shard_0).take(WAYS + 2).collect();
        for (n, key) in keys[..WAYS].iter().enumerate() {
            put(&table, *key, 1_000 + n as u64);
        }
        // At time 1,000 the first key is idle, the others are not.
        put(&table, keys[WAYS], 1_010);
        assert_eq!((table.figures.idle.get(), table.figures.busy.get()), (1, 0));
        assert_eq!(
            (get(&table, keys[0]), get(&table, keys[1])),
            (None, Some(1_001))
        );
        put(&table, keys[WAYS + 1], 1_010);
        assert_eq!((table.figures.idle.get(), table.figures.busy.get()), (1, 1));
        assert_eq!(
            (get(&table, keys[1]), get(&table, keys[2])),
            (None, Some(1_002))
        );
        assert_eq!(table.figures.keys.get(), WAYS as i64);
    }

    #[test]
    fn a_key_takes_no_more_than_its_bytes() {
        const { assert!(BYTES_PER_KEY <= 96) };
    }

    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<usize>().unwrap() << 10
    }

    #[test]
    fn places_never_used_take_no_memory() {
        // 192 MiB; other tests of this process take some at the same time.
        let before = resident();
        let table = Table::new(8 << 20, 10, figures());
        put(&table, 1, 1_000);
        let taken = resident().saturating_sub(before);
        assert!(taken < 96 << 20, "{taken} bytes");
    }
}
