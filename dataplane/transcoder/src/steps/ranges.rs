//! The bytes of every span: computed from the scanned packets, then tried. Trying means reading
//! exactly what Encode will read from exactly those bytes; a container that turns out to need
//! more (no index, its own ideas) gets the whole source rather than a `SourceHole` in the field.

use streamgate_contract::plan::{ByteRange, Grid, Plan, SpanPlan, SpanWork, VideoFacts};

use crate::decode::PacketFeed;
use crate::error::EngineError;
use crate::input::{Depth, MediaInput};
use crate::plan::byte_map::{self, PacketInfo};
use crate::plan::grid;
use crate::probe::Scan;
use crate::source::Source;

pub(super) fn spans(
    source: &Source,
    scan: &Scan,
    plan: &Plan,
) -> Result<Vec<SpanPlan>, EngineError> {
    let works = grid::works(
        &plan.grid,
        plan.source.video.is_some(),
        !plan.source.audio.is_empty(),
    );
    if plan.encodes_at_once() {
        let span = |work| SpanPlan {
            work,
            bytes: whole(source),
        };
        return Ok(works.into_iter().map(span).collect());
    }
    let mut spans: Vec<SpanPlan> = Vec::new();
    for work in works {
        let fetched: u64 = spans.iter().map(|s| byte_map::total(&s.bytes)).sum();
        let bytes = match work {
            SpanWork::Video { .. } => match &plan.source.video {
                Some(facts) => video(source, scan, wanted(&plan.grid, facts, work), facts),
                None => whole(source),
            },
            SpanWork::Audio => audio(source, scan, fetched),
        };
        spans.push(SpanPlan { work, bytes });
    }
    Ok(spans)
}

fn whole(source: &Source) -> Vec<ByteRange> {
    vec![ByteRange {
        start: 0,
        end: source.bytes(),
    }]
}

/// PTS of the frames that a video span decodes.
fn wanted<'v>(grid: &Grid, video: &'v VideoFacts, work: SpanWork) -> &'v [i64] {
    let SpanWork::Video {
        first_chunk,
        chunks,
    } = work
    else {
        return &[];
    };
    let start = grid::chunk(grid, video.frames, first_chunk).start;
    let last = first_chunk + chunks.saturating_sub(1);
    let end = grid::chunk(grid, video.frames, last).end;
    let decoded = grid::with_roll(start..end, &video.treatment, video.frames);
    let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let range = index(decoded.start)..index(decoded.end);
    video.pts.get(range).unwrap_or_default()
}

fn video(source: &Source, scan: &Scan, wanted: &[i64], facts: &VideoFacts) -> Vec<ByteRange> {
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else {
        return whole(source);
    };
    let needed = byte_map::needed(&scan.video, &(*first..*last + 1));
    let packets: &[PacketInfo] = scan.video.get(needed).unwrap_or_default();
    let ranges = clip(byte_map::video(&scan.header, packets), source);
    let stream = facts.stream as usize;
    let limited = source.limited(source.bytes(), &ranges);
    match read_video(&limited, stream, wanted) {
        Ok(()) => ranges,
        Err(_) => whole(source),
    }
}

fn read_video(source: &Source, stream: usize, wanted: &[i64]) -> Result<(), EngineError> {
    let mut feed = PacketFeed::open(source, stream, wanted)?;
    while feed.take()?.is_some() {}
    feed.complete()
}

fn audio(source: &Source, scan: &Scan, fetched: u64) -> Vec<ByteRange> {
    // Over all spans a fifth more than the source may be fetched.
    let allowance = (source.bytes() / 5 * 6).saturating_sub(fetched);
    let packets: Vec<PacketInfo> = scan.audio.iter().flatten().copied().collect();
    let ranges = clip(byte_map::audio(&scan.header, &packets, allowance), source);
    let limited = source.limited(source.bytes(), &ranges);
    let mut streams = scan.facts.audio.iter().zip(&scan.audio);
    let read = streams.try_for_each(|(facts, packets)| {
        read_audio(&limited, facts.stream as usize, packets.len())
    });
    match read {
        Ok(()) => ranges,
        Err(_) => whole(source),
    }
}

fn read_audio(source: &Source, stream: usize, expected: usize) -> Result<(), EngineError> {
    let mut input = MediaInput::open(source, Depth::Index)?;
    input.select(stream);
    let mut found = 0;
    while let Some(packet) = input.read()? {
        found += usize::from(packet.stream() == stream);
    }
    if found >= expected {
        return Ok(());
    }
    Err(EngineError::Internal("audio packets are missing".into()))
}

fn clip(mut ranges: Vec<ByteRange>, source: &Source) -> Vec<ByteRange> {
    for range in &mut ranges {
        range.end = range.end.min(source.bytes());
    }
    ranges.retain(|r| r.start < r.end);
    ranges
}
