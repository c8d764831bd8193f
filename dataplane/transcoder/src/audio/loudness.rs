//! How loud a stream is and what it is raised by: EBU R 128 over the very samples that its encoder
//! will get. Measured once, by Plan; the plan carries the gain, so every run has the same.

use ebur128::{EbuR128, Mode};
use streamgate_contract::plan::SoundLevel;
use streamgate_contract::renditions::{Loudness, LoudnessMode};

use super::encoder::CHANNELS;
use super::sink::Sink;
use crate::error::EngineError;
use crate::plan::audio_cuts::RATE;

/// Hundredths of a decibel in one.
const HUNDREDTHS: f64 = 100.0;

/// Hears a stream instead of encoding it.
pub(super) struct Meter(EbuR128);

impl Meter {
    pub(super) fn new() -> Result<Self, EngineError> {
        let meter = EbuR128::new(CHANNELS, RATE, Mode::I | Mode::TRUE_PEAK);
        meter.map(Self).map_err(|e| failed(&e))
    }

    /// What was heard, and the gain that `wanted` gives it.
    pub(super) fn level(&self, wanted: &Loudness) -> Result<SoundLevel, EngineError> {
        let loudness = self.0.loudness_global().map_err(|e| failed(&e))?;
        let mut peak: f64 = 0.0;
        for channel in 0..CHANNELS {
            peak = peak.max(self.0.true_peak(channel).map_err(|e| failed(&e))?);
        }
        let (loudness, true_peak) = (hundredths(loudness), hundredths(20.0 * peak.log10()));
        Ok(SoundLevel {
            loudness,
            true_peak,
            gain: gain(loudness, true_peak, wanted),
        })
    }
}

impl Sink for Meter {
    fn take(&mut self, _: u64, channels: [&[f32]; 2]) -> Result<(), EngineError> {
        let added = self.0.add_frames_planar_f32(&channels);
        added.map_err(|e| failed(&e))
    }
}

fn failed(error: &ebur128::Error) -> EngineError {
    EngineError::Internal(format!("loudness cannot be measured: {error}"))
}

/// Silence is endlessly far down and has none.
fn hundredths(decibels: f64) -> Option<i32> {
    let finite = decibels.is_finite().then_some(decibels * HUNDREDTHS);
    finite.map(|d| d.round().clamp(-30_000.0, 30_000.0) as i32)
}

/// As much as the target asks for and the peak leaves room for; none for silence.
fn gain(loudness: Option<i32>, true_peak: Option<i32>, wanted: &Loudness) -> i32 {
    let (LoudnessMode::Normalize, Some(loudness)) = (wanted.mode, loudness) else {
        return 0;
    };
    let to_target = wanted.target_lufs * 100 - loudness;
    match true_peak {
        Some(peak) => to_target.min(wanted.peak_dbtp * 100 - peak),
        None => to_target,
    }
}

/// What samples are multiplied by. Rounded to a float, in which the last places of a machine's `pow`
/// do not show.
pub(super) fn factor(gain: i32) -> f32 {
    10_f64.powf(f64::from(gain) / (20.0 * HUNDREDTHS)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gain_meets_the_target_unless_the_peak_forbids() {
        let wanted = Loudness::default();
        assert_eq!(gain(Some(-1_730), Some(-80), &wanted), -570);
        assert_eq!(gain(Some(-3_000), Some(-1_500), &wanted), 700);
        assert_eq!(gain(Some(-3_000), Some(-400), &wanted), 300);
        assert_eq!(gain(None, None, &wanted), 0);
        let measure = Loudness {
            mode: LoudnessMode::Measure,
            ..wanted
        };
        assert_eq!(gain(Some(-1_730), Some(-80), &measure), 0);
    }

    #[test]
    fn decibels_are_factors() {
        assert_eq!(factor(0), 1.0);
        assert!((factor(-602) - 0.5).abs() < 1e-3);
        assert!((factor(2_000) - 10.0).abs() < 1e-5);
        assert_eq!(hundredths(f64::NEG_INFINITY), None);
        assert_eq!(hundredths(-23.004), Some(-2_300));
    }

    /// A sine of 997 Hz at -20 dBFS in both channels measures -20 LUFS (EBU Tech 3341, signals 1 and 2).
    #[test]
    fn a_tone_is_as_loud_as_the_standard_says() {
        let tone: Vec<f32> = (0..RATE * 5)
            .map(|n| {
                let angle = f64::from(n) * 997.0 * std::f64::consts::TAU / f64::from(RATE);
                (0.1 * angle.sin()) as f32
            })
            .collect();
        let mut meter = Meter::new().unwrap();
        meter.take(0, [&tone, &tone]).unwrap();
        let level = meter.level(&Loudness::default()).unwrap();
        assert!((level.loudness.unwrap() + 2_000).abs() <= 10, "{level:?}");
        assert!((level.true_peak.unwrap() + 2_000).abs() <= 20, "{level:?}");
        let mut silent = Meter::new().unwrap();
        silent.take(0, [&[0.0; 48_000], &[0.0; 48_000]]).unwrap();
        let level = silent.level(&Loudness::default()).unwrap();
        assert_eq!((level.loudness, level.gain), (None, 0));
    }
}
