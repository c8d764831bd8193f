//! How near encoded pictures come to what their encoder was given: sums of whole numbers, so that those
//! of several pods add up to the same, whoever comes first.

use serde::{Deserialize, Serialize};

use crate::ids::TrackId;

/// Parts of one in the sums.
pub const PARTS: u64 = 1_000_000;
/// Largest squared error of a sample.
const LARGEST: u64 = 255 * 255;

/// Sums over the pictures that were compared; brightness alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Nearness {
    /// Pictures compared.
    pub pictures: u64,
    /// Their mean squared errors, in millionths.
    pub squared_error: u64,
    /// Their structural similarities (Wang and others, 2004), in millionths.
    pub similarity: u64,
}

/// Nearness of a rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackQuality {
    /// Track.
    pub track: TrackId,
    /// Its sums.
    pub nearness: Nearness,
}

impl Nearness {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            pictures: self.pictures.saturating_add(other.pictures),
            squared_error: self.squared_error.saturating_add(other.squared_error),
            similarity: self.similarity.saturating_add(other.similarity),
        }
    }

    /// The same with no number larger than there can be of so many pictures.
    #[must_use]
    pub fn possible(self, most_pictures: u64) -> Self {
        let pictures = self.pictures.min(most_pictures);
        Self {
            pictures,
            squared_error: self
                .squared_error
                .min(pictures.saturating_mul(LARGEST * PARTS)),
            similarity: self.similarity.min(pictures.saturating_mul(PARTS)),
        }
    }

    /// Peak signal-to-noise ratio of the mean error, in dB; at most 100, `None` of no picture.
    pub fn psnr(&self) -> Option<f64> {
        let error = self.squared_error as f64 / PARTS as f64 / self.count()?;
        Some((10.0 * (LARGEST as f64 / error).log10()).min(100.0))
    }

    /// Mean structural similarity, 1 for the same; `None` of no picture.
    pub fn ssim(&self) -> Option<f64> {
        Some(self.similarity as f64 / PARTS as f64 / self.count()?)
    }

    fn count(&self) -> Option<f64> {
        (self.pictures > 0).then_some(self.pictures as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_means_of_all_pictures() {
        let one = Nearness {
            pictures: 1,
            squared_error: 65 * PARTS,
            similarity: 900_000,
        };
        let two = one.and(Nearness {
            pictures: 1,
            squared_error: 0,
            similarity: PARTS,
        });
        assert_eq!(one.psnr().map(|db| (db * 100.0).round()), Some(3_000.0));
        assert_eq!(two.psnr().map(|db| (db * 100.0).round()), Some(3_301.0));
        assert_eq!(two.ssim(), Some(0.95));
        let same = Nearness {
            pictures: 3,
            squared_error: 0,
            similarity: 3 * PARTS,
        };
        assert_eq!((same.psnr(), same.ssim()), (Some(100.0), Some(1.0)));
        assert_eq!(Nearness::default().psnr(), None);
        let wild = Nearness {
            pictures: u64::MAX,
            squared_error: u64::MAX,
            similarity: u64::MAX,
        };
        assert_eq!(wild.possible(2).ssim(), Some(1.0));
        assert_eq!(wild.possible(2).psnr(), Some(0.0));
    }
}
