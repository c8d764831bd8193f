//! Does a plan hold together? It comes from a process that parsed hostile media, so every number
//! that is later reckoned with is bounded here. Values in, values out.

mod text;

use std::collections::BTreeSet;

use streamgate_contract::plan::{
    ByteRange, Grid, Media, Plan, Ratio, SourceFacts, SourceLimits, SpanPlan, SpanWork, TrackPlan,
    VideoFacts,
};
use streamgate_contract::stills::{Still, Stills};

/// Most tracks of an output: the ladder's bound and the languages'.
const MAX_TRACKS: usize = 32;
/// Most spans: completions of an Indexed Job.
const MAX_SPANS: usize = 10_000;
/// Most bytes of an init segment.
const MAX_INIT_BYTES: u64 = 1 << 20;
/// Most bytes of a still image.
const MAX_STILL_BYTES: u64 = 16 << 20;
/// Most tiles of a storyboard.
const MAX_TILES: u32 = 1_000;
/// Most pixels of a tile's side.
const MAX_TILE_SIDE: u32 = 2_000;
/// Most media time of a tile.
const MAX_TILE_MILLISECONDS: u32 = 24 * 3_600_000;
/// Times and rates beyond this are nonsense, and cannot be reckoned with safely.
const MAX_TICKS: i64 = 1 << 60;

type Check = Result<(), &'static str>;

fn ensure(holds: bool, otherwise: &'static str) -> Check {
    holds.then_some(()).ok_or(otherwise)
}

/// Says what is wrong with a plan.
pub(super) fn plan(plan: &Plan, limits: &SourceLimits) -> Check {
    let engine = (1..=256).contains(&plan.engine.len());
    ensure(engine, "the engine's name is empty or too long")?;
    match &plan.source.video {
        Some(video) => pictures(video)?,
        None => ensure(!plan.source.audio.is_empty(), "its source has no stream")?,
    }
    source(&plan.source, limits)?;
    grid(&plan.grid, plan.source.grid_frames())?;
    tracks(plan)?;
    plan.stills.as_ref().map_or(Ok(()), stills)?;
    text::tracks(plan)?;
    spans(plan)
}

fn is_sane(ratio: Ratio) -> bool {
    let sane = 1..=i64::from(u32::MAX);
    sane.contains(&ratio.num) && sane.contains(&ratio.den)
}

fn source(source: &SourceFacts, limits: &SourceLimits) -> Check {
    let sides = 1..=limits.max_side;
    let fits = |v: &VideoFacts| sides.contains(&v.width) && sides.contains(&v.height);
    let picture = source.video.as_ref().is_none_or(fits);
    ensure(picture, "the picture is larger than the limit")?;
    let heard = source.audio.iter().all(|a| {
        let sane = |time: i64| (-MAX_TICKS..=MAX_TICKS).contains(&time);
        sane(a.start_microseconds) && sane(a.end_microseconds)
    });
    ensure(heard, "a time of its sound is out of bounds")?;
    // The engine refuses a source beyond the limit; a little more is a matter of rounding.
    let longest = limits.max_duration_seconds.saturating_add(10);
    let short = source.duration_milliseconds() / 1_000 <= longest;
    ensure(short, "the source is longer than the limit")
}

fn pictures(video: &VideoFacts) -> Check {
    let ratios = is_sane(video.frame_rate) && is_sane(video.time_base);
    ensure(ratios, "a rate or time base is out of bounds")?;
    let counted = video.frames >= 1 && video.frames == video.pts.len() as u64;
    ensure(counted, "its times are not as many as its frames")?;
    let ends = video.pts.iter().chain([&video.end_pts]);
    let bounded = ends
        .clone()
        .all(|pts| (-MAX_TICKS..=MAX_TICKS).contains(pts));
    ensure(bounded && ends.is_sorted(), "its times do not rise")
}

fn grid(grid: &Grid, frames: u64) -> Check {
    let lengths = [
        grid.gop_frames,
        grid.segment_frames,
        grid.segments_per_chunk,
        grid.chunks_per_span,
    ];
    ensure(lengths.iter().all(|n| *n >= 1), "a length of its grid is 0")?;
    let whole = grid.segment_frames.is_multiple_of(grid.gop_frames);
    ensure(
        whole,
        "a segment is not a number of whole groups of pictures",
    )?;
    let segments = frames.div_ceil(u64::from(grid.segment_frames));
    let counted = u64::from(grid.segments) == segments && segments <= 1 << 24;
    ensure(counted, "its segments do not make the source")
}

