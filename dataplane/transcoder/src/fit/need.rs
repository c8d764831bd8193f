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

    fn head(&self) -> f64 {
        self.head as f64
    }

    /// One of the others, on average.
    fn other(&self) -> f64 {
        self.others as f64 / self.count.max(1) as f64
    }
}

/// Bytes of the source's pictures in a segment: of its key pictures and of the others, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Activity {
    key: f64,
    other: f64,
}

/// The source's activity by segment; what the others weigh says how much moves. A last segment that is
/// not whole says nothing new. Where a segment has none of a kind, the mean of all stands.
pub(super) fn activity(packets: &[PacketInfo], pts: &[i64], segment_frames: u32) -> Vec<Activity> {
    let length = usize::try_from(segment_frames).unwrap_or(usize::MAX).max(1);
    let mut sums = vec![[Mean::default(); 2]; (pts.len() / length).max(1)];
    let mut all = [Mean::default(); 2];
    for packet in packets {
        let bytes = packet.end.saturating_sub(packet.start) as f64;
        let kind = usize::from(!packet.key);
        all[kind].add(bytes);
        let frame = pts.binary_search(&packet.pts);
        if let Some(sums) = frame.ok().and_then(|frame| sums.get_mut(frame / length)) {
            sums[kind].add(bytes);
        }
    }
    let [all_keys, all_others] = all.map(Mean::value);
    let key = all_keys.or(all_others).unwrap_or(0.0);
    let other = all_others.or(all_keys).unwrap_or(0.0);
    let of = |[keys, others]: [Mean; 2]| Activity {
        key: keys.value().unwrap_or(key),
        other: others.value().unwrap_or(other),
    };
    sums.into_iter().map(of).collect()
}

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn value(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}

/// Bytes of a picture in the busiest segment of a rung, in groups of `gop_frames`. `trials` are bursts
/// and the source's activity there: what the encoder makes of the source's bytes where it was tried it
/// makes of them elsewhere. One burst is where the source is busiest, and weighs most in that.
pub(super) fn busiest(
    trials: &[(Weight, Activity)],
    activity: &[Activity],
    gop_frames: u32,
) -> f64 {
    let share = |made: f64, source: f64| if source > 0.0 { made / source } else { 0.0 };
    let sum = |of: &dyn Fn(&(Weight, Activity)) -> f64| trials.iter().map(of).sum::<f64>();
    let others = share(sum(&|t| t.0.other()), sum(&|t| t.1.other));
    let at_key = |t: &(Weight, Activity), value: f64| if t.1.key > 0.0 { value } else { 0.0 };
    let heads = share(sum(&|t| at_key(t, t.0.head())), sum(&|t| t.1.key));
    let tallest = trials.iter().map(|t| t.0.head()).fold(0.0, f64::max);
    let head = |key: f64| if heads > 0.0 { heads * key } else { tallest };
    let there = |a: &Activity| per_picture(head(a.key), others * a.other, gop_frames);
    activity.iter().map(there).fold(0.0, f64::max)
}

/// Bytes of a picture of a group, on average: one head, and others.
fn per_picture(head: f64, other: f64, gop_frames: u32) -> f64 {
    let gop = f64::from(gop_frames.max(1));
    (head + other * (gop - 1.0)) / gop
}

/// Bytes of every picture of the source, in order of showing, that are there because something moves: a
/// key picture counts for none, unless all are.
pub(super) fn movement(packets: &[PacketInfo], pts: &[i64]) -> Vec<u64> {
    let intra = packets.iter().all(|packet| packet.key);
    let mut bytes = vec![0; pts.len()];
    for packet in packets.iter().filter(|packet| intra || !packet.key) {
        let frame = pts.binary_search(&packet.pts);
        if let Some(bytes) = frame.ok().and_then(|frame| bytes.get_mut(frame)) {
            *bytes = packet.end.saturating_sub(packet.start);
        }
    }
    bytes
}

/// The source's activity in a burst; without a key picture when it begins with none.
pub(super) fn within(packets: &[PacketInfo], pts: &[i64], burst: &Range<u64>) -> Activity {
    let (mut key, mut other) = (Mean::default(), Mean::default());
    for packet in packets {
        let frame = pts
            .binary_search(&packet.pts)
            .map_or(u64::MAX, |n| n as u64);
        let bytes = packet.end.saturating_sub(packet.start) as f64;
        let first = frame == burst.start;
        if first && packet.key {
            key.add(bytes);
        } else if !first && burst.contains(&frame) {
            other.add(bytes);
        }
    }
    let key = key.value().unwrap_or(0.0);
    let other = other.value().unwrap_or(key);
    Activity { key, other }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(head: u64, other: u64) -> Weight {
        Weight {
            head,
            others: other * 3,
            count: 3,
        }
    }

    fn there(key: f64, other: f64) -> Activity {
        Activity { key, other }
    }

    #[test]
    fn activity_is_told_by_keys_and_others_of_whole_segments() {
        let packet = |pts: i64, key: bool, bytes: u64| PacketInfo {
            pts,
            duration: 1,
            start: 0,
            end: bytes,
            key,
            hidden: false,
        };
        let sizes = [90, 10, 20, 30, 30, 60, 150];
        let packets: Vec<_> = sizes
            .into_iter()
            .zip(0..)
            .map(|(bytes, pts)| packet(pts, pts % 6 == 0, bytes))
            .collect();
        let pts: Vec<i64> = (0..7).collect();
        let found = activity(&packets, &pts, 3);
        // The second has no key picture: that of all stands.
        assert_eq!(found, [there(90.0, 15.0), there(120.0, 40.0)]);
        assert_eq!(movement(&packets, &pts), [0, 10, 20, 30, 30, 60, 0]);
        assert_eq!(within(&packets, &pts, &(0..4)), there(90.0, 20.0));
        assert_eq!(within(&packets, &pts, &(1..4)), there(0.0, 25.0));
        assert_eq!(within(&packets, &pts, &(6..7)), there(150.0, 150.0));
        let intra: Vec<_> = (0..6).map(|pts| packet(pts, true, 50)).collect();
        assert_eq!(movement(&intra, &pts)[..2], [50, 50]);
        assert_eq!(activity(&intra, &pts, 3), [there(50.0, 50.0); 2]);
        assert_eq!(activity(&[], &[], 0), [Activity::default()]);
    }

    #[test]
    fn the_busiest_segment_is_found_by_the_source() {
        let segments = [there(100.0, 10.0), there(100.0, 40.0)];
        let tried = [(weight(50, 5), segments[0])];
        // Half of the source's bytes: a head of 50 and nine others of 20.
        assert_eq!(busiest(&tried, &segments, 10), 23.0);
        // A fourth of the bytes of the others, most of which are where the source is busy.
        let both = [
            (weight(50, 5), segments[0]),
            (weight(50, 15), there(100.0, 70.0)),
        ];
        assert_eq!(busiest(&both, &segments, 10), 14.0);
        // No burst at a key picture of the source: heads are as they were seen.
        let off = [(weight(50, 5), there(0.0, 10.0))];
        assert_eq!(busiest(&off, &segments, 10), 23.0);
        assert_eq!(busiest(&[], &segments, 2), 0.0);
    }
}
