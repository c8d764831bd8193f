//! The two things an order can ask for: plan a source, or do one span of a plan.

mod ahead;
mod make;
mod ranges;

use std::path::Path;
use std::thread;

use streamgate_contract::job_files::SegmentName;
use streamgate_contract::plan::{ByteRange, Plan, PlanRequest, SpanWork};
use streamgate_contract::stills::Still;

use crate::error::EngineError;
use crate::events::Outbox;
use crate::source::Source;
use crate::{audio, engine, probe, video};
use make::Made;

/// Nice value of what can wait: still enough for sound to keep up with the pictures beside it.
const BEHIND: i32 = 5;

/// Plans `source`: init segments, stills and the plan are put in place. A source of one span is
/// encoded at once, sound and picture side by side, and begun while its stills are still being made;
/// its segments leave after the plan, which `planned` hears of when it is in place. Files with subtitles
/// lie in `work`.
pub fn plan(
    source: &Source,
    request: &PlanRequest,
    (work, outbox): (&Path, &Outbox),
    planned: &dyn Fn(&Plan),
) -> Result<(), EngineError> {
    if source.is_arriving() {
        return ahead::plan(source, request, (work, outbox), planned);
    }
    let scan = probe::scan(source, &request.limits)?;
    let made = make::plan(source, scan, request, (work, outbox))?;
    conclude(&made, source, outbox, planned)
}

/// What is left when everything is planned.
fn conclude(
    made: &Made,
    source: &Source,
    outbox: &Outbox,
    planned: &dyn Fn(&Plan),
) -> Result<(), EngineError> {
    let held = outbox.hold();
    thread::scope(|scope| {
        let all = || encode_all(&made.plan, source, outbox);
        let work = made.plan.encodes_at_once().then(|| scope.spawn(all));
        let published = publish(made, source, outbox).inspect(|plan| {
            planned(plan);
            held.open();
        });
        let encoded = work.map_or(Ok(()), |work| ended(work, "the encoding thread panicked"));
        published.and(encoded)
    })
}

/// Puts everything in place that Plan makes; returns the whole plan.
fn publish(made: &Made, source: &Source, outbox: &Outbox) -> Result<Plan, EngineError> {
    let mut plan = made.plan.clone();
    for (track, bytes) in plan.tracks.iter().zip(&made.inits) {
        outbox.init(&track.id, bytes)?;
    }
    if let Some(stills) = make::stills(source, &plan) {
        outbox.still(Still::Poster, &stills.poster)?;
        outbox.still(Still::Storyboard, &stills.storyboard)?;
        plan.stills = Some(stills.plan);
    }
    for text in &made.text {
        outbox.text(&text.plan.id, &text.object)?;
    }
    outbox.plan(&plan)?;
    Ok(plan)
}

fn ended(
    work: thread::ScopedJoinHandle<'_, Result<(), EngineError>>,
    panicked: &str,
) -> Result<(), EngineError> {
    work.join()
        .unwrap_or_else(|_| Err(EngineError::Internal(panicked.into())))
}

fn encode_all(plan: &Plan, source: &Source, outbox: &Outbox) -> Result<(), EngineError> {
    if plan.source.video.is_none() {
        return audio::encode(plan, source, outbox);
    }
    thread::scope(|scope| {
        let sound = scope.spawn(|| match plan.source.audio.as_slice() {
            [] => Ok(()),
            _ => {
                step_back();
                audio::encode(plan, source, outbox)
            }
        });
        let picture = video::encode(plan, source, 0..plan.grid.chunks(), outbox);
        picture.and(ended(sound, "the audio thread panicked"))
    })
}

/// Puts this thread and those it starts behind the others: sound is quickly made, and what its threads
/// do in the gaps that the pictures leave costs no time at all. A system that refuses
/// loses that alone.
fn step_back() {
    if let Err(error) = rustix::process::setpriority_process(None, BEHIND) {
        eprintln!("sound is made at the same priority as the pictures: {error}");
    }
}

/// One span of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Which span.
    pub work: SpanWork,
    /// Bytes of the source that are there.
    pub bytes: &'a [ByteRange],
    /// Segments that are committed already.
    pub committed: &'a [SegmentName],
}

/// Does one span.
pub fn encode(source: &Source, span: &Span, outbox: &Outbox) -> Result<(), EngineError> {
    engine::check(span.plan)?;
    if span.plan.protected != outbox.protected() {
        return Err(EngineError::Settings(
            "the plan's encryption is not that of the order; plan the job again".into(),
        ));
    }
    outbox.learn(&span.plan.tracks)?;
    let source = source.limited(span.plan.source.bytes, span.bytes);
    match span.work {
        SpanWork::Video {
            first_chunk,
            chunks,
        } => {
            let end = first_chunk
                .saturating_add(chunks)
                .min(span.plan.grid.chunks());
            video::encode(span.plan, &source, first_chunk..end, outbox)
        }
        SpanWork::Audio => audio::encode(span.plan, &source, outbox),
    }
}
