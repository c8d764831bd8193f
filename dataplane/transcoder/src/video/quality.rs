//! How near a rung's pictures come to what its encoder was given. Rungs take turns, a chunk each: the
//! first pictures of one group are decoded again and one of them compared: less than a hundredth of the
//! work. What goes wrong here is left out of the report and fails nothing.

use std::ops::Range;
use std::sync::Arc;

use ffmpeg_next as ff;
use streamgate_contract::quality::{Nearness, PARTS};

use crate::encode::{Encoded, VideoEncoder};

/// Place in the group of the picture that is compared: one between key frames, as most are.
const COMPARED: u64 = 3;
/// Side of a block of structural similarity and steps between blocks, in pixels.
const BLOCK: usize = 8;
const STEP: usize = 8;
/// Constants of structural similarity for eight bits.
const C1: f64 = 6.5025;
const C2: f64 = 58.5225;

type Picture = Arc<ff::frame::Video>;

/// The picture of a chunk that is looked at.
pub(super) struct Spot {
    /// Numbers within the run of the pictures of its group up to itself, the last.
    group: Range<i64>,
    /// What the encoder was given.
    given: Option<Picture>,
    /// What the encoder made of the group so far; no more is taken once it is compared.
    packets: Vec<ff::Packet>,
    compared: Option<Nearness>,
}

impl Spot {
    /// Of a run of `frames` pictures in groups of `gop_frames`; `nth` chooses the group.
    pub(super) fn new(frames: u64, gop_frames: u32, nth: u32) -> Self {
        let group = group(frames, gop_frames, nth);
        let end = (group.start + COMPARED + 1).min(group.end);
        let signed = |number| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            group: signed(group.start)..signed(end),
            given: None,
            packets: Vec::new(),
            compared: None,
        }
    }

    /// A picture goes to the encoder.
    pub(super) fn given(&mut self, picture: &Picture) {
        if picture.pts() == Some(self.group.end - 1) {
            self.given = Some(picture.clone());
        }
    }

    /// A picture comes out of the encoder, in decode order.
    pub(super) fn made(&mut self, encoder: &VideoEncoder, encoded: &Encoded) {
        if self.compared.is_some() || encoded.number < self.group.start {
            return;
        }
        let mut packet = ff::Packet::copy(&encoded.data);
        packet.set_pts(Some(encoded.number));
        self.packets.push(packet);
        let shown = self.packets.iter().filter_map(ff::Packet::pts);
        if shown.filter(|n| self.group.contains(n)).count() == self.group.clone().count() {
            let packets = std::mem::take(&mut self.packets);
            self.compared = Some(self.compare(encoder, &packets).unwrap_or_default());
            self.given = None;
        }
    }

    /// What was compared; no picture follows.
    pub(super) fn finish(self) -> Nearness {
        self.compared.unwrap_or_default()
    }

    /// Decodes what was made of the group and holds the last of it against what was given.
    fn compare(&self, encoder: &VideoEncoder, packets: &[ff::Packet]) -> Option<Nearness> {
        let given = self.given.as_ref()?;
        let mut decoder = encoder.decoder().ok()?;
        let mut shown = ff::frame::Video::empty();
        let mut take = |decoder: &mut ff::decoder::Video| {
            while decoder.receive_frame(&mut shown).is_ok() {
                if shown.pts() == given.pts() {
                    return Some(nearness(given, &shown));
                }
            }
            None
        };
        for packet in packets {
            decoder.send_packet(packet).ok()?;
            if let Some(near) = take(&mut decoder) {
                return Some(near);
            }
        }
        decoder.send_eof().ok()?;
        take(&mut decoder)
    }
}

/// Is it rung `rung`'s turn in this chunk? Each rung has its turn where there are as many chunks.
pub(super) fn looks((rung, rungs): (u32, u32), (chunk, chunks): (u32, u32)) -> bool {
    let turns = rungs.min(chunks).max(1);
    rung % turns == chunk % turns
}

/// Numbers of the pictures of one group of a run.
fn group(frames: u64, gop_frames: u32, nth: u32) -> Range<u64> {
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
    fn every_rung_has_a_turn_and_few_have_it_at_once() {
        let at = |chunk, chunks| {
            (0..5)
                .filter(|rung| looks((*rung, 5), (chunk, chunks)))
                .count()
        };
        assert_eq!((0..10).map(|chunk| at(chunk, 10)).max(), Some(1));
        assert_eq!(at(0, 1), 5);
        assert_eq!((0..3).map(|chunk| at(chunk, 3)).sum::<usize>(), 5);
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
