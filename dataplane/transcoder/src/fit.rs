//! A ladder fitted to its source: samples of the source are encoded by every rung with its real
//! settings and shown at the size of the tallest. A rung is left out that looks like the one above it, or
//! that closes no gap between its neighbours, or that stands below one that the slowest line carries.
//! What stays keeps its settings.

mod likeness;
mod need;
mod samples;
mod trial;

use std::ops::Range;
use std::sync::Arc;

use ffmpeg_next as ff;
use streamgate_contract::plan::{Grid, VideoFacts};

use crate::decode::Pictures;
use crate::encode::VideoSettings;
use crate::error::EngineError;
use crate::plan::grid;
use crate::plan::ladder::Rung;
use crate::probe::Scan;
use crate::scale::Cascade;
use crate::source::Source;
use crate::treat::Treat;
use likeness::Likeness;
use need::{Activity, Weight};

/// Least difference of two rungs in points of VMAF: less is not seen.
const LEAST: f64 = 2.0;
/// A step of so many points is small enough: one of six is just noticed, and points here are as good as
/// two of VMAF.
const STEP: f64 = 4.0;
/// What samples say of the busiest segment may be too little by this factor.
const MARGIN: f64 = 1.3;

type Picture = Arc<ff::frame::Video>;

/// What the samples say of a rung.
#[derive(Clone, Copy, Debug, Default)]
struct Rating {
    /// Points that differ as those of VMAF do.
    score: f64,
    /// kbit/s of the busiest segment.
    kbps: f64,
}

/// The rungs that are worth their bits. `settings` are those of the rungs, in their order.
pub fn fit(
    source: &Source,
    (scan, video): (&Scan, &VideoFacts),
    grid: &Grid,
    rungs: Vec<Rung>,
    settings: &[VideoSettings],
) -> Result<Vec<Rung>, EngineError> {
    let ratings = ratings(source, (scan, video), grid, settings)?;
    for (rung, Rating { score, kbps }) in rungs.iter().zip(&ratings) {
        let (height, codec) = (rung.height, rung.codec.name());
        eprintln!(
            "fitting the ladder: {height} in {codec} scores {score:.1}, needs {kbps:.0} kbit/s"
        );
    }
    Ok(worth(rungs.into_iter().zip(ratings).collect()))
}

/// For each codec, from the tallest on, the rungs that differ from the one above and whose lower neighbour
/// is too far from it, down to the first that the slowest line carries. That line is what the lowest
/// rung's cap says.
fn worth(rated: Vec<(Rung, Rating)>) -> Vec<Rung> {
    let mut kept: Vec<(Rung, Rating)> = Vec::with_capacity(rated.len());
    for (at, (rung, rating)) in rated.iter().enumerate() {
        let of_codec = |other: &&(Rung, Rating)| other.0.codec == rung.codec;
        let lowest = rated.iter().rfind(of_codec);
        let slowest = lowest.map_or(0.0, |lowest| f64::from(lowest.0.max_kbps));
        let below = rated.get(at + 1).filter(of_codec).map(|below| below.1);
        let above = kept.last().filter(of_codec).map(|above| above.1);
        let worth = above.is_none_or(|above| {
            let carried = above.kbps * MARGIN <= slowest;
            let differs = above.score - rating.score >= LEAST;
            let closes = |below: Rating| differs && above.score - below.score > STEP;
            !carried && below.is_none_or(closes)
        });
        if worth {
            kept.push((rung.clone(), *rating));
        }
    }
    kept.into_iter().map(|(rung, _)| rung).collect()
}

/// What each rung looks like and needs, over all samples.
fn ratings(
    source: &Source,
    (scan, video): (&Scan, &VideoFacts),
    grid: &Grid,
    settings: &[VideoSettings],
) -> Result<Vec<Rating>, EngineError> {
    let Some(tallest) = (0..settings.len()).max_by_key(|n| settings[*n].height) else {
        return Ok(Vec::new());
    };
    let mut trials = vec![Trials::default(); settings.len()];
    let activity = need::activity(&scan.video, &video.pts, grid.segment_frames);
    let movement = need::movement(&scan.video, &video.pts);
    for frames in samples::bursts(&movement, &keys(scan, video)) {
        let there = need::within(&scan.video, &video.pts, &frames);
        let pictures = pictures(source, video, frames, settings)?;
        let Some(reference) = pictures.get(tallest) else {
            continue;
        };
        for ((settings, pictures), trials) in settings.iter().zip(&pictures).zip(&mut trials) {
            let weight = trial::compare(settings, pictures, reference, &mut trials.likeness)?;
            trials.weights.push((weight, there));
        }
    }
    let rated = trials.iter().zip(settings);
    Ok(rated.map(|(t, s)| t.rating(&activity, s)).collect())
}

/// A rung's trials so far.
#[derive(Clone, Debug, Default)]
struct Trials {
    likeness: Likeness,
    /// What each burst weighs, and how busy the source is around it.
    weights: Vec<(Weight, Activity)>,
}

