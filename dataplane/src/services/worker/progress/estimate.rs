//! How far a job is and how long it still takes, from what was committed and reported. Values in,
//! values out; time is measured from any fixed moment on.
//!
//! Percent counts committed segments, so it only rises. The rest is worked out lane by lane, a
//! lane being what one pod does: lanes at work go on at the speed seen lately, lanes that wait
//! follow as others end, at the mean speed. Sound is counted apart: it is encoded hundreds of
//! times faster than pictures and would make every estimate too good.

use std::collections::VecDeque;
use std::time::Duration;

/// Speed is measured over this long.
const WINDOW: Duration = Duration::from_secs(10);
/// A lane that is silent for longer is not at work.
const SILENT: Duration = Duration::from_secs(20);

/// How the work of a job divides.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Segments over all tracks.
    pub segments: u32,
    /// Length of the source.
    pub media_seconds: f64,
    /// Video frames to encode for a second of media, over all video tracks.
    pub frames_per_second: f64,
    /// What each pod does.
    pub lanes: Vec<Lane>,
}

/// What one pod does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Segments over all its tracks.
    pub segments: u32,
    /// Frames over all its video tracks.
    pub video_frames: u64,
    /// Frames of its audio track; its pod counts them together with the others.
    pub audio_frames: u64,
}

/// What is known of a job.
#[derive(Clone, Debug)]
pub struct History {
    shape: Shape,
    committed: u32,
    bytes: u64,
    began: Option<Duration>,
    ended: Option<Duration>,
    lanes: Vec<LaneHistory>,
    /// Most lanes seen at work at once.
    width: usize,
    /// Frames per second of a lane of pictures, lately.
    pace: Option<f64>,
}

#[derive(Clone, Debug, Default)]
struct LaneHistory {
    committed: u32,
    /// When how many frames were done.
    samples: VecDeque<(Duration, u64)>,
    reported_fps: f64,
}

/// What people are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Percent of segments committed, rounded down: 100 means all.
    pub percent: u32,
    /// Committed segments.
    pub committed: u32,
    /// All segments.
    pub segments: u32,
    /// Bytes committed.
    pub bytes: u64,
    /// Seconds of media encoded in a second.
    pub speed: Option<f64>,
    /// Time until everything is committed.
    pub eta: Option<Duration>,
}

impl History {
    /// Nothing is committed.
    pub fn new(shape: Shape) -> Self {
        Self {
            lanes: vec![LaneHistory::default(); shape.lanes.len()],
            shape,
            committed: 0,
            bytes: 0,
            began: None,
            ended: None,
            width: 0,
            pace: None,
        }
    }

