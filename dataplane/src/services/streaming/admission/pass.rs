//! What is known of a handle that was admitted, and the bounded table of it: eight places to a set,
//! a set chosen by the end of the handle, which is the end of its signature. Finding one is a lock
//! that nobody else holds, and a comparison.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::pace::Pace;
use crate::ports::clock::UnixSeconds;
use crate::services::streaming::view::View;
use crate::tokens::Viewing;

/// Places of a set.
const WAYS: usize = 8;
/// Sets; with [`WAYS`] the most handles that are remembered. More are verified and asked again.
const SETS: usize = 16_384;
/// Bytes at the end of a handle that choose its set.
const TAIL: usize = 32;

/// What an admission rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Revocation epoch.
    pub epoch: u64,
    /// Generation of the keys that handles are verified with.
    pub keys: u64,
    /// The time.
    pub now: UnixSeconds,
}

/// An admitted handle.
#[derive(Debug)]
pub struct Pass {
    /// What it says.
    pub viewing: Arc<Viewing>,
    pub(super) handle: Box<str>,
    pub(super) expires: UnixSeconds,
    /// Epoch it was admitted in.
    pub(super) epoch: u64,
    /// Generation of the keys it was verified with.
    pub(super) keys: u64,
    /// End of the lease.
    pub(super) until: UnixSeconds,
    /// How fast its session is sent bytes.
    pub pace: Option<Arc<Pace>>,
    /// When it was last used.
    seen: AtomicI64,
    view: Mutex<Weak<View>>,
}

impl Pass {
    pub(super) fn new(
        handle: &str,
        viewing: Arc<Viewing>,
        expires: UnixSeconds,
        at: Moment,
        until: UnixSeconds,
        pace: Option<Arc<Pace>>,
    ) -> Self {
        Self {
            viewing,
            handle: handle.into(),
            expires,
            epoch: at.epoch,
            keys: at.keys,
            until,
            pace,
            seen: AtomicI64::new(at.now),
            view: Mutex::default(),
        }
    }

    /// It admits without another question.
    pub(super) fn holds(&self, moment: Moment) -> bool {
        let same = self.epoch == moment.epoch && self.keys == moment.keys;
        same && moment.now < self.until && moment.now < self.expires
    }

    /// It is used now.
    pub(super) fn touch(&self, now: UnixSeconds) {
        self.seen.store(now, Ordering::Relaxed);
    }

    /// When it was last used.
    pub(super) fn seen(&self) -> UnixSeconds {
        self.seen.load(Ordering::Relaxed)
    }

    /// What is watched, if it is whole and in memory.
    pub fn view(&self) -> Option<Arc<View>> {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        view.upgrade()
    }

    /// Remembers a view that will never change.
    pub fn keep(&self, view: &Arc<View>) {
        if view.is_whole() {
            *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(view);
        }
    }
}

type Set = [Option<Arc<Pass>>; WAYS];

/// Handles that were admitted.
pub struct Passes {
    sets: Box<[Mutex<Set>]>,
    hasher: RandomState,
}

impl Passes {
    pub fn new() -> Self {
        Self {
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    fn on<T>(&self, handle: &str, f: impl FnOnce(&mut Set) -> T) -> T {
        let bytes = handle.as_bytes();
        let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
        let set = self.hasher.hash_one(tail) as usize % SETS;
        f(&mut self.sets[set]
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }

    /// The pass of a handle; it may be over.
    pub fn find(&self, handle: &str) -> Option<Arc<Pass>> {
        self.on(handle, |set| {
            let known = set.iter().flatten();
            let mut same = known.filter(|pass| *pass.handle == *handle);
            same.next().cloned()
        })
    }

    /// Puts a pass in the place of the one before it, or of the one that ends first.
    pub fn insert(&self, pass: Arc<Pass>) {
        let same =
            |known: &Option<Arc<Pass>>| known.as_ref().is_some_and(|k| k.handle == pass.handle);
        self.on(&pass.handle, |set| {
            let ends = |known: &Option<Arc<Pass>>| known.as_ref().map(|k| (k.epoch, k.until));
            let first = || (0..WAYS).min_by_key(|way| ends(&set[*way]));
            let way = set.iter().position(same).or_else(first).unwrap_or(0);
            set[way] = Some(pass.clone());
        });
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::ports::chain::Wallet;

    /// A pass of the same viewer.
    pub fn pass(handle: &str, until: UnixSeconds) -> Arc<Pass> {
        let viewing = Viewing {
            sub: Wallet::of_key([7; 20]),
            sid: "one".into(),
            content: "c".parse().unwrap(),
            output: "o".parse().unwrap(),
            rules: "0".into(),
            proven: Vec::new(),
            bound: None,
        };
        let at = Moment {
            epoch: 5,
            keys: 2,
            now: 0,
        };
        Arc::new(Pass::new(handle, Arc::new(viewing), 100, at, until, None))
    }

    #[test]
    fn a_pass_holds_in_its_epoch_until_lease_or_handle_end() {
        let at = |epoch, keys, now| Moment { epoch, keys, now };
        let holds = |epoch, now, until| pass("h", until).holds(at(epoch, 2, now));
        assert!(holds(5, 9, 10));
        assert!(!holds(5, 10, 10), "the lease is over");
        assert!(!holds(6, 9, 10), "somebody was revoked");
        assert!(!holds(5, 100, 200), "the handle has expired");
        assert!(!pass("h", 10).holds(at(5, 3, 9)), "a key was withdrawn");
    }

    #[test]
    fn a_full_set_forgets_what_ends_first_and_a_handle_has_one_place() {
        let passes = Passes::new();
        // The same tail, so the same set.
        let name = |n: usize| format!("{n:04}.{}", "s".repeat(TAIL));
        for n in 0..WAYS {
            passes.insert(pass(&name(n), 10 + n as i64));
        }
        passes.insert(pass(&name(0), 90));
        assert_eq!(passes.find(&name(0)).unwrap().until, 90);
        passes.insert(pass(&name(WAYS), 50));
        assert!(passes.find(&name(1)).is_none(), "it ended first");
        assert!((2..=WAYS).all(|n| passes.find(&name(n)).is_some()));
        assert!(passes.find("0002").is_none() && passes.find("").is_none());
    }
}
