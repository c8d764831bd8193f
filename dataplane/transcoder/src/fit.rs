//! A ladder fitted to its source: samples of the source are encoded by every rung with its real
//! settings, shown at the size of the tallest, and a rung that looks like the one above it is left
//! out. What stays keeps its settings.

mod likeness;
mod samples;
mod trial;

use std::ops::Range;
use std::sync::Arc;

use ffmpeg_next as ff;
use streamgate_contract::plan::VideoFacts;

use crate::decode::Pictures;
use crate::encode::VideoSettings;
use crate::error::EngineError;
use crate::plan::grid;
use crate::plan::ladder::Rung;
use crate::scale::Cascade;
use crate::source::Source;
use crate::treat::Treat;
use likeness::Likeness;

/// Least difference of two rungs in points of VMAF: less is not seen.
const LEAST: f64 = 2.0;

type Picture = Arc<ff::frame::Video>;

/// The rungs that are worth their bits. `settings` are those of the rungs, in their order.
pub fn fit(
    source: &Source,
    video: &VideoFacts,
    rungs: Vec<Rung>,
    settings: &[VideoSettings],
) -> Result<Vec<Rung>, EngineError> {
    let scores = scores(source, video, settings)?;
    for (rung, score) in rungs.iter().zip(&scores) {
        let (height, codec) = (rung.height, rung.codec.name());
        eprintln!("fitting the ladder: {height} in {codec} scores {score:.1}");
    }
    let rated: Vec<(Rung, f64)> = rungs.into_iter().zip(scores).collect();
    Ok(worth(rated))
}

/// For each codec the tallest rung, the lowest, which is there for slow lines, and those between that
/// differ from the one above.
fn worth(rated: Vec<(Rung, f64)>) -> Vec<Rung> {
    let mut kept: Vec<(Rung, f64)> = Vec::with_capacity(rated.len());
    let mut rated = rated.into_iter().peekable();
    while let Some((rung, score)) = rated.next() {
        let of_codec = |next: &(Rung, f64)| next.0.codec == rung.codec;
        let lowest = !rated.peek().is_some_and(of_codec);
        let above = kept.last().filter(|k| k.0.codec == rung.codec);
        if lowest || above.is_none_or(|above| above.1 - score >= LEAST) {
            kept.push((rung, score));
        }
    }
    kept.into_iter().map(|(rung, _)| rung).collect()
}

/// What each rung looks like, in points that differ as those of VMAF do, over all samples.
fn scores(
    source: &Source,
    video: &VideoFacts,
    settings: &[VideoSettings],
) -> Result<Vec<f64>, EngineError> {
    let mut likeness = vec![Likeness::default(); settings.len()];
    let tallest = (0..settings.len()).max_by_key(|n| settings[*n].height);
    let Some(tallest) = tallest else {
        return Ok(Vec::new());
    };
    for frames in samples::bursts(video.frames) {
        let pictures = pictures(source, video, frames, settings)?;
        let Some(reference) = pictures.get(tallest) else {
            continue;
        };
        for ((settings, pictures), likeness) in settings.iter().zip(&pictures).zip(&mut likeness) {
            trial::compare(settings, pictures, reference, likeness)?;
        }
    }
    Ok(likeness.iter().map(Likeness::points).collect())
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
    use streamgate_contract::renditions::VideoCodec;

    fn kept(rated: &[(VideoCodec, u32, f64)]) -> Vec<u32> {
        let rung = |(codec, height, score): &(VideoCodec, u32, f64)| {
            let rung = Rung {
                codec: *codec,
                width: 2,
                height: *height,
                max_kbps: 1,
                crf: 1,
                options: Default::default(),
            };
            (rung, *score)
        };
        let kept = worth(rated.iter().map(rung).collect());
        kept.iter().map(|rung| rung.height).collect()
    }

    #[test]
    fn a_rung_that_looks_like_the_one_above_is_left_out() {
        use VideoCodec::{Av1, H264};
        let hard = [(H264, 720, 94.0), (H264, 540, 89.0), (H264, 240, 60.0)];
        assert_eq!(kept(&hard), [720, 540, 240]);
        let easy = [
            (H264, 720, 97.0),
            (H264, 540, 96.0),
            (H264, 360, 94.5),
            (H264, 240, 94.0),
        ];
        assert_eq!(kept(&easy), [720, 360, 240]);
        let codecs = [
            (H264, 720, 97.0),
            (Av1, 720, 97.0),
            (Av1, 540, 96.0),
            (Av1, 360, 95.9),
        ];
        assert_eq!(kept(&codecs), [720, 720, 360]);
        assert_eq!(kept(&[(H264, 240, 10.0)]), [240]);
    }
}
