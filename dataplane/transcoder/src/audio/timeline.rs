//! Sound on the video's timeline: resampled to 48 kHz stereo, placed by time. Silence fills what
//! is missing, what lies before the first picture or overlaps is cut, and the end is exactly the
//! planned number of samples.

use ffmpeg_next as ff;
use ffmpeg_next::format::sample::{Sample, Type};
use ffmpeg_next::software::resampling::Context;

use super::sink::Sink;
use crate::error::{During, EngineError};
use crate::plan::audio_cuts::RATE;

/// Time stamps may stray by this many samples (20 ms) before they count as a gap: containers
/// round, and filling every rounding would tear the sound.
const TOLERANCE: i64 = 960;

/// The output side: a FIFO in front of what takes the samples.
pub(super) struct Timeline<'a, S: Sink> {
    sink: &'a mut S,
    /// Samples of a frame.
    frame: usize,
    /// Samples in all.
    total: u64,
    /// Samples placed so far.
    placed: i64,
    /// Samples given away.
    sent: u64,
    pending: [Vec<f32>; 2],
    resampler: Option<Context>,
    started: bool,
}

impl<'a, S: Sink> Timeline<'a, S> {
    /// `total` samples for `sink`, in frames of `frame`.
    pub(super) fn new(sink: &'a mut S, frame: u64, total: u64) -> Self {
        let frame = usize::try_from(frame).unwrap_or(1_024).max(1);
        Self {
            frame,
            // Encoders take whole frames.
            total: total.div_ceil(frame as u64) * frame as u64,
            sink,
            placed: 0,
            sent: 0,
            pending: [Vec::new(), Vec::new()],
            resampler: None,
            started: false,
        }
    }

    /// Places a decoded frame at sample `at` of the timeline, or right after the last.
    pub(super) fn place(
        &mut self,
        frame: &ff::frame::Audio,
        at: Option<i64>,
    ) -> Result<(), EngineError> {
        if !self.fits(frame) {
            self.flush()?;
            self.resampler = Some(resampler(frame)?);
        }
        if let Some(at) = at {
            let next = self.placed + self.delay();
            if !self.started || (at - next).abs() > TOLERANCE {
                self.flush()?;
                self.resampler = Some(resampler(frame)?);
                self.go_to(at)?;
            }
        }
        self.started = true;
        let samples = self.convert(Some(frame))?;
        self.append(samples)
    }

    /// Fills up to the end and brings out the last frames.
    pub(super) fn finish(mut self) -> Result<(), EngineError> {
        self.flush()?;
        self.go_to(i64::try_from(self.total).unwrap_or(i64::MAX))?;
        self.sink.finish()
    }

    fn fits(&self, frame: &ff::frame::Audio) -> bool {
        self.resampler.as_ref().is_some_and(|r| {
            let input = r.input();
            input.format == frame.format()
                && input.rate == frame.rate()
                && input.channel_layout == layout(frame)
        })
    }

    /// Samples that are still inside the resampler.
    fn delay(&self) -> i64 {
        self.resampler
            .as_ref()
            .and_then(Context::delay)
            .map_or(0, |d| d.output)
    }

    /// Moves to sample `at`: with silence forwards, by cutting the next samples backwards.
    fn go_to(&mut self, at: i64) -> Result<(), EngineError> {
        // Silence goes in pieces: a gap may be hours long.
        while self.placed.max(0) < at && self.placed.max(0) < self.total as i64 {
            let length = usize::try_from((at - self.placed.max(0)).min(48_000)).unwrap_or(0);
            self.placed = self.placed.max(0);
            self.append([vec![0.0; length], vec![0.0; length]])?;
        }
        self.placed = at;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), EngineError> {
        if self.resampler.is_some() && self.delay() > 0 {
            let samples = self.convert(None)?;
            self.append(samples)?;
        }
        self.resampler = None;
        Ok(())
    }

    fn convert(&mut self, frame: Option<&ff::frame::Audio>) -> Result<[Vec<f32>; 2], EngineError> {
        let delay = usize::try_from(self.delay()).unwrap_or(0);
        let Some(resampler) = self.resampler.as_mut() else {
            return Ok([Vec::new(), Vec::new()]);
        };
        let input = frame.map_or(0, |f| {
            f.samples() * RATE as usize / f.rate().max(1) as usize
        });
        let room = input + delay + 256;
        let format = Sample::F32(Type::Planar);
        let mut output = ff::frame::Audio::new(format, room, ff::ChannelLayout::STEREO);
        match frame {
            Some(frame) => {
                let mut frame_with_layout = None;
                let frame = with_layout(frame, &mut frame_with_layout);
                resampler.run(frame, &mut output)
            }
            None => resampler.flush(&mut output),
        }
        .of_source("resample audio")?;
        let length = output.samples();
        let plane = |n| output.plane::<f32>(n)[..length].to_vec();
        Ok([plane(0), plane(1)])
    }

    /// Takes samples at the current place; only those inside the timeline and not yet filled.
    fn append(&mut self, samples: [Vec<f32>; 2]) -> Result<(), EngineError> {
        let length = samples[0].len() as i64;
        let filled = self.sent as i64 + self.pending[0].len() as i64;
        let from = (filled - self.placed).clamp(0, length) as usize;
        let to = (self.total as i64 - self.placed).clamp(from as i64, length) as usize;
        for (pending, channel) in self.pending.iter_mut().zip(&samples) {
            pending.extend_from_slice(&channel[from..to]);
        }
        self.placed += length;
        self.encode()
    }

    fn encode(&mut self) -> Result<(), EngineError> {
        let frame = self.frame;
        let full = self.pending[0].len() / frame;
        for n in 0..full {
            let range = n * frame..(n + 1) * frame;
            let [left, right] = &self.pending;
            self.sink
                .take(self.sent, [&left[range.clone()], &right[range]])?;
            self.sent += frame as u64;
        }
        for pending in &mut self.pending {
            pending.drain(..full * frame);
        }
        Ok(())
    }
}

/// A decoder may know the number of channels only.
fn layout(frame: &ff::frame::Audio) -> ff::ChannelLayout {
    let layout = frame.channel_layout();
    if layout.bits() == 0 {
        ff::ChannelLayout::default(i32::from(frame.channels()))
    } else {
        layout
    }
}

/// The frame itself, or a copy that says its layout: the resampler insists on it.
fn with_layout<'f>(
    frame: &'f ff::frame::Audio,
    copy: &'f mut Option<ff::frame::Audio>,
) -> &'f ff::frame::Audio {
    if frame.channel_layout().bits() != 0 {
        return frame;
    }
    let mut named = frame.clone();
    named.set_channel_layout(layout(frame));
    named.set_rate(frame.rate());
    copy.insert(named)
}

fn resampler(frame: &ff::frame::Audio) -> Result<Context, EngineError> {
    // Mixing many channels down keeps full scale: floats would otherwise grow past it and clip.
    let mut options = ff::Dictionary::new();
    options.set("rematrix_maxval", "1.0");
    Context::get_with(
        frame.format(),
        layout(frame),
        frame.rate(),
        Sample::F32(Type::Planar),
        ff::ChannelLayout::STEREO,
        RATE,
        options,
    )
    .of_source("set up resampling")
}
