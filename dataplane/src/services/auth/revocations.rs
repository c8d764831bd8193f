//! What may have ended: which tokens moved and which blocks went, so that answers from before are
//! asked anew, and whether somebody watches by one of them, so that leases end. The time is an
//! argument.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use streamgate_contract::rules::Check;

use super::watch::News;
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;

/// Grants that are remembered one by one; beyond them every move ends leases.
const MOST: usize = 200_000;
/// So few grants are not looked through for those that are over.
const FEW: usize = 1_024;
/// Seconds without news from any endpoint after which a chain counts as not watched.
pub const DEAF_SECONDS: i64 = 10;

/// A token's contract on a chain and who is asked about; no contract is the chain's currency.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    chain: String,
    contract: [u8; 20],
    account: [u8; 20],
}

impl Key {
    /// What a check of an account rests on; `None` when it rests on no chain. A delegation is its
    /// vault's: what others delegate to the same viewer ends nothing.
    pub fn of(check: &Check, account: [u8; 20]) -> Option<Self> {
        let account = match check {
            Check::Delegated(link) => address(&link.vault)?,
            _ => account,
        };
        let contract = match check.contract() {
            Some(text) => address(text)?,
            None => [0; 20],
        };
        let chain = check.chain()?.to_owned();
        Some(Self {
            chain,
            contract,
            account,
        })
    }
}

/// Address of a contract as rules write it.
pub fn address(text: &str) -> Option<[u8; 20]> {
    text.parse().ok().and_then(|wallet: Wallet| wallet.evm())
}

/// Does a contract log what changes the answer?
pub fn is_logged(check: &Check) -> bool {
    matches!(
        check,
        Check::Erc721(_) | Check::Erc1155(_) | Check::Erc20(_) | Check::Delegated(_)
    )
}

/// A mark: answers from before it do not stand.
#[derive(Clone, Copy, Debug)]
struct Mark {
    generation: u64,
    /// Lowest block it concerns.
    block: u64,
    made: UnixSeconds,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    moved: HashMap<Key, Mark>,
    reorganised: HashMap<String, Vec<Mark>>,
    grants: HashMap<Key, UnixSeconds>,
    /// Number of grants at which those that are over are looked for.
    crowded: usize,
    heard: HashMap<String, UnixSeconds>,
    deaf: HashMap<String, bool>,
}

/// The marks of every chain.
#[derive(Debug, Default)]
pub struct Revocations(Mutex<State>);

impl Revocations {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number to stamp an answer with, taken before the question.
    pub fn generation(&self) -> u64 {
        self.state().generation
    }

    /// Somebody may watch by this until `until`. Said before the chain is asked, so that what moves
    /// while it answers ends the lease.
    pub fn rests_on(&self, key: Key, now: UnixSeconds, until: UnixSeconds) {
        let mut state = self.state();
        if state.grants.len() >= state.crowded.max(FEW) {
            state.grants.retain(|_, until| *until >= now);
            // Not again before there are twice as many.
            state.crowded = state.grants.len() * 2;
        }
        let known = state.grants.entry(key).or_insert(until);
        *known = until.max(*known);
    }

    /// Does an answer of this generation, read at this block, still stand?
    pub fn stands(&self, key: &Key, generation: u64, block: u64) -> bool {
        let state = self.state();
        let ends = |mark: &Mark| generation < mark.generation && block >= mark.block;
        let moved = state.moved.get(key).is_some_and(ends);
        let mut reorganised = state.reorganised.get(&key.chain).into_iter().flatten();
        !moved && !reorganised.any(ends)
    }

    /// Takes news of a chain. True when somebody may be watching by what changed. Marks are kept
    /// for `lease` seconds, longer than any answer.
    pub fn take(&self, chain: &str, news: &News, lease: u64, now: UnixSeconds) -> bool {
        let mut state = self.state();
        state.prune(now.saturating_sub_unsigned(lease.saturating_add(60)), now);
        state.generation += 1;
        let generation = state.generation;
        let mark = |block: u64| Mark {
            generation,
            block,
            made: now,
        };
        let mut concerned = state.grants.len() > MOST;
        if let Some(block) = news.orphaned.or(news.lost.then_some(0)) {
            let marks = state.reorganised.entry(chain.to_owned()).or_default();
            marks.push(mark(block));
            concerned |= state.grants.keys().any(|key| key.chain == chain);
        }
        for moved in &news.moves {
            for account in [moved.from, moved.to] {
                let key = Key {
                    chain: chain.to_owned(),
                    contract: moved.contract,
                    account,
                };
                concerned |= state.grants.contains_key(&key);
                state.moved.insert(key, mark(0));
            }
        }
        // Leases that an earlier process granted are not among the grants.
        concerned || news.lost
    }

