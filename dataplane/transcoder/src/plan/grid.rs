//! The frame grid: group of pictures ⊂ segment ⊂ chunk ⊂ span, in whole frames of the source.
//! Boundaries are frame indices, never seconds, so that nothing drifts.

use std::ops::Range;

use streamgate_contract::plan::{Grid, Ratio, SpanWork, Treatment};
use streamgate_contract::renditions::GridSettings;

/// The grid of a source of `frames` frames at `rate` frames per second.
pub fn grid(frames: u64, rate: Ratio, settings: &GridSettings) -> Grid {
    let gop_frames = gop_frames(rate, settings.gop_milliseconds);
    let segment_frames = gop_frames.saturating_mul(settings.gops_per_segment.max(1));
    let segments = frames.div_ceil(u64::from(segment_frames));
    Grid {
        gop_frames,
        segment_frames,
        segments_per_chunk: settings.segments_per_chunk.max(1),
        chunks_per_span: settings.chunks_per_span.max(1),
        segments: u32::try_from(segments).unwrap_or(u32::MAX),
    }
}

fn gop_frames(rate: Ratio, milliseconds: u32) -> u32 {
    let den = i128::from(rate.den.max(1)) * 1_000;
    let frames = (i128::from(rate.num) * i128::from(milliseconds) * 2 + den) / (den * 2);
    u32::try_from(frames).unwrap_or(u32::MAX / 64).max(1)
}

/// Frames of segment `number`.
pub fn segment(grid: &Grid, frames: u64, number: u32) -> Range<u64> {
    let length = u64::from(grid.segment_frames);
    let start = (u64::from(number) * length).min(frames);
    start..(start + length).min(frames)
}

/// Segments of chunk `index`.
pub fn chunk_segments(grid: &Grid, index: u32) -> Range<u32> {
    let start = index
        .saturating_mul(grid.segments_per_chunk)
        .min(grid.segments);
    start
        ..start
            .saturating_add(grid.segments_per_chunk)
            .min(grid.segments)
}

/// Frames of chunk `index`.
pub fn chunk(grid: &Grid, frames: u64, index: u32) -> Range<u64> {
    let segments = chunk_segments(grid, index);
    let end = segments.end.saturating_sub(1);
    segment(grid, frames, segments.start).start..segment(grid, frames, end).end
}

/// `frames` and those around them, of `all`, that a treatment looks at: decoded, then discarded.
pub fn with_roll(frames: Range<u64>, treatment: &Treatment, all: u64) -> Range<u64> {
    let roll = u64::from(treatment.deinterlace);
    frames.start.saturating_sub(roll)..(frames.end + roll).min(all)
}

/// The work of every completion index: the spans of video, then audio, if there are any.
pub fn works(grid: &Grid, video: bool, audio: bool) -> Vec<SpanWork> {
    let spans = if video { grid.video_spans() } else { 0 };
    let video = (0..spans).map(|span| {
        let first_chunk = span * grid.chunks_per_span;
        let chunks = grid.chunks_per_span.min(grid.chunks() - first_chunk);
        SpanWork::Video {
            first_chunk,
            chunks,
        }
    });
    video.chain(audio.then_some(SpanWork::Audio)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(num: i64, den: i64) -> Ratio {
        Ratio { num, den }
    }

    #[test]
    fn common_rates_give_the_documented_lengths() {
        let table = [
            (rate(25, 1), 50, 100),
            (rate(30_000, 1_001), 60, 120),
            (rate(24_000, 1_001), 48, 96),
            (rate(60, 1), 120, 240),
        ];
        for (rate, gop, segment) in table {
            let grid = grid(1_000, rate, &GridSettings::default());
            assert_eq!((grid.gop_frames, grid.segment_frames), (gop, segment));
        }
    }

    #[test]
    fn the_worked_example_has_six_chunks_and_four_indexes() {
        let settings = GridSettings {
            segments_per_chunk: 1,
            chunks_per_span: 2,
            ..GridSettings::default()
        };
        let grid = grid(600, rate(25, 1), &settings);
        assert_eq!(
            (grid.segments, grid.chunks(), grid.video_spans()),
            (6, 6, 3)
        );
        assert_eq!(works(&grid, true, true).len(), 4);
        assert_eq!(chunk(&grid, 600, 5), 500..600);
    }

    #[test]
    fn deinterlacing_sees_a_frame_past_each_end_but_not_past_the_source() {
        let deinterlace = Treatment {
            deinterlace: true,
            ..Treatment::default()
        };
        assert_eq!(with_roll(100..200, &deinterlace, 600), 99..201);
        assert_eq!(with_roll(0..600, &deinterlace, 600), 0..600);
        assert_eq!(with_roll(5..6, &Treatment::default(), 9), 5..6);
    }

    #[test]
    fn the_default_grid_makes_the_same_clip_one_span() {
        let grid = grid(600, rate(25, 1), &GridSettings::default());
        assert_eq!((grid.chunks(), grid.video_spans()), (2, 1));
    }

    proptest! {
        #[test]
        fn chunks_of_the_spans_tile_the_frames(
            frames in 1_u64..50_000, num in 1_i64..240, gop in 500_u32..10_000,
            gops in 1_u32..10, segments in 1_u32..32, chunks in 1_u32..256,
        ) {
            let settings = GridSettings {
                gop_milliseconds: gop, gops_per_segment: gops,
                segments_per_chunk: segments, chunks_per_span: chunks,
            };
            let grid = grid(frames, rate(num, 1), &settings);
            let mut next = 0;
            for work in works(&grid, true, false) {
                let SpanWork::Video { first_chunk, chunks } = work else { unreachable!() };
                prop_assert!(chunks >= 1);
                for index in first_chunk..first_chunk + chunks {
                    let range = chunk(&grid, frames, index);
                    prop_assert_eq!(range.start, next);
                    prop_assert!(range.end > range.start);
                    prop_assert_eq!(range.start % u64::from(grid.gop_frames), 0);
                    next = range.end;
                }
            }
            prop_assert_eq!(next, frames);
        }
    }
}
