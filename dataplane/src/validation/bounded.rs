//! Whole numbers within bounds: counts, sizes, seconds.

use serde::{Deserialize, Serialize};

/// A number outside the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from {min} to {max}")]
pub struct OutOfBounds {
    min: u64,
    max: u64,
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Bounded<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Bounded<MIN, MAX> {
    /// A number known to be within the bounds when this is compiled.
    pub const fn of<const N: u64>() -> Self {
        const { assert!(MIN <= N && N <= MAX) };
        Self(N)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<const MIN: u64, const MAX: u64> TryFrom<u64> for Bounded<MIN, MAX> {
    type Error = OutOfBounds;

    fn try_from(number: u64) -> Result<Self, OutOfBounds> {
        let within = (MIN..=MAX).contains(&number).then_some(Self(number));
        within.ok_or(OutOfBounds { min: MIN, max: MAX })
    }
}

impl<const MIN: u64, const MAX: u64> From<Bounded<MIN, MAX>> for u64 {
    fn from(number: Bounded<MIN, MAX>) -> u64 {
        number.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_belong_to_it() {
        for (number, within) in [(0, false), (1, true), (200, true), (201, false)] {
            assert_eq!(
                Bounded::<1, 200>::try_from(number).is_ok(),
                within,
                "{number}"
            );
        }
        let told = serde_json::from_str::<Bounded<1, 2>>("3").unwrap_err();
        assert!(told.to_string().contains("from 1 to 2"), "{told}");
    }
}
