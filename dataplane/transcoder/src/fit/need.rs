//! How fast a line has to be for a rung: the rate of its busiest segment, from trials of a few pictures
//! and the sizes of the source's own packets. Numbers in, numbers out.

use std::ops::Range;

use crate::plan::byte_map::PacketInfo;

/// What a burst weighs after the encoder, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    head: u64,
    others: u64,
    count: u64,
}

impl Weight {
    /// Adds a picture; the first of the burst is the head of a group of pictures.
    pub(super) fn add(&mut self, head: bool, bytes: usize) {
        let bytes = bytes as u64;
        match head {
            true => self.head += bytes,
            false => (self.others, self.count) = (self.others + bytes, self.count + 1),
        }
    }

    /// Bytes of a picture of a whole group, on average: one head, and others like those seen.
    pub(super) fn per_picture(&self, gop_frames: u32) -> f64 {
        let others = self.others as f64 / self.count.max(1) as f64;
        let gop = f64::from(gop_frames.max(1));
        (self.head as f64 + others * (gop - 1.0)) / gop
    }
}

/// Bytes of a picture of the source on average, by segment. A last segment that is not whole says
/// nothing: its key picture weighs too much in it.
pub(super) fn activity(packets: &[PacketInfo], pts: &[i64], segment_frames: u32) -> Vec<f64> {
    let length = usize::try_from(segment_frames).unwrap_or(usize::MAX).max(1);
    let mut bytes = vec![0_u64; (pts.len() / length).max(1)];
    for packet in packets {
        let frame = pts.binary_search(&packet.pts);
        let segment = frame.ok().and_then(|frame| bytes.get_mut(frame / length));
        if let Some(bytes) = segment {
            *bytes += packet.end.saturating_sub(packet.start);
        }
    }
    let pictures = length.min(pts.len()).max(1) as f64;
    bytes.into_iter().map(|b| b as f64 / pictures).collect()
}

/// Bytes of a picture in the busiest segment of a rung. `trials`: (bytes of a picture in the rung, those
/// of the source there). What the encoder makes of the source's bytes where it was tried it makes of
/// them elsewhere; a burst that was busier than that counts itself.
pub(super) fn busiest(trials: &[(f64, f64)], activity: &[f64]) -> f64 {
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let made: f64 = trials.iter().map(|t| t.0).sum();
    let source: f64 = trials.iter().map(|t| t.1).sum();
    let peak = match source > 0.0 {
        true => most(&mut activity.iter().copied()) * made / source,
        false => 0.0,
    };
    most(&mut trials.iter().map(|t| t.0)).max(peak)
}

/// The source's activity around a burst.
pub(super) fn around(activity: &[f64], burst: &Range<u64>, segment_frames: u32) -> f64 {
    let segment = burst.start / u64::from(segment_frames.max(1));
    let segment = usize::try_from(segment).unwrap_or(usize::MAX);
    let there = activity.get(segment).or(activity.last());
    there.copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_one_head_and_others_like_those_seen() {
        let mut weight = Weight::default();
        weight.add(true, 5_000);
        weight.add(false, 100);
        weight.add(false, 300);
        assert_eq!(weight.per_picture(50), (5_000.0 + 49.0 * 200.0) / 50.0);
        assert_eq!(Weight::default().per_picture(0), 0.0);
    }

    #[test]
    fn the_busiest_segment_is_found_by_the_source() {
        let packet = |pts: i64, bytes: u64| PacketInfo {
            pts,
            duration: 1,
            start: 0,
            end: bytes,
            key: false,
            hidden: false,
        };
        let packets: Vec<_> = [10, 10, 10, 30, 30, 30, 900]
            .iter()
            .zip(0..)
            .map(|(bytes, pts)| packet(pts, *bytes))
            .collect();
        let pts: Vec<i64> = (0..7).collect();
        let activity = activity(&packets, &pts, 3);
        assert_eq!(activity, [10.0, 30.0]);
        assert_eq!(around(&activity, &(1..2), 3), 10.0);
        assert_eq!(around(&activity, &(6..7), 3), 30.0);
        // Half the source's bytes where it was tried, so half in the busiest segment.
        assert_eq!(busiest(&[(5.0, 10.0)], &activity), 15.0);
        assert_eq!(busiest(&[(40.0, 10.0), (0.0, 30.0)], &activity), 40.0);
        assert_eq!(busiest(&[(3.0, 0.0)], &[]), 3.0);
    }
}
