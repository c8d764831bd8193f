//! The states of keys held against what replicas do with them: each reads the Secret as it was some
//! time ago, none longer than mounts take.

use proptest::prelude::*;

use super::*;

/// Longest time, in seconds, until a replica has read a changed Secret: what kubelet and the data plane
/// take together, and a margin.
const MOUNT: i64 = 180;
/// `max-age` of JWKS, in two caches.
const JWKS: i64 = 600;

/// A key nobody else has.
fn public(number: u64) -> Public {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Public(bytes)
}

fn rules(every: i64, life: i64) -> Rules {
    Rules {
        every,
        life,
        withdrawn: Vec::new(),
    }
}

/// The Secret over time, and the longest life of tokens meanwhile.
struct Past {
    rings: Vec<(i64, Ring)>,
    lives: Vec<(i64, i64)>,
}

fn at<T>(past: &[(i64, T)], time: i64) -> &T {
    let later = past.partition_point(|(since, _)| *since <= time);
    &past[later.saturating_sub(1)].1
}

/// An operator that looks after these pauses, under these rules.
fn operate(passes: &[(i64, i64, i64)]) -> Past {
    let (mut now, mut made) = (0, 2);
    let mut ring = Ring::new(now, passes[0].2, [public(0), public(1)]);
    let mut past = Past {
        rings: vec![(now, ring.clone())],
        lives: vec![(now, passes[0].2)],
    };
    for (pause, every, life) in passes {
        now += pause;
        let spares = [public(made), public(made + 1)];
        made += 2;
        if let Some(step) = ring.step(now, &rules(*every, *life), spares) {
            ring = step.ring;
            past.rings.push((now, ring.clone()));
        }
        // Replicas make tokens of another life after the pass that has seen it, not before.
        past.lives.push((now, *life));
    }
    past
}

prop_compose! {
    fn passes()(passes in prop::collection::vec((1_i64..40_000, 3_600_i64..200_000, 60_i64..400_000), 1..24))
        -> Vec<(i64, i64, i64)> { passes }
}

proptest! {
    /// Whenever a replica signs, and whenever another one verifies within the life of the token, each
    /// reading the Secret of up to MOUNT ago, and a cache of JWKS that is older still: it is accepted.
    #[test]
    fn a_token_is_accepted_everywhere_for_its_whole_life(passes in passes(), behind in 0..=MOUNT) {
        let past = operate(&passes);
        let end = past.rings.last().unwrap().0 + 1_000_000;
        // What changes, changes at these times; around them lies every case.
        let turns = past.rings.iter().map(|(time, _)| *time);
        let signed = turns.flat_map(|t| [t, t + 1, t + MOUNT, t + behind, t - 1]).filter(|t| *t >= 0);
        for signed in signed {
            let signer = at(&past.rings, (signed - behind).max(0)).active.public;
            let last = signed + at(&past.lives, signed) - 1;
            let turns = past.rings.iter().map(|(time, _)| *time);
            let read = turns.flat_map(|t| [t - 1, t, t + MOUNT, t + MOUNT + JWKS]).chain([signed, last]);
            for read in read.filter(|t| (signed..=last.min(end)).contains(t)) {
                for late in [0, behind, MOUNT, MOUNT + JWKS] {
                    let ring = at(&past.rings, (read - late).max(0));
                    prop_assert!(
                        ring.known().any(|key| key == signer),
                        "signed at {signed} by a replica {behind} s behind, refused at {read} by one {late} s behind"
                    );
                }
            }
        }
    }

    /// A process reads eight keys of a file.
    #[test]
    fn there_are_never_more_keys_than_are_read(passes in passes()) {
        for (_, ring) in operate(&passes).rings {
            prop_assert!(ring.known().count() <= 8);
        }
    }

    /// Acting twice is harmless, and nothing is to be done before the time that was named.
    #[test]
    fn a_second_step_does_nothing_before_its_time(passes in passes(), wait in 0_i64..1_000_000) {
        let past = operate(&passes);
        let (now, ring) = past.rings.last().unwrap();
        let (_, every, life) = passes.last().unwrap();
        let rules = rules(*every, *life);
        let settled = ring.step(*now, &rules, [public(900), public(901)]);
        let ring = settled.map_or(ring.clone(), |step| step.ring);
        let again = ring.step(now + wait, &rules, [public(902), public(903)]);
        prop_assert_eq!(again.is_some(), ring.wakes(&rules) <= now + wait);
    }

    /// What is withdrawn is gone at once, every other key stays, and somebody signs.
    #[test]
    fn what_is_withdrawn_is_gone_and_nothing_else(passes in passes(), chosen in prop::collection::vec(any::<bool>(), 8)) {
        let past = operate(&passes);
        let (now, ring) = past.rings.last().unwrap();
        let of = |keep: bool| ring.known().zip(&chosen).filter(move |(_, gone)| **gone != keep);
        let rules = Rules { withdrawn: of(false).map(|(key, _)| key.id()).collect(), ..rules(i64::MAX, ring.life) };
        let spares = [public(900), public(901)];
        let step = ring.step(*now, &rules, spares);
        let after = step.map_or(ring.clone(), |step| step.ring);
        prop_assert!(of(false).all(|(gone, _)| after.known().all(|key| key != gone)));
        let due = |key: &Public| ring.retired.iter().any(|r| r.public == *key && r.until <= *now);
        prop_assert!(of(true).filter(|(kept, _)| !due(kept)).all(|(kept, _)| after.known().any(|key| key == kept)));
        prop_assert_ne!(after.active.public, after.next.public);
    }

    /// Private halves go where the ring says they are.
    #[test]
    fn the_moves_bring_private_halves_to_where_the_ring_says(passes in passes(), gone in any::<[bool; 2]>()) {
        let past = operate(&passes);
        let (now, ring) = past.rings.last().unwrap();
        let (_, every, life) = passes.last().unwrap();
        let keys = [ring.active.public, ring.next.public];
        let withdrawn = keys.iter().zip(gone).filter(|(_, gone)| *gone).map(|(key, _)| key.id());
        let rules = Rules { withdrawn: withdrawn.collect(), ..rules(*every, *life) };
        let spares = [public(900), public(901)];
        let Some(step) = ring.step(now + 50_000, &rules, spares) else { return Ok(()) };
        let (mut active, mut next) = (keys[0], Some(keys[1]));
        for to in &step.moves {
            match to {
                Move::Promote => active = next.take().unwrap(),
                Move::Sign(spare) => active = spares[*spare],
                Move::Await(spare) => next = Some(spares[*spare]),
            }
        }
        prop_assert_eq!(active, step.ring.active.public);
        prop_assert_eq!(next, Some(step.ring.next.public));
    }
}