    /// The newest blocks of a chain are known now.
    pub fn heard(&self, chain: &str, now: UnixSeconds) {
        let mut state = self.state();
        state.heard.insert(chain.to_owned(), now);
        state.deaf.insert(chain.to_owned(), false);
    }

    /// Somebody begins to watch a chain.
    pub fn begin(&self, chain: &str, now: UnixSeconds) {
        self.state().heard.entry(chain.to_owned()).or_insert(now);
    }

    /// Is a chain that should be watched not heard of?
    pub fn is_deaf(&self, chain: &str, now: UnixSeconds) -> bool {
        let heard = self.state().heard.get(chain).copied();
        heard.is_some_and(|heard| now.saturating_sub(heard) > DEAF_SECONDS)
    }

    /// Has it become so since it was last asked? Then leases must end.
    pub fn turns_deaf(&self, chain: &str, now: UnixSeconds) -> bool {
        let deaf = self.is_deaf(chain, now);
        let before = self.state().deaf.insert(chain.to_owned(), deaf);
        deaf && before != Some(true)
    }
}

impl State {
    fn prune(&mut self, oldest: UnixSeconds, now: UnixSeconds) {
        self.moved.retain(|_, mark| mark.made >= oldest);
        self.grants.retain(|_, until| *until >= now);
        for marks in self.reorganised.values_mut() {
            marks.retain(|mark| mark.made >= oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::chain::moves::Move;

    fn key(chain: &str, contract: u8, account: u8) -> Key {
        Key {
            chain: chain.into(),
            contract: [contract; 20],
            account: [account; 20],
        }
    }

    fn moved(contract: u8, from: u8, to: u8) -> News {
        let (contract, from, to) = ([contract; 20], [from; 20], [to; 20]);
        News {
            moves: vec![Move { contract, from, to }],
            ..News::default()
        }
    }

    #[test]
    fn a_move_ends_what_both_sides_were_said_to_hold_and_nothing_else() {
        let marks = Revocations::default();
        let before = marks.generation();
        marks.rests_on(key("a", 1, 1), 0, 100);
        assert!(
            !marks.take("a", &moved(2, 1, 3), 60, 10),
            "nobody watches by it"
        );
        assert!(!marks.take("b", &moved(1, 1, 3), 60, 10), "another chain");
        assert!(
            marks.take("a", &moved(1, 3, 1), 60, 10),
            "also who receives"
        );
        for (key, stands) in [
            (key("a", 1, 1), false),
            (key("a", 1, 3), false),
            (key("a", 1, 2), true),
            (key("c", 1, 1), true),
        ] {
            assert_eq!(marks.stands(&key, before, 5), stands, "{key:?}");
            assert!(marks.stands(&key, marks.generation(), 5));
        }
        assert!(
            !marks.take("a", &moved(1, 1, 3), 60, 101),
            "the grant is over"
        );
    }

    #[test]
    fn blocks_that_went_take_the_answers_read_at_them_along() {
        let marks = Revocations::default();
        let before = marks.generation();
        let went = News {
            orphaned: Some(7),
            ..News::default()
        };
        assert!(!marks.take("a", &went, 60, 10));
        let any = key("a", 1, 1);
        assert!(marks.stands(&any, before, 6) && !marks.stands(&any, before, 7));
        assert!(marks.stands(&key("b", 1, 1), before, 7));
        marks.rests_on(any, 0, 100);
        assert!(marks.take("a", &went, 60, 10));
        let lost = News {
            lost: true,
            ..News::default()
        };
        assert!(
            marks.take("b", &lost, 60, 10),
            "who watches by it is not known"
        );
    }

    #[test]
    fn grants_that_are_over_make_room() {
        let marks = Revocations::default();
        for hour in 0..20 {
            for n in 0..1_000u32 {
                let mut account = [0; 20];
                account[..4].copy_from_slice(&(hour * 1_000 + n).to_be_bytes());
                let (chain, contract) = ("a".to_owned(), [1; 20]);
                let now = i64::from(hour) * 3_600;
                let key = Key {
                    chain,
                    contract,
                    account,
                };
                marks.rests_on(key, now, now + 600);
            }
        }
        assert!(marks.state().grants.len() <= 3_000);
    }

    #[test]
    fn a_chain_nobody_shows_is_not_watched_until_it_is_shown_again() {
        let marks = Revocations::default();
        assert!(!marks.is_deaf("a", 1_000), "nobody should watch it");
        marks.begin("a", 0);
        assert!(!marks.turns_deaf("a", DEAF_SECONDS));
        assert!(marks.turns_deaf("a", DEAF_SECONDS + 1) && marks.is_deaf("a", DEAF_SECONDS + 1));
        assert!(!marks.turns_deaf("a", DEAF_SECONDS + 2), "said once");
        marks.heard("a", 50);
        assert!(!marks.is_deaf("a", 50) && marks.turns_deaf("a", 61));
    }
}
