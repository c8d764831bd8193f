//! What takes the samples of a timeline, frame by frame: an encoder, or a meter.

use super::cutter::Cutter;
use super::encoder::SoundEncoder;
use crate::error::EngineError;

/// Takes samples.
pub(super) trait Sink {
    /// One frame, left and right, that begins at sample `start`.
    fn take(&mut self, start: u64, channels: [&[f32]; 2]) -> Result<(), EngineError>;

    /// No frame follows.
    fn finish(&mut self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Encodes and cuts.
pub(super) struct Encoding<'a> {
    encoder: SoundEncoder,
    cutter: Cutter<'a>,
    /// What samples are multiplied by.
    factor: Option<f32>,
}

impl<'a> Encoding<'a> {
    pub(super) fn new(encoder: SoundEncoder, cutter: Cutter<'a>, factor: Option<f32>) -> Self {
        Self {
            encoder,
            cutter,
            factor,
        }
    }

    fn drain(&mut self) -> Result<(), EngineError> {
        while let Some(data) = self.encoder.receive()? {
            self.cutter.push(data)?;
        }
        Ok(())
    }
}

impl Sink for Encoding<'_> {
    fn take(&mut self, start: u64, channels: [&[f32]; 2]) -> Result<(), EngineError> {
        match self.factor {
            Some(factor) => {
                let raised = channels.map(|c| c.iter().map(|s| s * factor).collect::<Vec<f32>>());
                self.encoder.send(start, [&raised[0], &raised[1]])?;
            }
            None => self.encoder.send(start, channels)?,
        }
        self.drain()
    }

    fn finish(&mut self) -> Result<(), EngineError> {
        self.encoder.finish()?;
        self.drain()?;
        self.cutter.finish()
    }
}
