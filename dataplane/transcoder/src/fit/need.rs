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
/// makes of them elsewhere. A burst that was busier than that counts itself.
pub(super) fn busiest(
    trials: &[(Weight, Activity)],
    activity: &[Activity],
    gop_frames: u32,
) -> f64 {
    let sum = |of: &dyn Fn(&(Weight, Activity)) -> f64| trials.iter().map(of).sum::<f64>();
    let share = |made: f64, source: f64| if source > 0.0 { made / source } else { 0.0 };
    let heads = share(sum(&|t| t.0.head()), sum(&|t| t.1.key));
    let others = share(sum(&|t| t.0.other()), sum(&|t| t.1.other));
    let everywhere = activity
        .iter()
        .map(|there| per_picture(heads * there.key, others * there.other, gop_frames));
    let tried = trials
        .iter()
        .map(|(weight, _)| per_picture(weight.head(), weight.other(), gop_frames));
    everywhere.chain(tried).fold(0.0, f64::max)
}

/// Bytes of a picture of a group, on average: one head, and others.
fn per_picture(head: f64, other: f64, gop_frames: u32) -> f64 {
    let gop = f64::from(gop_frames.max(1));
    (head + other * (gop - 1.0)) / gop
}

/// The source's activity around a burst.
pub(super) fn around(activity: &[Activity], burst: &Range<u64>, segment_frames: u32) -> Activity {
    let segment = burst.start / u64::from(segment_frames.max(1));
    let segment = usize::try_from(segment).unwrap_or(usize::MAX);
    let there = activity.get(segment).or(activity.last());
    there.copied().unwrap_or_default()
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
        assert_eq!(around(&found, &(1..2), 3), found[0]);
        assert_eq!(around(&found, &(6..7), 3), found[1]);
        let intra: Vec<_> = (0..6).map(|pts| packet(pts, true, 50)).collect();
        assert_eq!(activity(&intra, &pts, 3), [there(50.0, 50.0); 2]);
        assert_eq!(activity(&[], &[], 0), [Activity::default()]);
    }

    #[test]
    fn the_busiest_segment_is_found_by_the_source() {
        let segments = [there(100.0, 10.0), there(100.0, 40.0)];
        let tried = [(weight(50, 5), segments[0])];
        // Half of the source's bytes: a head of 50 and nine others of 20.
        assert_eq!(busiest(&tried, &segments, 10), 23.0);
        let busier = [(weight(50, 30), segments[0]), (weight(50, 0), segments[1])];
        assert_eq!(busiest(&busier, &segments, 10), 32.0);
        assert_eq!(busiest(&[(weight(8, 2), there(0.0, 0.0))], &[], 2), 5.0);
        assert_eq!(busiest(&[], &segments, 2), 0.0);
    }
}
