//! What becomes of the keys that sign tokens: next, active, retired, gone. Values in, values out;
//! the private halves are elsewhere and are moved as a step says.
//!
//! A next key is published as long as the active one signs, so every process knows it before it
//! signs; a retired one verifies until the last token it can have signed has ended. One that is
//! withdrawn is gone at once, whatever it signed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Seconds after which every process has read a changed Secret and every cache holds the new public
/// keys: kubelet looks once a minute at a copy that is a minute old at most, the data plane reads its
/// files every 5 s, and JWKS may be kept for 300 s by the gateway and 300 s more by who asked it. The
/// rest is for a node that is slow.
pub const SPREAD: i64 = 900;
/// Most keys of a kind: a process reads 8, two of them are the active and the next.
const MOST_RETIRED: usize = 6;

/// The public half of an Ed25519 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Public(pub [u8; 32]);

impl Public {
    /// What tokens and JWKS call it (`kid`): 16 hex digits of its hash.
    pub fn id(&self) -> String {
        hex::encode(&Sha256::digest(self.0)[..8])
    }
}

impl From<Public> for String {
    fn from(key: Public) -> Self {
        hex::encode(key.0)
    }
}

impl TryFrom<String> for Public {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// A key that signs, or will. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its public half.
    pub public: Public,
    /// When it came into its state.
    pub since: i64,
}

/// A key that signs no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Its public half.
    pub public: Public,
    /// When it came into its state.
    pub since: i64,
    /// When the last token it signed has ended.
    pub until: i64,
}

/// The keys of one kind of token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// Signs.
    pub active: Key,
    /// Longest life, in seconds, that tokens were ever given: what a process signs may be set by a
    /// spec of before.
    pub life: i64,
    /// Is known everywhere before it signs.
    pub next: Key,
    /// Verify what they signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Retired>,
}

/// What the spec says of one kind of token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// Seconds a key signs.
    pub every: i64,
    /// Longest life of a token in seconds.
    pub life: i64,
    /// Ids of keys that are accepted no more.
    pub withdrawn: Vec<String>,
}

/// What becomes of private halves, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The next one signs from now on.
    Promote,
    /// The spare key of this number signs from now on.
    Sign(usize),
    /// The spare key of this number is the next one.
    Await(usize),
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The keys after it.
    pub ring: Ring,
    /// What it does to private halves.
    pub moves: Vec<Move>,
    /// Ids of the keys that it withdraws.
    pub withdrawn: Vec<String>,
}

impl Rules {
    fn withdraw(&self, key: &Public) -> bool {
        let id = key.id();
        self.withdrawn.contains(&id)
    }
}

impl Ring {
    /// The first keys.
    pub fn new(now: i64, life: i64, spares: [Public; 2]) -> Self {
        let [active, next] = spares.map(|public| Key { public, since: now });
        Self {
            active,
            life,
            next,
            retired: Vec::new(),
        }
    }

    /// Every key that verifies, the one that signs first.
    pub fn known(&self) -> impl Iterator<Item = Public> {
        let retired = self.retired.iter().map(|key| key.public);
        [self.active.public, self.next.public]
            .into_iter()
            .chain(retired)
    }

    /// When the next key is to sign.
    fn turns(&self, rules: &Rules) -> i64 {
        let aged = self.active.since.saturating_add(rules.every);
        let known = self.next.since.saturating_add(SPREAD);
        let room = match self.retired.len() {
            0..MOST_RETIRED => i64::MIN,
            _ => self
                .retired
                .iter()
                .map(|k| k.until)
                .min()
                .unwrap_or(i64::MIN),
        };
        aged.max(known).max(room)
    }

    /// When there is something to do again.
    pub fn wakes(&self, rules: &Rules) -> i64 {
        let gone = self.retired.iter().map(|key| key.until).min();
        gone.unwrap_or(i64::MAX).min(self.turns(rules))
    }

    /// The keys as they are to be at `now`; `None` when they are so. `spares` are used only where a
    /// move says so.
    pub fn step(&self, now: i64, rules: &Rules, spares: [Public; 2]) -> Option<Step> {
        let mut ring = self.clone();
        ring.life = ring.life.max(rules.life);
        ring.lengthen(now);
        ring.retired
            .retain(|key| now < key.until && !rules.withdraw(&key.public));
        let fresh = spares.map(|public| Key { public, since: now });
        let gone = [self.active, self.next].map(|key| rules.withdraw(&key.public));
        let moves = match gone {
            [true, true] => ring.begin(fresh),
            [true, false] => ring.promote(now, fresh[0]),
            [false, true] => ring.follow(fresh[0]),
            [false, false] if ring.turns(rules) <= now => {
                ring.retire(now);
                ring.promote(now, fresh[0])
            }
            [false, false] => Vec::new(),
        };
        let withdrawn = self.known().filter(|key| rules.withdraw(key));
        (ring != *self).then(|| Step {
            moves,
            withdrawn: withdrawn.map(|key| key.id()).collect(),
            ring,
        })
    }

    fn begin(&mut self, [active, next]: [Key; 2]) -> Vec<Move> {
        (self.active, self.next) = (active, next);
        vec![Move::Sign(0), Move::Await(1)]
    }

    fn follow(&mut self, next: Key) -> Vec<Move> {
        self.next = next;
        vec![Move::Await(0)]
    }

    fn promote(&mut self, now: i64, next: Key) -> Vec<Move> {
        let public = self.next.public;
        self.active = Key { public, since: now };
        self.next = next;
        vec![Move::Promote, Move::Await(0)]
    }

    /// A process that has not read the change yet goes on signing with the old key for a while.
    fn retire(&mut self, now: i64) {
        self.retired.push(Retired {
            public: self.active.public,
            since: now,
            until: self.ends(now),
        });
    }

    fn ends(&self, retired: i64) -> i64 {
        retired.saturating_add(SPREAD).saturating_add(self.life)
    }

    /// What was retired a moment ago may sign tokens of a longer life yet.
    fn lengthen(&mut self, now: i64) {
        let mut retired = std::mem::take(&mut self.retired);
        let lately = |key: &&mut Retired| now < key.since.saturating_add(SPREAD);
        for key in retired.iter_mut().filter(lately) {
            key.until = key.until.max(self.ends(key.since));
        }
        self.retired = retired;
    }
}

#[cfg(test)]
mod tests;
