//! Work on a source that is still arriving. A container whose index is at its head says at once what
//! everything else will be: from that a plan is foreseen and encoded, each picture as soon as its bytes
//! are here. Nothing of it leaves. When the last byte has come the source is scanned and planned as any
//! other; only if that plan is the foreseen one is what was made by it let go, and else thrown away and
//! made anew. So the output is the same whether it was worked ahead or not.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use streamgate_contract::plan::{Plan, PlanRequest};
use streamgate_contract::renditions::Ladder;

use super::make::{self, Made};
use super::{conclude, encode_all, ended, publish};
use crate::error::EngineError;
use crate::events::Outbox;
use crate::plan::grid;
use crate::probe;
use crate::source::Source;

/// How often finished segments are let go.
const TICK: Duration = Duration::from_millis(20);

/// Plans a source that is still arriving, as [`super::plan`] does one that is here.
pub(super) fn plan(
    source: &Source,
    request: &PlanRequest,
    (work, outbox): (&Path, &Outbox),
    planned: &dyn Fn(&Plan),
) -> Result<(), EngineError> {
    by(&foresee, source, request, (work, outbox), planned)
}

/// Says what plan a source will have, with an outbox that keeps what it is given.
type Foresee =
    dyn Fn(&Source, &PlanRequest, (&Path, &Outbox)) -> Result<Option<Plan>, EngineError> + Sync;

fn by(
    foresee: &Foresee,
    source: &Source,
    request: &PlanRequest,
    (work, outbox): (&Path, &Outbox),
    planned: &dyn Fn(&Plan),
) -> Result<(), EngineError> {
    let (sources, kept) = ([source.apart(), source.apart()], outbox.apart());
    let (tell, foreseen) = mpsc::channel();
    thread::scope(|scope| {
        let run = || run(foresee, &sources, request, (work, &kept), tell);
        let early = Early {
            sources: &sources,
            kept: &kept,
            foreseen,
            run: scope.spawn(run),
        };
        let scanned = probe::scan(source, &request.limits);
        let made = scanned.and_then(|scan| make::plan(source, scan, request, (work, outbox)));
        match made {
            Ok(made) if early.foresaw(&made.plan) => early.go_on(&made, source, outbox, planned),
            Ok(made) => {
                early.end();
                conclude(&made, source, outbox, planned)
            }
            Err(error) => {
                early.end();
                Err(error)
            }
        }
    })
}

/// Work that is ahead of the plan.
struct Early<'s, 'a> {
    sources: &'a [Source; 2],
    kept: &'a Outbox,
    foreseen: Receiver<Plan>,
    run: ScopedJoinHandle<'s, Result<(), EngineError>>,
}

impl Early<'_, '_> {
    /// Whether what is being encoded is what the plan says. Text and stills are made by the plan alone.
    fn foresaw(&self, plan: &Plan) -> bool {
        let Ok(foreseen) = self.foreseen.recv() else {
            return false;
        };
        let compared = Plan {
            text: plan.text.clone(),
            captions: plan.captions,
            notes: plan.notes.clone(),
            ..foreseen
        };
        compared == *plan
    }

    /// Lets go what is made, and what is still being made, when the plan is in place.
    fn go_on(
        self,
        made: &Made,
        source: &Source,
        outbox: &Outbox,
        planned: &dyn Fn(&Plan),
    ) -> Result<(), EngineError> {
        let plan = match publish(made, source, outbox) {
            Ok(plan) => plan,
            Err(error) => {
                self.end();
                return Err(error);
            }
        };
        planned(&plan);
        while !self.run.is_finished() {
            outbox.adopt(self.kept)?;
            thread::sleep(TICK);
        }
        ended(self.run, "the encoding thread panicked")?;
        outbox.adopt(self.kept)
    }

    /// Ends it without a trace; how it ends does not matter.
    fn end(self) {
        self.sources.iter().for_each(Source::shut);
        drop(self.run.join());
        self.kept.forget();
    }
}

/// Foresees the plan with one source, says so, and encodes it with the other.
fn run(
    foresee: &Foresee,
    [view, source]: &[Source; 2],
    request: &PlanRequest,
    (work, kept): (&Path, &Outbox),
    tell: Sender<Plan>,
) -> Result<(), EngineError> {
    let Some(plan) = foresee(view, request, (work, kept))? else {
        return Ok(());
    };
    // Nobody hears it any more when the source turned out to be none.
    drop(tell.send(plan.clone()));
    drop(tell);
    encode_all(&plan, source, kept)
}

/// The plan that a source will have, if its head tells. What several pods will do is not begun by one.
fn foresee(
    view: &Source,
    request: &PlanRequest,
    (work, kept): (&Path, &Outbox),
) -> Result<Option<Plan>, EngineError> {
    // These listen and look before they plan.
    if request.ladder == Ladder::Auto || request.audio.loudness.is_some() {
        return Ok(None);
    }
    let Some(scan) = probe::foresee(view, &request.limits)? else {
        return Ok(None);
    };
    let facts = &scan.facts;
    let grid = grid::grid(facts.grid_frames(), make::grid_rate(facts), &request.grid);
    if facts.video.is_some() && grid.video_spans() > 1 {
        return Ok(None);
    }
    let made = make::plan(view, scan, request, (work, kept))?;
    Ok(Some(made.plan))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};

    use streamgate_contract::job_files::OUT;
    use streamgate_contract::plan::{Media, SourceLimits};
    use streamgate_contract::renditions::standard;

    use super::*;

    fn request() -> PlanRequest {
        PlanRequest {
            grid: Default::default(),
            renditions: standard().split_off(3),
            ladder: Ladder::Fixed,
            audio: Default::default(),
            subtitles: Vec::new(),
            limits: SourceLimits::default(),
        }
    }

    fn footage() -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/footage");
        let path = folder.join("small-faststart.mp4");
        assert!(path.exists(), "run tests/footage.sh first");
        path
    }

    /// Everything that leaves when it is foreseen this way.
    fn made(foresee: &Foresee) -> BTreeMap<String, Vec<u8>> {
        crate::engine::prepare().unwrap();
        let work = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(work.path(), &[]).unwrap();
        let bytes = fs::metadata(footage()).unwrap().len();
        let source = Source::arriving(&footage(), bytes).unwrap();
        let planned = AtomicBool::new(false);
        by(
            foresee,
            &source,
            &request(),
            (work.path(), &outbox),
            &|_| {
                planned.store(true, Ordering::Relaxed);
            },
        )
        .unwrap();
        assert!(planned.load(Ordering::Relaxed));
        let file = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        };
        let entries = fs::read_dir(work.path().join(OUT)).unwrap();
        entries.map(|entry| file(entry.unwrap())).collect()
    }

    #[test]
    fn what_was_foreseen_wrong_is_thrown_away_and_made_anew() {
        let right = made(&foresee);
        assert!(right.contains_key("v240-0.m4s") && right.contains_key("plan.json"));
        let nothing = made(&|_, _, _| Ok(None));
        assert!(nothing == right, "{:?}", nothing.keys());
        let failing = made(&|_, _, _| Err(EngineError::NoMediaStream));
        assert!(failing == right, "{:?}", failing.keys());
        // It may even be encoded, to other bytes.
        let wrong = made(&|view, request, on| {
            let mut plan = foresee(view, request, on)?;
            for track in plan.iter_mut().flat_map(|plan| &mut plan.tracks) {
                if let Media::Video { crf, .. } = &mut track.media {
                    *crf += 9;
                }
            }
            Ok(plan)
        });
        assert!(wrong == right, "{:?}", wrong.keys());
    }
}
