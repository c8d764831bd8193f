//! How near a rung's pictures come to what its encoder was given. Of each chunk the first pictures of one
//! group are decoded again and two of them compared: less than a hundredth of the work, and no more
//! than two pictures are held for it. What goes wrong here is left out of the report and fails nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use ffmpeg_next as ff;
use streamgate_contract::quality::{Nearness, PARTS};

use crate::encode::{Encoded, VideoEncoder};

/// Places in the group of the pictures that are compared.
const COMPARED: [u64; 2] = [3, 7];
/// Side of a block of structural similarity and steps between blocks, in pixels.
const BLOCK: usize = 8;
const STEP: usize = 4;
/// Constants of structural similarity for eight bits.
const C1: f64 = 6.5025;
const C2: f64 = 58.5225;

type Picture = Arc<ff::frame::Video>;

/// The pictures of a chunk that are looked at.
pub(super) struct Spot {
    decoder: Option<ff::decoder::Video>,
    /// First picture of the group and of the next one, by number within the run.
    group: std::ops::Range<i64>,
    wanted: BTreeMap<i64, Option<Picture>>,
    nearness: Nearness,
}

impl Spot {
    /// Of a run of `frames` pictures in groups of `gop_frames`; `nth` chooses the group.
    pub(super) fn new(encoder: &VideoEncoder, frames: u64, gop_frames: u32, nth: u32) -> Self {
        let group = group(frames, gop_frames, nth);
        let wanted = COMPARED.map(|place| group.start + place);
        let wanted = wanted.into_iter().filter(|number| group.contains(number));
        let signed = |number| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            decoder: encoder.decoder().ok(),
            wanted: wanted.map(|number| (signed(number), None)).collect(),
            group: signed(group.start)..signed(group.end),
            nearness: Nearness::default(),
        }
    }

    /// A picture goes to the encoder.
    pub(super) fn given(&mut self, picture: &Picture) {
        let number = picture.pts().unwrap_or(-1);
        if let Some(wanted) = self.wanted.get_mut(&number) {
            *wanted = Some(picture.clone());
        }
    }

    /// A picture comes out of the encoder.
    pub(super) fn made(&mut self, encoded: &Encoded) {
        if self.wanted.is_empty() || !self.group.contains(&encoded.number) {
            return;
        }
        let mut packet = ff::Packet::copy(&encoded.data);
        packet.set_pts(Some(encoded.number));
        let sent = self.decoder.as_mut().map(|d| d.send_packet(&packet));
        match sent {
            Some(Ok(())) => self.compare(),
            _ => self.end(),
        }
    }

    /// What was compared; no picture follows.
    pub(super) fn finish(mut self) -> Nearness {
        if !self.wanted.is_empty() && self.decoder.as_mut().is_some_and(|d| d.send_eof().is_ok()) {
            self.compare();
        }
        self.nearness
    }

    fn compare(&mut self) {
        let mut shown = ff::frame::Video::empty();
        while let Some(Ok(())) = self.decoder.as_mut().map(|d| d.receive_frame(&mut shown)) {
            let number = shown.pts().unwrap_or(-1);
            if let Some(given) = self.wanted.remove(&number).flatten() {
                self.nearness = self.nearness.and(nearness(&given, &shown));
            }
        }
        if self.wanted.is_empty() {
            self.end();
        }
    }

    /// Holds nothing any more.
    fn end(&mut self) {
        self.decoder = None;
        self.wanted.clear();
    }
}

/// Numbers of the pictures of one group of a run.
fn group(frames: u64, gop_frames: u32, nth: u32) -> std::ops::Range<u64> {
    let gop = u64::from(gop_frames.max(1));
    let start = u64::from(nth) % frames.div_ceil(gop).max(1) * gop;
    start..(start + gop).min(frames)
}