#[test]
fn a_key_is_next_then_active_then_retired_then_gone() {
    let ring = Ring::new(0, 1_000, [public(1), public(2)]);
    let rules = rules(3_600, 1_000);
    let spares = [public(3), public(4)];
    assert_eq!(ring.wakes(&rules), 3_600);
    assert_eq!(ring.step(3_599, &rules, spares), None);
    let turned = ring.step(3_600, &rules, spares).unwrap();
    assert_eq!(turned.moves, [Move::Promote, Move::Await(0)]);
    let ring = turned.ring;
    assert_eq!(
        (ring.active.public, ring.next.public),
        (public(2), public(3))
    );
    let until = 3_600 + SPREAD + 1_000;
    assert_eq!(
        (ring.retired[0].public, ring.retired[0].until),
        (public(1), until)
    );
    assert_eq!(ring.wakes(&rules), until);
    let gone = ring.step(until, &rules, spares).unwrap();
    assert!(gone.ring.retired.is_empty() && gone.moves.is_empty() && gone.withdrawn.is_empty());
}

#[test]
fn the_state_is_written_and_read_and_no_other() {
    let ring = Ring::new(7, 1_000, [public(1), public(2)]);
    let text = serde_json::to_string(&ring).unwrap();
    assert_eq!(serde_json::from_str::<Ring>(&text).unwrap(), ring);
    assert!(serde_json::from_str::<Ring>(&text.replace("00", "0x")).is_err());
    assert_eq!(public(1).id().len(), 16);
}

#[test]
fn a_next_key_that_is_new_signs_when_it_is_known_everywhere() {
    let ring = Ring::new(0, 1_000, [public(1), public(2)]);
    let rules = Rules {
        withdrawn: vec![public(2).id()],
        ..rules(3_600, 1_000)
    };
    let spares = [public(3), public(4)];
    let withdrawn = ring.step(3_500, &rules, spares).unwrap();
    assert_eq!(withdrawn.withdrawn, rules.withdrawn);
    let ring = withdrawn.ring;
    let known = 3_500 + SPREAD;
    assert_eq!(ring.wakes(&rules), known);
    assert_eq!(ring.step(known - 1, &rules, spares), None);
    let turned = ring.step(known, &rules, [public(5), public(6)]).unwrap();
    assert_eq!(turned.ring.active.public, public(3));
}
