//! What viewers share over their streams: how many run at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::pass::Pass;
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;

/// Seconds after which a stream that rests does not count: longer than a segment and the pauses of a
/// player whose buffer is full.
pub const RESTS: i64 = 30;
/// Viewers in the table at which those without a stream are first forgotten.
const SWEEP: usize = 1_024;

/// Who has a place: a wallet, and each vault or token it watches by, so that those who share one do
/// not multiply it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Seat {
    Wallet(Wallet),
    Account(String),
}

/// Streams by viewer.
pub struct Audience {
    most: Option<u32>,
    streams: Mutex<HashMap<Seat, Vec<Weak<Pass>>>>,
}

impl Audience {
    pub fn new(most: Option<u32>) -> Self {
        Self {
            most,
            streams: Mutex::default(),
        }
    }

    /// Takes a stream in, or says after how many seconds another of its viewer rests, or of a vault
    /// or token they watch by.
    pub fn join(&self, pass: &Arc<Pass>, now: UnixSeconds) -> Result<(), u64> {
        let Some(most) = self.most else {
            return Ok(());
        };
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() >= SWEEP && streams.len().is_power_of_two() {
            streams.retain(|_, passes| passes.iter().any(|p| runs(p, now).is_some()));
        }
        let seats: Vec<Seat> = seats(pass).collect();
        for seat in &seats {
            let passes = streams.entry(seat.clone()).or_default();
            passes.retain(|p| runs(p, now).is_some_and(|other| other.handle != pass.handle));
            if passes.len() >= most as usize {
                let ends = passes
                    .iter()
                    .filter_map(|p| runs(p, now))
                    .map(|p| p.seen() + RESTS);
                let wait = ends.min().unwrap_or(now).saturating_sub(now).max(1);
                return Err(wait.unsigned_abs());
            }
        }
        for seat in seats {
            streams.entry(seat).or_default().push(Arc::downgrade(pass));
        }
        Ok(())
    }
}

/// The places a stream takes.
fn seats(pass: &Pass) -> impl Iterator<Item = Seat> {
    let viewing = &pass.viewing;
    let named = |what: &&String| what.starts_with("vault:") || what.starts_with("erc721:");
    let accounts = viewing.proven.iter().filter(named).cloned();
    std::iter::once(Seat::Wallet(viewing.sub)).chain(accounts.map(Seat::Account))
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

    #[test]
    fn those_who_watch_by_one_vault_share_its_places() {
        let by = |handle: &str, wallet: u8, proven: &[&str]| {
            let pass = pass(handle, 1_000);
            let viewing = crate::tokens::Viewing {
                sub: Wallet::of_key([wallet; 20]),
                proven: proven.iter().map(ToString::to_string).collect(),
                ..(*pass.viewing).clone()
            };
            let mut pass = Arc::into_inner(pass).unwrap();
            pass.viewing = Arc::new(viewing);
            Arc::new(pass)
        };
        let audience = Audience::new(Some(1));
        let vault = "vault:0x00000000000000000000000000000000000a1b2c";
        let first = by("a", 1, &[vault]);
        assert_eq!(audience.join(&first, 100), Ok(()));
        first.touch(100);
        let second = by("b", 2, &[vault]);
        assert!(
            audience.join(&second, 101).is_err(),
            "another wallet, one vault"
        );
        let root = format!("0x{}", "11".repeat(32));
        let third = by("c", 3, &[&root]);
        assert_eq!(audience.join(&third, 101), Ok(()));
    }
}