    /// An init segment of this many bytes was committed.
    pub fn init(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A segment was committed.
    pub fn commit(&mut self, lane: u32, bytes: u64, now: Duration) {
        self.init(bytes);
        self.committed = self.committed.saturating_add(1).min(self.shape.segments);
        if let Some(lane) = self.lanes.get_mut(lane as usize) {
            lane.committed += 1;
        }
        if self.is_complete() {
            self.ended.get_or_insert(now);
        }
    }

    /// A pod has done `frames` of its lane, at `fps` lately.
    pub fn report(&mut self, lane: u32, frames: u64, fps: f64, now: Duration) {
        let Some(shape) = self.shape.lanes.get(lane as usize).copied() else {
            return;
        };
        self.began.get_or_insert(now);
        let known = &mut self.lanes[lane as usize];
        known.sample(now, pictures(&shape, frames));
        known.reported_fps = if mixed(&shape) { 0.0 } else { fps.max(0.0) };
        self.width = self.width.max(self.active(now).count());
        self.pace = self.mean_rate(now).or(self.pace);
    }

    /// Everything is committed.
    pub fn is_complete(&self) -> bool {
        self.committed >= self.shape.segments
    }

    fn is_done(&self, lane: usize) -> bool {
        self.lanes[lane].committed >= self.shape.lanes[lane].segments
    }

    /// Lanes at work.
    fn active(&self, now: Duration) -> impl Iterator<Item = usize> {
        let fresh = move |lane: &usize| {
            let last = self.lanes[*lane].samples.back();
            last.is_some_and(|(then, _)| now.saturating_sub(*then) <= SILENT)
        };
        (0..self.lanes.len()).filter(move |lane| !self.is_done(*lane) && fresh(lane))
    }

    /// Mean speed of the lanes of pictures at work.
    fn mean_rate(&self, now: Duration) -> Option<f64> {
        let video = |lane: &usize| self.shape.lanes[*lane].video_frames > 0;
        let rates = self.active(now).filter(video);
        let rates: Vec<f64> = rates.filter_map(|lane| self.lanes[lane].rate()).collect();
        (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
    }
}

impl LaneHistory {
    fn sample(&mut self, now: Duration, frames: u64) {
        // Fewer frames than before: another process began anew, the old speed says nothing.
        if self
            .samples
            .back()
            .is_some_and(|(_, before)| frames < *before)
        {
            self.samples.clear();
        }
        self.samples.push_back((now, frames));
        while self.samples.len() > 2 && now.saturating_sub(self.samples[1].0) >= WINDOW {
            self.samples.pop_front();
        }
    }

    /// Frames per second, once there is something to say.
    fn rate(&self) -> Option<f64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let seconds = last.0.saturating_sub(first.0).as_secs_f64();
        let rate = if seconds >= 0.5 {
            last.1.saturating_sub(first.1) as f64 / seconds
        } else {
            self.reported_fps
        };
        (rate > 0.0).then_some(rate)
    }
}

/// Sound and pictures in one lane.
fn mixed(lane: &Lane) -> bool {
    lane.video_frames > 0 && lane.audio_frames > 0
}

/// Of a mixed lane only pictures count; sound comes first, it is that much faster.
fn pictures(lane: &Lane, frames: u64) -> u64 {
    if mixed(lane) {
        frames.saturating_sub(lane.audio_frames)
    } else {
        frames
    }
}

/// Says how far a job is.
pub fn estimate(history: &History, now: Duration) -> Estimate {
    let (committed, segments) = (history.committed, history.shape.segments);
    let percent = u64::from(committed) * 100 / u64::from(segments.max(1));
    Estimate {
        percent: u32::try_from(percent).unwrap_or(100),
        committed,
        segments,
        bytes: history.bytes,
        speed: speed(history, now),
        eta: eta(history, now),
    }
}

fn speed(history: &History, now: Duration) -> Option<f64> {
    if let (Some(began), Some(ended)) = (history.began, history.ended) {
        let seconds = ended.saturating_sub(began).as_secs_f64();
        return (seconds > 0.5).then(|| history.shape.media_seconds / seconds);
    }
    let video = |lane: &usize| history.shape.lanes[*lane].video_frames > 0;
    let rates = history.active(now).filter(video);
    let rate: f64 = rates.filter_map(|lane| history.lanes[lane].rate()).sum();
    (rate > 0.0).then(|| rate / history.shape.frames_per_second.max(1.0))
}

fn eta(history: &History, now: Duration) -> Option<Duration> {
    if history.is_complete() {
        return Some(Duration::ZERO);
    }
    let pace = history.pace?;
    let active: Vec<usize> = history.active(now).collect();
    let mut slots = Vec::with_capacity(history.width);
    for lane in &active {
        slots.push(remaining(history, *lane, pace, now));
    }
    let waits = |lane: &usize| !history.is_done(*lane) && !active.contains(lane);
    let waiting: Vec<usize> = (0..history.lanes.len()).filter(waits).collect();
    let idle = history.width.saturating_sub(active.len());
    slots.extend(std::iter::repeat_n(0.0, idle.min(waiting.len())));
    let longest = schedule(
        slots,
        waiting.iter().map(|lane| whole(history, *lane) / pace),
    );
    Duration::try_from_secs_f64(longest).ok()
}

/// Seconds a lane at work still needs.
fn remaining(history: &History, lane: usize, pace: f64, now: Duration) -> f64 {
    let (shape, known) = (&history.shape.lanes[lane], &history.lanes[lane]);
    let all = if shape.video_frames > 0 {
        shape.video_frames
    } else {
        shape.audio_frames
    };
    let (then, done) = known.samples.back().copied().unwrap_or_default();
    let left = all.saturating_sub(done) as f64;
    let since = now.saturating_sub(then).as_secs_f64();
    (left / known.rate().unwrap_or(pace) - since).max(0.0)
}

/// Video frames of a waiting lane that are not committed; sound weighs nothing.
fn whole(history: &History, lane: usize) -> f64 {
    let (shape, known) = (&history.shape.lanes[lane], &history.lanes[lane]);
    let open = shape.segments.saturating_sub(known.committed);
    shape.video_frames as f64 * f64::from(open) / f64::from(shape.segments.max(1))
}

/// When the last of all is done if `waiting` are taken in order by whoever is free first.
fn schedule(mut slots: Vec<f64>, waiting: impl Iterator<Item = f64>) -> f64 {
    for seconds in waiting {
        let free = slots.iter_mut().min_by(|a, b| a.total_cmp(b));
        match free {
            Some(slot) => *slot += seconds,
            None => slots.push(seconds),
        }
    }
    slots.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests;
