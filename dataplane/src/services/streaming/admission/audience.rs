//! What viewers share over their streams: how many run at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::pass::Pass;
use super::shared::Shared;
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
pub(super) enum Seat {
    Wallet(Wallet),
    Account(String),
}

impl Seat {
    /// Its name outside the process.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Wallet(wallet) => wallet.to_string(),
            Self::Account(name) => name.clone(),
        }
    }
}

/// Streams by viewer, as this replica knows them; and what counts those of all replicas.
pub struct Audience {
    most: Option<u32>,
    shared: Option<Shared>,
    streams: Mutex<HashMap<Seat, Vec<Weak<Pass>>>>,
    /// When the others were told last what is used.
    told: AtomicI64,
}

impl Audience {
    pub fn new(most: Option<u32>, shared: Option<Shared>) -> Self {
        Self {
            most,
            shared,
            streams: Mutex::default(),
            told: AtomicI64::new(i64::MIN),
        }
    }

    /// Takes a stream in, or says after how many seconds another of its viewer rests, or of a vault
    /// or token they watch by.
    pub async fn join(&self, pass: &Arc<Pass>, now: UnixSeconds) -> Result<(), u64> {
        let Some(most) = self.most else {
            return Ok(());
        };
        let seats: Vec<Seat> = seats(pass).collect();
        let said = match &self.shared {
            Some(shared) => shared.join(pass, &seats, most).await,
            None => None,
        };
        match said {
            // Rounded up: whoever comes back then, finds a place.
            Some(Err(wait)) => Err(wait.as_secs() + 1),
            Some(Ok(())) => self.take_in(pass, seats, now, u32::MAX),
            None => self.take_in(pass, seats, now, most),
        }
    }

    /// Tells the other replicas what was used since they were told last.
    pub async fn tell(&self, now: UnixSeconds) {
        if let (Some(most), Some(shared)) = (self.most, &self.shared) {
            let since = self.told.swap(now, Ordering::Relaxed);
            shared.tell(self.used(since, now), most).await;
        }
    }

    fn used(&self, since: UnixSeconds, now: UnixSeconds) -> Vec<(Arc<Pass>, Vec<Seat>, u64)> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let known = streams
            .iter()
            .filter(|(seat, _)| matches!(seat, Seat::Wallet(_)));
        // Each has one wallet, and is found by it alone.
        let passes = known.flat_map(|(_, passes)| passes);
        let used = passes
            .filter_map(|p| runs(p, now))
            .filter(|p| p.seen() >= since);
        used.map(|pass| {
            let (seats, ago) = (seats(&pass).collect(), now.saturating_sub(pass.seen()));
            (pass, seats, ago.max(0).unsigned_abs())
        })
        .collect()
    }

    fn take_in(
        &self,
        pass: &Arc<Pass>,
        seats: Vec<Seat>,
        now: UnixSeconds,
        most: u32,
    ) -> Result<(), u64> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() >= SWEEP && streams.len().is_power_of_two() {
            streams.retain(|_, passes| passes.iter().any(|p| runs(p, now).is_some()));
        }
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

    /// Joins and is used.
    async fn join(audience: &Audience, pass: &Arc<Pass>, now: UnixSeconds) -> Result<(), u64> {
        let joined = audience.join(pass, now).await;
        pass.touch(now);
        joined
    }

    #[tokio::test]
    async fn a_viewer_watches_so_many_at_once_and_one_more_when_one_rests() {
        let audience = Audience::new(Some(2), None);
        let [a, b, c] = ["a", "b", "c"].map(|handle| pass(handle, 1_000));
        assert_eq!(join(&audience, &a, 100).await, Ok(()));
        assert_eq!(join(&audience, &b, 110).await, Ok(()));
        let again = join(&audience, &a, 111).await;
        assert_eq!(again, Ok(()), "a stream that is renewed is no other");
        let third = audience.join(&c, 112).await;
        assert_eq!(third, Err(28), "the second rests first");
        assert_eq!(audience.join(&c, 140).await, Ok(()));
        assert_eq!(Audience::new(None, None).join(&c, 0).await, Ok(()));
    }

    #[tokio::test]
    async fn what_is_used_is_told_once_and_what_rests_is_not() {
        let audience = Audience::new(Some(9), None);
        let [a, b, c] = ["a", "b", "c"].map(|handle| pass(handle, 1_000));
        for (pass, now) in [(&a, 100), (&b, 120), (&c, 131)] {
            join(&audience, pass, now).await.unwrap();
        }
        let used = |since, now| {
            let used = audience.used(since, now).into_iter();
            let mut used: Vec<_> = used
                .map(|(p, _, ago)| (p.handle.to_string(), ago))
                .collect();
            used.sort();
            used
        };
        assert_eq!(used(0, 132), [("b".to_owned(), 12), ("c".to_owned(), 1)]);
        assert_eq!(used(125, 133), [("c".to_owned(), 2)]);
        b.touch(134);
        assert_eq!(used(132, 135), [("b".to_owned(), 1)]);
        drop((a, b, c));
        assert!(used(0, 135).is_empty(), "forgotten");
    }

    #[tokio::test]
    async fn those_who_watch_by_one_vault_share_its_places() {
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
        let audience = Audience::new(Some(1), None);
        let vault = "vault:0x00000000000000000000000000000000000a1b2c";
        let first = by("a", 1, &[vault]);
        assert_eq!(audience.join(&first, 100).await, Ok(()));
        first.touch(100);
        let second = by("b", 2, &[vault]);
        assert!(
            audience.join(&second, 101).await.is_err(),
            "another wallet, one vault"
        );
        let root = format!("0x{}", "11".repeat(32));
        let third = by("c", 3, &[&root]);
        assert_eq!(audience.join(&third, 101).await, Ok(()));
    }
}