fn tracks(plan: &Plan) -> Check {
    let tracks = &plan.tracks;
    ensure(
        (1..=MAX_TRACKS).contains(&tracks.len()),
        "it has no tracks, or too many",
    )?;
    let ids: BTreeSet<_> = tracks.iter().map(|track| &track.id).collect();
    ensure(ids.len() == tracks.len(), "it names a track twice")?;
    let still = |still: Still| ids.contains(&still.track());
    let media = !Still::ALL.into_iter().any(still);
    ensure(media, "a track has the name of a still image")?;
    let sound = tracks.iter().filter(|track| !is_video(track)).count();
    let pictures = plan.source.video.is_some() == (sound < tracks.len());
    ensure(pictures, "its video tracks and its source's differ")?;
    ensure(
        sound >= plan.source.audio.len() && (sound == 0) == plan.source.audio.is_empty(),
        "its audio tracks and its source's differ",
    )?;
    tracks
        .iter()
        .try_for_each(|track| one_track(track, &plan.grid))
}

fn stills(stills: &Stills) -> Check {
    for still in Still::ALL {
        let said = stills.plan(still);
        let hash = super::super::signature::is_sha256(&said.sha256);
        let size = (1..=MAX_STILL_BYTES).contains(&said.bytes);
        ensure(hash && size, "a still image has no size or no hash")?;
    }
    let tiles = &stills.tiles;
    let counts = 1..=MAX_TILES;
    let counted = counts.contains(&tiles.count) && counts.contains(&tiles.columns);
    let sides = 1..=MAX_TILE_SIDE;
    let sized = sides.contains(&tiles.width) && sides.contains(&tiles.height);
    let lasting = (1..=MAX_TILE_MILLISECONDS).contains(&tiles.milliseconds);
    ensure(
        counted && sized && lasting,
        "the tiles of its storyboard are out of bounds",
    )
}

fn is_video(track: &TrackPlan) -> bool {
    matches!(track.media, Media::Video { .. })
}

fn one_track(track: &TrackPlan, grid: &Grid) -> Check {
    let init = (1..=MAX_INIT_BYTES).contains(&track.init_bytes);
    let hash = super::super::signature::is_sha256(&track.init_sha256);
    ensure(init && hash, "an init segment has no size or no hash")?;
    let codecs = (1..=64).contains(&track.codecs.len()) && track.timescale >= 1;
    ensure(codecs, "a track has no codecs or no timescale")?;
    let counted = track.starts.len() as u64 == u64::from(grid.segments) + 1;
    let bounded = track
        .starts
        .last()
        .is_some_and(|end| *end <= MAX_TICKS as u64);
    let starts = counted && bounded && track.starts.is_sorted();
    ensure(
        starts,
        "the starts of a track are not those of its segments",
    )
}

fn spans(plan: &Plan) -> Check {
    let spans = &plan.spans;
    ensure(
        (1..=MAX_SPANS).contains(&spans.len()),
        "it has no spans, or too many",
    )?;
    let sounds = spans
        .iter()
        .filter(|span| span.work == SpanWork::Audio)
        .count();
    let wanted = usize::from(!plan.source.audio.is_empty());
    ensure(sounds == wanted, "sound is in no span, or in several")?;
    let mut next = 0;
    for span in spans {
        if let SpanWork::Video {
            first_chunk,
            chunks,
        } = span.work
        {
            let follows = first_chunk == next && chunks >= 1;
            ensure(follows, "its spans leave chunks out or do them twice")?;
            next = first_chunk
                .checked_add(chunks)
                .ok_or("a span is too long")?;
        }
        bytes(span, plan.source.bytes)?;
    }
    let chunks = match plan.source.video {
        Some(_) => plan.grid.chunks(),
        None => 0,
    };
    ensure(next == chunks, "its spans do not cover every chunk")
}

