//! A video span: decode once, scale in a cascade, one encoder per rung; a thread per stage and
//! short queues between them. Encoders have one thread each: that costs less in all, and the
//! number of cores decides nothing but the time.
//!
//! A run of the encoder is one chunk and always starts from the same state, so a chunk's bytes do
//! not depend on the span it is in nor on what was done before.

mod quality;
mod rung;

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use ffmpeg_next as ff;
use streamgate_contract::plan::{Grid, Plan, TrackPlan, VideoFacts};

use crate::decode::Pictures;
use crate::encode::VideoSettings;
use crate::error::{EngineError, WithFile};
use crate::events::Outbox;
use crate::plan::grid;
use crate::scale::Cascade;
use crate::source::Source;
use crate::treat::Treat;
use rung::Rung;
pub(crate) use rung::init_segment;

/// Most pictures that wait before a stage.
const QUEUE: usize = 4;
/// Most bytes that wait before a stage, unless two pictures are more.
const QUEUE_BYTES: u64 = 16 << 20;

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
    let frames = facts(plan)?.frames;
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
    let settings = |track| Some((track, VideoSettings::of(plan, track)?));
    let tracks: Vec<_> = plan.tracks.iter().filter_map(settings).collect();
    let many = tracks.len() as u32;
    let rung = |(nth, (track, settings)): (u32, (&'a TrackPlan, VideoSettings))| {
        let open = |chunk: &u32| {
            grid::chunk_segments(&plan.grid, *chunk).any(|n| !outbox.has(&track.id, n))
        };
        let todo = chunks.clone().filter(open).collect();
        Rung::new(plan, track, settings, todo, (outbox, (nth, many)))
    };
    (0..many).zip(tracks).map(rung).collect()
}

/// The pictures of a plan that has some.
fn facts(plan: &Plan) -> Result<&VideoFacts, EngineError> {
    let video = plan.source.video.as_ref();
    video.ok_or_else(|| EngineError::Settings("the plan has no pictures to encode".into()))
}

/// The threads: decode, scale (this one), an encoder per rung. The first error wins: a stage that
/// fails closes its queues, which ends its neighbours.
fn pipeline(
    plan: &Plan,
    source: &Source,
    frames: Range<u64>,
    rungs: Vec<Rung>,
) -> Result<(), EngineError> {
    let video = facts(plan)?;
    thread::scope(|scope| {
        let sizes: Vec<(u32, u32)> = rungs.iter().map(Rung::size).collect();
        let todo: Vec<Vec<u32>> = rungs.iter().map(|r| r.todo.clone()).collect();
        let (mut queues, mut workers) = (Vec::new(), Vec::new());
        for rung in rungs {
            let (queue, work) = sync_channel::<Work>(depth(rung.size()));
            queues.push(queue);
            workers.push(stage(scope, rung.name(), move || rung.run(work))?);
        }
        let (decoded, pictures) = sync_channel(depth((video.width, video.height)));
        let decoding = stage(scope, "decode", move || {
            decode(source, video, frames, &decoded)
        })?;
        let scaled = scale((plan, video), pictures, &sizes, &todo, &queues);
        drop(queues);
        // A closed queue is the consequence of a neighbour's error, so the ends are asked first.
        workers.into_iter().try_for_each(join)?;
        scaled.and(join(decoding))
    })
}

/// Pictures that may wait before a stage: enough to keep it busy, few where they are large.
fn depth((width, height): (u32, u32)) -> usize {
    let bytes = (u64::from(width) * u64::from(height) * 3 / 2).max(1);
    usize::try_from(QUEUE_BYTES / bytes).map_or(QUEUE, |n| n.clamp(2, QUEUE))
}

type Stage<'s> = thread::ScopedJoinHandle<'s, Result<(), EngineError>>;

fn stage<'s>(
    scope: &'s thread::Scope<'s, '_>,
    name: &str,
    work: impl FnOnce() -> Result<(), EngineError> + Send + 's,
) -> Result<Stage<'s>, EngineError> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn_scoped(scope, work).doing("start a thread")
}

fn join(stage: Stage) -> Result<(), EngineError> {
    stage.join().unwrap_or_else(|_| {
        Err(EngineError::Internal(
            "a thread of the pipeline panicked".into(),
        ))
    })
}

fn decode(
    source: &Source,
    video: &VideoFacts,
    frames: Range<u64>,
    decoded: &SyncSender<(u64, ff::frame::Video)>,
) -> Result<(), EngineError> {
    let frames = grid::with_roll(frames, &video.treatment, video.frames);
    let mut pictures = Pictures::open(source, video, frames)?;
    while let Some(picture) = pictures.take()? {
        if decoded.send(picture).is_err() {
            break;
        }
    }
    Ok(())
}

fn scale(
    (plan, video): (&Plan, &VideoFacts),
    pictures: Receiver<(u64, ff::frame::Video)>,
    sizes: &[(u32, u32)],
    todo: &[Vec<u32>],
    queues: &[SyncSender<Work>],
) -> Result<(), EngineError> {
    let mut treat = Treat::new(video);
    let mut fan = Fan {
        cascade: Cascade::new(sizes.iter().copied(), video.colour.matrix),
        grid: &plan.grid,
        todo,
        queues,
    };
    for (number, picture) in pictures {
        for (number, picture) in treat.push(number, picture)? {
            if !fan.out(number, picture)? {
                return Ok(());
            }
        }
    }
    for (number, picture) in treat.finish()? {
        if !fan.out(number, picture)? {
            return Ok(());
        }
    }
    Ok(())
}

/// From one picture to all encoders that need it.
struct Fan<'a> {
    cascade: Cascade,
    grid: &'a Grid,
    todo: &'a [Vec<u32>],
    queues: &'a [SyncSender<Work>],
}

impl Fan<'_> {
    /// Scales and hands out; false when an encoder has gone.
    fn out(&mut self, number: u64, mut picture: ff::frame::Video) -> Result<bool, EngineError> {
        let length = u64::from(self.grid.segment_frames) * u64::from(self.grid.segments_per_chunk);
        let chunk = u32::try_from(number / length).unwrap_or(u32::MAX);
        if !self.todo.iter().any(|t| t.contains(&chunk)) {
            return Ok(true);
        }
        prepare(&mut picture, number % length, self.grid.gop_frames);
        let scaled = self.cascade.scale(picture)?;
        for ((picture, queue), todo) in scaled.into_iter().zip(self.queues).zip(self.todo) {
            let work = Work { number, picture };
            if todo.contains(&chunk) && queue.send(work).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A picture's time is its number within the run; heads of groups are forced to be IDR.
pub(crate) fn prepare(picture: &mut ff::frame::Video, number: u64, gop_frames: u32) {
    picture.set_pts(i64::try_from(number).ok());
    let head = number.is_multiple_of(u64::from(gop_frames));
    picture.set_kind(if head {
        ff::picture::Type::I
    } else {
        ff::picture::Type::None
    });
}
