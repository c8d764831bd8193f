//! Which bytes of a sample are encrypted. Of pictures only the body of each slice: players and
//! decoders must be able to read the headers.

use super::cipher::BLOCK;
use crate::error::EngineError;

/// What a track's samples are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Bytes that are encrypted from the first to the last.
    Whole,
    /// NAL units of H.264 behind four-byte lengths.
    Avc,
    /// NAL units of HEVC behind four-byte lengths.
    Hevc,
}

/// Bytes left alone at the head of each slice: holds every header that our encoders write.
const LEAD: usize = 64;
/// Bytes of a NAL unit's length.
const LENGTH: usize = 4;

/// A run of clear bytes, then one of encrypted ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) clear: usize,
    pub(super) protected: usize,
}

impl Shape {
    /// Pictures are encrypted by a pattern, sound whole.
    pub(super) fn is_pictures(self) -> bool {
        !matches!(self, Shape::Whole)
    }

    fn is_slice(self, first: u8) -> bool {
        match self {
            Shape::Whole => false,
            // ISO/IEC 14496-10, table 7-1.
            Shape::Avc => (1..=5).contains(&(first & 0x1f)),
            // ISO/IEC 23008-2, table 7-1.
            Shape::Hevc => (first >> 1 & 0x3f) < 32,
        }
    }

    /// The parts of a sample, which they make up.
    pub(super) fn parts(self, sample: &[u8]) -> Result<Vec<Part>, EngineError> {
        if self == Shape::Whole {
            let (clear, protected) = (0, sample.len());
            return Ok(vec![Part { clear, protected }]);
        }
        let (mut parts, mut clear, mut at) = (Vec::new(), 0, 0);
        while at < sample.len() {
            let length = length(sample, at)?;
            let unit = LENGTH + length;
            let body = length.saturating_sub(LEAD) / BLOCK * BLOCK;
            let slice = length > 0 && self.is_slice(sample[at + LENGTH]);
            let protected = if slice { body } else { 0 };
            clear += unit - protected;
            if protected > 0 {
                push(&mut parts, std::mem::take(&mut clear), protected);
            }
            at += unit;
        }
        if clear > 0 {
            push(&mut parts, clear, 0);
        }
        Ok(parts)
    }
}

/// Length of the NAL unit whose length stands at `at`.
fn length(sample: &[u8], at: usize) -> Result<usize, EngineError> {
    let broken = || EngineError::Internal("a sample's NAL units do not fill it".into());
    let bytes = sample.get(at..at + LENGTH).ok_or_else(broken)?;
    let length = bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    match sample.len() - at - LENGTH >= length {
        true => Ok(length),
        false => Err(broken()),
    }
}

/// A box has two bytes for a clear run, so a long one becomes several.
fn push(parts: &mut Vec<Part>, mut clear: usize, protected: usize) {
    const MOST: usize = u16::MAX as usize;
    while clear > MOST {
        parts.push(Part {
            clear: MOST,
            protected: 0,
        });
        clear -= MOST;
    }
    parts.push(Part { clear, protected });
}

/// The protected ranges of a sample.
pub(super) fn ranges<'a>(mut sample: &'a mut [u8], parts: &[Part]) -> Vec<&'a mut [u8]> {
    let mut ranges = Vec::with_capacity(parts.len());
    for part in parts {
        let (_, rest) = sample.split_at_mut(part.clear.min(sample.len()));
        let (range, rest) = rest.split_at_mut(part.protected.min(rest.len()));
        ranges.push(range);
        sample = rest;
    }
    ranges
}
