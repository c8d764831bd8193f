//! A video span: decode once, scale in a cascade, one encoder thread per rung with a short queue.
//! A run of the encoder is one chunk and always starts from the same state, so a chunk's bytes do
//! not depend on the span it is in nor on what was done before.

mod rung;

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use ffmpeg_next as ff;
use streamgate_contract::plan::Plan;

use crate::decode::Pictures;
use crate::encode::VideoSettings;
use crate::error::EngineError;
use crate::events::Outbox;
use crate::plan::grid;
use crate::scale::Cascade;
use crate::source::Source;
use rung::Rung;
pub(crate) use rung::init_segment;

/// Pictures that may wait before each encoder: enough to keep it busy, little memory.
const QUEUE: usize = 6;

/// A picture on its way to an encoder.
struct Work {
    number: u64,
    picture: Arc<ff::frame::Video>,
}

/// Encodes `chunks` of every video track of `plan`. Chunks whose segments are all committed are
/// skipped, per track; decoding starts at the first chunk that somebody needs.
pub fn encode(
    plan: &Plan,
    source: &Source,
    chunks: Range<u32>,
    outbox: &Outbox,
) -> Result<(), EngineError> {
    let frames = plan.source.video.frames;
    let rungs = rungs(plan, &chunks, outbox)?;
    for rung in &rungs {
        let of = |chunk| grid::chunk(&plan.grid, frames, chunk);
        let length = |r: Range<u64>| r.end - r.start;
        let all: u64 = chunks.clone().map(|c| length(of(c))).sum();
        let todo: u64 = rung.todo.iter().map(|c| length(of(*c))).sum();
        outbox.expect(all, all - todo);
    }
    let needed = rungs.iter().flat_map(|r| r.todo.iter().copied());
    let (Some(first), Some(last)) = (needed.clone().min(), needed.max()) else {
        return Ok(());
    };
    let start = grid::chunk(&plan.grid, frames, first).start;
    let end = grid::chunk(&plan.grid, frames, last).end;
    pipeline(plan, source, start..end, rungs)
}

fn rungs<'a>(
    plan: &'a Plan,
    chunks: &Range<u32>,
    outbox: &'a Outbox,
) -> Result<Vec<Rung<'a>>, EngineError> {
    let mut rungs = Vec::new();
    for track in &plan.tracks {
        if let Some(settings) = VideoSettings::of(plan, track) {
            let open = |chunk: &u32| {
                grid::chunk_segments(&plan.grid, *chunk).any(|n| !outbox.has(&track.id, n))
            };
            let todo = chunks.clone().filter(open).collect();
            rungs.push(Rung::new(plan, track, settings, todo, outbox)?);
        }
    }
    Ok(rungs)
}

/// The threads. The first error wins: a rung that fails closes its queue, which ends the decoding.
fn pipeline(
    plan: &Plan,
    source: &Source,
    frames: Range<u64>,
    rungs: Vec<Rung>,
) -> Result<(), EngineError> {
    thread::scope(|scope| {
        let sizes: Vec<(u32, u32)> = rungs.iter().map(Rung::size).collect();
        let todo: Vec<Vec<u32>> = rungs.iter().map(|r| r.todo.clone()).collect();
        let (mut queues, mut workers) = (Vec::new(), Vec::new());
        for rung in rungs {
            let (queue, work) = sync_channel::<Work>(QUEUE);
            queues.push(queue);
            workers.push(scope.spawn(move || rung.run(work)));
        }
        let fed = feed(plan, source, frames, &sizes, &todo, &queues);
        drop(queues);
        let done = workers.into_iter().map(|w| {
            w.join()
                .unwrap_or_else(|_| Err(EngineError::Internal("an encoder thread panicked".into())))
        });
        // A closed queue is the consequence of a rung's error, so the rungs' errors come first.
        done.collect::<Result<Vec<()>, _>>()?;
        fed
    })
}

fn feed(
    plan: &Plan,
    source: &Source,
    frames: Range<u64>,
    sizes: &[(u32, u32)],
    todo: &[Vec<u32>],
    queues: &[SyncSender<Work>],
) -> Result<(), EngineError> {
    let mut pictures = Pictures::open(source, &plan.source.video, frames)?;
    let mut cascade = Cascade::new(sizes.iter().copied());
    let chunk_frames =
        u64::from(plan.grid.segment_frames) * u64::from(plan.grid.segments_per_chunk);
    while let Some((number, mut picture)) = pictures.take()? {
        let chunk = u32::try_from(number / chunk_frames).unwrap_or(u32::MAX);
        if !todo.iter().any(|t| t.contains(&chunk)) {
            continue;
        }
        prepare(&mut picture, number % chunk_frames, plan.grid.gop_frames);
        let scaled = cascade.scale(picture)?;
        for ((picture, queue), todo) in scaled.into_iter().zip(queues).zip(todo) {
            let work = Work { number, picture };
            if todo.contains(&chunk) && queue.send(work).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A picture's time is its number within the run; heads of groups are forced to be IDR.
fn prepare(picture: &mut ff::frame::Video, number: u64, gop_frames: u32) {
    picture.set_pts(i64::try_from(number).ok());
    let head = number.is_multiple_of(u64::from(gop_frames));
    picture.set_kind(if head {
        ff::picture::Type::I
    } else {
        ff::picture::Type::None
    });
}
