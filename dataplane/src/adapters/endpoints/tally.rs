//! What several endpoints say, counted. Pure.

/// The value that at least `wanted` places gave, and who gave another; `None` with the size of the
/// largest agreement when there is no such value.
pub fn agreement<T: PartialEq>(votes: &[(usize, T)], wanted: usize) -> Result<Agreement, usize> {
    let size = |value: &T| votes.iter().filter(|(_, v)| v == value).count();
    let largest = votes.iter().enumerate().max_by_key(|(i, (_, value))| {
        // The first of equals, so that rank decides.
        (size(value), usize::MAX - i)
    });
    match largest {
        Some((chosen, (_, value))) if size(value) >= wanted.max(1) => Ok(Agreement {
            chosen,
            others: places(votes, |v| v != value),
            agreeing: places(votes, |v| v == value),
        }),
        Some((_, (_, value))) => Err(size(value)),
        None => Err(0),
    }
}

fn places<T>(votes: &[(usize, T)], which: impl Fn(&T) -> bool) -> Vec<usize> {
    let chosen = votes.iter().filter(|(_, value)| which(value));
    chosen.map(|(place, _)| *place).collect()
}

/// An agreement.
#[derive(Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Index of a vote for the value.
    pub chosen: usize,
    /// Places that gave it.
    pub agreeing: Vec<usize>,
    /// Places that gave something else.
    pub others: Vec<usize>,
}

/// The highest number that at least `wanted` heads have reached.
pub fn shared_height(mut heads: Vec<u64>, wanted: usize) -> Option<u64> {
    heads.sort_unstable_by(|a, b| b.cmp(a));
    heads.get(wanted.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_number_that_enough_have_reached() {
        assert_eq!(shared_height(vec![100, 90, 1_000_000], 2), Some(100));
        assert_eq!(shared_height(vec![100, 90, 1_000_000], 3), Some(90));
        assert_eq!(shared_height(vec![100], 2), None);
        assert_eq!(shared_height(vec![], 1), None);
    }

    #[test]
    fn enough_equal_answers_win_and_the_others_are_named() {
        let votes = [(0, "no"), (1, "yes"), (2, "yes")];
        let found = agreement(&votes, 2).unwrap();
        assert_eq!(votes[found.chosen].1, "yes");
        assert_eq!((found.agreeing, found.others), (vec![1, 2], vec![0]));
        assert_eq!(agreement(&votes, 3), Err(2));
        assert_eq!(agreement(&votes[..2], 2), Err(1));
        assert_eq!(agreement::<u8>(&[], 1), Err(0));
    }

    #[test]
    fn of_equal_agreements_the_better_rank_wins() {
        let votes = [(2, "a"), (0, "b"), (1, "a"), (3, "b")];
        assert_eq!(votes[agreement(&votes, 2).unwrap().chosen].1, "a");
    }

    proptest::proptest! {
        #[test]
        fn a_minority_never_decides(honest in 2usize..6, liars in 0usize..6, order in 0usize..100) {
            let quorum = liars + 1;
            let mut votes: Vec<(usize, u8)> = (0..honest + liars)
                .map(|place| (place, u8::from(place >= honest)))
                .collect();
            votes.rotate_left(order % (honest + liars));
            match agreement(&votes, quorum) {
                Ok(found) => proptest::prop_assert_eq!(votes[found.chosen].1, 0),
                Err(size) => proptest::prop_assert!(honest < quorum && size < quorum),
            }
        }
    }
}
