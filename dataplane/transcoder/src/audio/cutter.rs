//! From frames to segments. What an encoder puts before the first sample rides in segment 0; the
//! edit list of the init segment skips it, and later segments start that much later.

use streamgate_contract::plan::TrackPlan;

use crate::error::EngineError;
use crate::events::Outbox;
use crate::package::segment::{self, Sample};
use crate::plan::audio_cuts::Framing;

/// Collects the frames of a track.
pub(super) struct Cutter<'a> {
    track: &'a TrackPlan,
    framing: Framing,
    outbox: &'a Outbox,
    segment: usize,
    frames: u64,
    samples: Vec<Sample>,
}

impl<'a> Cutter<'a> {
    pub(super) fn new(track: &'a TrackPlan, framing: Framing, outbox: &'a Outbox) -> Self {
        Self {
            track,
            framing,
            outbox,
            segment: 0,
            frames: 0,
            samples: Vec::new(),
        }
    }

    /// Every segment is out.
    pub(super) fn is_done(&self) -> bool {
        self.segment + 1 >= self.track.starts.len()
    }

    /// Takes one frame; those after the end are nobody's.
    pub(super) fn push(&mut self, data: Vec<u8>) -> Result<(), EngineError> {
        let Some(end) = self.track.starts.get(self.segment + 1) else {
            return Ok(());
        };
        self.samples.push(Sample {
            data,
            duration: u32::try_from(self.framing.frame).unwrap_or(1_024),
            offset: 0,
            sync: true,
        });
        self.frames += 1;
        self.outbox.encoded(u64::from(self.frames > 1));
        match self.frames == self.framing.frames(*end) {
            true => self.cut(),
            false => Ok(()),
        }
    }

    fn cut(&mut self) -> Result<(), EngineError> {
        let samples = std::mem::take(&mut self.samples);
        let start = (self.frames - samples.len() as u64) * self.framing.frame;
        let number = u32::try_from(self.segment).unwrap_or(u32::MAX);
        let bytes = segment::audio(number, start, &samples)?;
        self.segment += 1;
        self.outbox.segment(&self.track.id, number, &bytes)
    }

    /// Every segment must be out.
    pub(super) fn finish(&self) -> Result<(), EngineError> {
        if self.is_done() && self.samples.is_empty() {
            return Ok(());
        }
        Err(EngineError::Internal(format!(
            "audio ended after {} frames in segment {}",
            self.frames, self.segment
        )))
    }
}