fn nearness(given: &ff::frame::Video, shown: &ff::frame::Video) -> Nearness {
    let size = (given.width() as usize, given.height() as usize);
    if size != (shown.width() as usize, shown.height() as usize) {
        return Nearness::default();
    }
    let given = Luma::new(given.data(0), given.stride(0), size);
    let shown = Luma::new(shown.data(0), shown.stride(0), size);
    let parts = |share: f64| (share * PARTS as f64).round().max(0.0) as u64;
    Nearness {
        pictures: 1,
        squared_error: parts(given.squared_error(&shown)),
        similarity: parts(given.similarity(&shown)),
    }
}

/// Brightness of a picture.
struct Luma<'p> {
    bytes: &'p [u8],
    stride: usize,
    width: usize,
    height: usize,
}

impl<'p> Luma<'p> {
    fn new(bytes: &'p [u8], stride: usize, (width, height): (usize, usize)) -> Self {
        Self {
            bytes,
            stride,
            width,
            height,
        }
    }

    /// `length` samples from a place on.
    fn row(&self, (x, y): (usize, usize), length: usize) -> &[u8] {
        let at = y * self.stride + x;
        self.bytes.get(at..at + length).unwrap_or_default()
    }

    fn squared_error(&self, other: &Luma) -> f64 {
        let row = |y: usize| -> u64 {
            let pairs = self.row((0, y), self.width).iter();
            let pairs = pairs.zip(other.row((0, y), self.width));
            pairs.map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
        };
        let sum: u64 = (0..self.height).map(row).sum();
        sum as f64 / (self.width * self.height).max(1) as f64
    }

    fn similarity(&self, other: &Luma) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0_f64);
        for y in (0..self.height.saturating_sub(BLOCK - 1)).step_by(STEP) {
            for x in (0..self.width.saturating_sub(BLOCK - 1)).step_by(STEP) {
                sum += self.block(other, (x, y));
                count += 1.0;
            }
        }
        if count > 0.0 { sum / count } else { 1.0 }
    }

    /// Structural similarity of a block.
    fn block(&self, other: &Luma, (x, y): (usize, usize)) -> f64 {
        let (mut a, mut b, mut squares, mut product) = (0_u64, 0_u64, 0_u64, 0_u64);
        for y in y..y + BLOCK {
            let pairs = self.row((x, y), BLOCK).iter();
            for (p, q) in pairs.zip(other.row((x, y), BLOCK)) {
                let (p, q) = (u64::from(*p), u64::from(*q));
                (a, b) = (a + p, b + q);
                squares += p * p + q * q;
                product += p * q;
            }
        }
        let n = (BLOCK * BLOCK) as f64;
        let (a, b) = (a as f64 / n, b as f64 / n);
        let variances = squares as f64 / n - a * a - b * b;
        let covariance = product as f64 / n - a * b;
        (2.0 * a * b + C1) * (2.0 * covariance + C2) / ((a * a + b * b + C1) * (variances + C2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_take_turns() {
        assert_eq!(group(400, 50, 0), 0..50);
        assert_eq!(group(400, 50, 9), 50..100);
        assert_eq!(group(120, 50, 2), 100..120);
        assert_eq!(group(3, 50, 7), 0..3);
        assert_eq!(group(0, 0, 1), 0..0);
    }

    #[test]
    fn the_same_is_the_same_and_noise_costs() {
        let bytes: Vec<u8> = (0..64 * 40).map(|n| (n * 37 % 251) as u8).collect();
        let plain = Luma::new(&bytes, 64, (60, 40));
        assert_eq!(plain.squared_error(&plain), 0.0);
        assert!((plain.similarity(&plain) - 1.0).abs() < 1e-9);
        let off: Vec<u8> = bytes.iter().map(|b| b ^ 4).collect();
        let off = Luma::new(&off, 64, (60, 40));
        assert_eq!(plain.squared_error(&off), 16.0);
        let near = plain.similarity(&off);
        assert!((0.9..0.9999).contains(&near), "{near}");
        let grey = vec![128; 64 * 40];
        let grey = Luma::new(&grey, 64, (60, 40));
        assert!(plain.similarity(&grey) < 0.2);
    }
}