/// Ascending, disjoint, inside the source.
fn bytes(span: &SpanPlan, source: u64) -> Check {
    let mut at = 0;
    for ByteRange { start, end } in &span.bytes {
        ensure(
            at <= *start && start < end,
            "a span's bytes are out of order",
        )?;
        at = *end;
    }
    ensure(at <= source, "a span reads beyond the source")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::worker::testing;
    use streamgate_contract::stills::{StillPlan, Tiles};

    fn refused(change: impl FnOnce(&mut Plan)) -> &'static str {
        let mut changed = testing::plan();
        change(&mut changed);
        plan(&changed, &SourceLimits::default()).unwrap_err()
    }

    #[test]
    fn a_plan_of_the_engine_holds_together() {
        assert_eq!(plan(&testing::plan(), &SourceLimits::default()), Ok(()));
    }

    #[test]
    fn spans_must_cover_every_chunk_once() {
        let words = "its spans leave chunks out or do them twice";
        assert_eq!(refused(|p| drop(p.spans.remove(0))), words);
        assert_eq!(refused(|p| p.spans[1].work = p.spans[0].work), words);
        let words = "its spans do not cover every chunk";
        assert_eq!(refused(|p| drop(p.spans.remove(2))), words);
        let words = "sound is in no span, or in several";
        assert_eq!(refused(|p| drop(p.spans.pop())), words);
        let outside = ByteRange {
            start: 0,
            end: 1 << 40,
        };
        let words = "a span reads beyond the source";
        assert_eq!(refused(|p| p.spans[0].bytes = vec![outside]), words);
    }

    #[test]
    fn stills_are_bounded_and_no_track_is_one() {
        let still = || StillPlan {
            sha256: "0a".repeat(32),
            bytes: 1,
            width: 2,
            height: 2,
        };
        let tiles = Tiles {
            count: 1,
            columns: 1,
            width: 2,
            height: 2,
            milliseconds: 1_000,
        };
        let stills = Stills {
            poster: still(),
            storyboard: still(),
            tiles,
        };
        let mut good = testing::plan();
        good.stills = Some(stills.clone());
        assert_eq!(plan(&good, &SourceLimits::default()), Ok(()));
        let with = |change: fn(&mut Stills)| {
            let mut stills = stills.clone();
            change(&mut stills);
            refused(|plan| plan.stills = Some(stills))
        };
        let words = "a still image has no size or no hash";
        assert_eq!(with(|s| s.poster.bytes = 0), words);
        assert_eq!(with(|s| s.storyboard.sha256.clear()), words);
        let words = "the tiles of its storyboard are out of bounds";
        assert_eq!(with(|s| s.tiles.count = 0), words);
        assert_eq!(with(|s| s.tiles.columns = u32::MAX), words);
        assert_eq!(with(|s| s.tiles.milliseconds = 0), words);
        let words = "a track has the name of a still image";
        assert_eq!(refused(|p| p.tracks[0].id = Still::Poster.track()), words);
    }

    #[test]
    fn numbers_that_cannot_be_reckoned_with_are_refused() {
        fn video(plan: &mut Plan) -> &mut VideoFacts {
            plan.source.video.as_mut().unwrap()
        }
        refused(|p| video(p).end_pts = i64::MAX);
        refused(|p| video(p).pts[0] = i64::MIN);
        refused(|p| video(p).time_base.den = 0);
        refused(|p| video(p).frames = 1);
        refused(|p| p.source.audio[0].end_microseconds = i64::MAX);
        refused(|p| p.grid.segment_frames = 0);
        refused(|p| p.grid.segments = u32::MAX);
        refused(|p| p.tracks[0].starts[1] = u64::MAX);
        refused(|p| p.tracks[0].starts.truncate(3));
        refused(|p| p.tracks[0].init_sha256.make_ascii_uppercase());
        refused(|p| p.tracks[1].id = p.tracks[0].id.clone());
        refused(|p| p.tracks.clear());
    }

    /// The same plan of a source without pictures, 24 s in milliseconds.
    fn sound_alone(plan: &mut Plan) {
        plan.source.video = None;
        plan.source.audio[0].end_microseconds = 24_000_000;
        plan.tracks.retain(|track| !is_video(track));
        plan.spans.retain(|span| span.work == SpanWork::Audio);
        (plan.grid.gop_frames, plan.grid.segment_frames) = (2_000, 4_000);
    }

    #[test]
    fn sound_alone_is_a_plan_and_must_not_name_pictures() {
        let mut sound = testing::plan();
        sound_alone(&mut sound);
        assert_eq!(plan(&sound, &SourceLimits::default()), Ok(()));
        refused(|p| p.source.video = None);
        let words = "its video tracks and its source's differ";
        let named = |p: &mut Plan| {
            let picture = p.tracks[0].clone();
            sound_alone(p);
            p.tracks.insert(0, picture);
        };
        assert_eq!(refused(named), words);
        let silent = |p: &mut Plan| {
            sound_alone(p);
            p.source.audio.clear();
        };
        assert_eq!(refused(silent), "its source has no stream");
    }
}