impl Trials {
    fn rating(&self, activity: &[Activity], settings: &VideoSettings) -> Rating {
        let second = settings.rate.num as f64 / settings.rate.den.max(1) as f64;
        let bytes = need::busiest(&self.weights, activity, settings.gop_frames);
        let kbps = bytes * second * 8.0 / 1_000.0;
        Rating {
            score: self.likeness.points(),
            kbps: kbps.min(f64::from(settings.max_kbps)),
        }
    }
}

/// Numbers of the pictures at which decoding can begin.
fn keys(scan: &Scan, video: &VideoFacts) -> Vec<u64> {
    let keys = scan.video.iter().filter(|packet| packet.key);
    keys.filter_map(|packet| video.pts.binary_search(&packet.pts).ok())
        .map(|number| number as u64)
        .collect()
}

/// Pictures of a burst in the sizes of all rungs, by rung.
fn pictures(
    source: &Source,
    video: &VideoFacts,
    frames: Range<u64>,
    settings: &[VideoSettings],
) -> Result<Vec<Vec<Picture>>, EngineError> {
    let sizes = settings.iter().map(|s| (s.width, s.height));
    let mut cascade = Cascade::new(sizes, video.colour.matrix);
    let mut treat = Treat::new(video);
    let mut of_rungs = vec![Vec::new(); settings.len()];
    let mut take = |numbered: Vec<(u64, ff::frame::Video)>| -> Result<(), EngineError> {
        for (number, mut picture) in numbered {
            if frames.contains(&number) {
                crate::video::prepare(&mut picture, number - frames.start, u32::MAX);
                let scaled = cascade.scale(picture)?;
                of_rungs.iter_mut().zip(scaled).for_each(|(r, p)| r.push(p));
            }
        }
        Ok(())
    };
    let wide = grid::with_roll(frames.clone(), &video.treatment, video.frames);
    let mut decoded = Pictures::open(source, video, wide)?;
    while let Some((number, picture)) = decoded.take()? {
        take(treat.push(number, picture)?)?;
    }
    take(treat.finish()?)?;
    Ok(of_rungs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgate_contract::renditions::VideoCodec::{self, Av1, H264};

    /// Rungs by codec, height, cap, score and need.
    fn kept(rated: &[(VideoCodec, u32, u32, f64, f64)]) -> Vec<u32> {
        let rung = |&(codec, height, max_kbps, score, kbps): &(VideoCodec, u32, u32, f64, f64)| {
            let rung = Rung {
                codec,
                width: 2,
                height,
                max_kbps,
                crf: 1,
                options: Default::default(),
            };
            (rung, Rating { score, kbps })
        };
        let kept = worth(rated.iter().map(rung).collect());
        kept.iter().map(|rung| rung.height).collect()
    }

    #[test]
    fn a_rung_that_looks_like_the_one_above_is_left_out() {
        let hard = [
            (H264, 720, 2_800, 94.0, 2_800.0),
            (H264, 540, 1_600, 89.0, 1_600.0),
            (H264, 240, 350, 60.0, 350.0),
        ];
        assert_eq!(kept(&hard), [720, 540, 240]);
        let soft = [
            (H264, 720, 2_800, 97.0, 1_900.0),
            (H264, 540, 1_600, 96.0, 1_200.0),
            (H264, 360, 700, 94.5, 600.0),
            (H264, 240, 350, 90.0, 300.0),
        ];
        assert_eq!(kept(&soft), [720, 360, 240]);
        assert_eq!(kept(&[(H264, 240, 350, 10.0, 900.0)]), [240]);
    }

    #[test]
    fn a_rung_between_two_that_are_near_is_left_out() {
        let rungs = |lowest| {
            [
                (H264, 720, 2_800, 97.0, 1_900.0),
                (H264, 540, 1_600, 94.5, 1_200.0),
                (H264, 360, 700, lowest, 600.0),
                (H264, 240, 350, 80.0, 300.0),
            ]
        };
        assert_eq!(kept(&rungs(93.0)), [720, 360, 240]);
        assert_eq!(kept(&rungs(92.0)), [720, 540, 360, 240]);
    }

    #[test]
    fn nothing_stands_below_a_rung_that_the_slowest_line_carries() {
        let easy = [
            (H264, 720, 2_800, 97.0, 500.0),
            (H264, 540, 1_600, 92.0, 260.0),
            (H264, 360, 700, 85.0, 150.0),
            (H264, 240, 350, 70.0, 90.0),
        ];
        assert_eq!(kept(&easy), [720, 540]);
        let slides = [(H264, 720, 2_800, 97.0, 90.0), (H264, 240, 350, 70.0, 30.0)];
        assert_eq!(kept(&slides), [720]);
    }

    #[test]
    fn every_codec_has_a_ladder_of_its_own() {
        let codecs = [
            (H264, 720, 2_800, 97.0, 300.0),
            (H264, 540, 350, 90.0, 150.0),
            (Av1, 720, 1_500, 97.0, 150.0),
            (Av1, 540, 850, 93.0, 120.0),
            (Av1, 360, 130, 90.0, 60.0),
        ];
        assert_eq!(kept(&codecs), [720, 540, 720, 540, 360]);
    }
}
