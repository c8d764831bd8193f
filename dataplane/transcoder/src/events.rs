//! The engine's side of the shared folder: files renamed into place, one event a line, and a
//! bound on what lies there undelivered, since the folder's volume is small.

mod kept;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use streamgate_contract::encryption::Protected;
use streamgate_contract::ids::TrackId;
use streamgate_contract::job_files::{self, Event, SegmentName};
use streamgate_contract::plan::{Plan, TrackPlan};
use streamgate_contract::stills::Still;

use crate::error::{EngineError, WithFile};
use crate::seal::Seal;

/// Most segments that may wait for delivery.
const MAX_WAITING: usize = 64;
/// How often the first frame is looked for.
const FIRST_LOOK: Duration = Duration::from_millis(50);

/// Where results go.
pub struct Outbox {
    out: PathBuf,
    events: Log,
    committed: BTreeSet<SegmentName>,
    seal: Option<Seal>,
    frames: AtomicU64,
    of: AtomicU64,
    skipped: AtomicU64,
    door: Mutex<Door>,
    moved: Condvar,
}

/// Where events go.
enum Log {
    /// To the courier.
    File(Mutex<File>),
    /// Nowhere yet, and neither do the segments they speak of.
    Kept(Mutex<Vec<Event>>),
}

/// Whether segments may leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    /// They wait for the plan.
    Held,
    /// The plan will not come.
    Shut,
}

/// While this lives no segment leaves; dropped before [`Held::open`] it turns those that wait into
/// errors, so that nobody waits for ever.
pub struct Held<'a>(&'a Outbox);

impl Held<'_> {
    /// Lets segments leave from now on.
    pub fn open(self) {
        self.0.door(Door::Open);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.0.is(Door::Held) {
            self.0.door(Door::Shut);
        }
    }
}

impl Outbox {
    /// Opens the outbox of a work folder; `committed` segments are not written again.
    pub fn open(work: &Path, committed: &[SegmentName]) -> Result<Self, EngineError> {
        let out = work.join(job_files::OUT);
        fs::create_dir_all(&out).doing("make the out folder")?;
        let events = OpenOptions::new()
            .create(true)
            .append(true)
            .open(work.join(job_files::EVENTS))
            .doing("open the events file")?;
        Ok(Self::new(
            out,
            Log::File(Mutex::new(events)),
            committed.iter().cloned().collect(),
        ))
    }

    fn new(out: PathBuf, events: Log, committed: BTreeSet<SegmentName>) -> Self {
        Self {
            out,
            events,
            committed,
            seal: None,
            frames: AtomicU64::new(0),
            of: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            door: Mutex::new(Door::Open),
            moved: Condvar::new(),
        }
    }

    /// Keeps segments back: encoding may begin before the plan is published, its results may not
    /// leave before it.
    pub fn hold(&self) -> Held<'_> {
        self.door(Door::Held);
        Held(self)
    }

    fn door(&self, door: Door) {
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) = door;
        self.moved.notify_all();
    }

    fn is(&self, door: Door) -> bool {
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) == door
    }

    /// Waits until segments may leave.
    fn pass(&self) -> Result<(), EngineError> {
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        let door = self.moved.wait_while(door, |door| *door == Door::Held);
        match *door.unwrap_or_else(PoisonError::into_inner) {
            Door::Open => Ok(()),
            _ => Err(EngineError::Internal("the plan was not published".into())),
        }
    }

    /// The same outbox; everything that leaves is encrypted.
    pub fn sealed(self, seal: Option<Seal>) -> Self {
        Self { seal, ..self }
    }

    /// How what leaves is encrypted.
    pub fn protected(&self) -> Option<Protected> {
        self.seal.as_ref().map(Seal::public)
    }

    /// Hears of the tracks before anything of them leaves.
    pub fn learn(&self, tracks: &[TrackPlan]) -> Result<(), EngineError> {
        match &self.seal {
            Some(seal) => tracks.iter().try_for_each(|track| seal.learn(track)),
            None => Ok(()),
        }
    }

    /// An init segment as it leaves.
    pub fn sealed_init(&self, track: &TrackId, bytes: Vec<u8>) -> Result<Vec<u8>, EngineError> {
        match &self.seal {
            Some(seal) => seal.init(track, bytes),
            None => Ok(bytes),
        }
    }

    /// This segment is committed already.
    pub fn has(&self, track: &TrackId, number: u32) -> bool {
        self.committed.contains(&SegmentName {
            track: track.clone(),
            number,
        })
    }

    /// Puts a finished segment in place and says so; waits while too many are undelivered.
    pub fn segment(&self, track: &TrackId, number: u32, bytes: &[u8]) -> Result<(), EngineError> {
        if self.has(track, number) {
            return Ok(());
        }
        self.pass()?;
        let keeps = matches!(self.events, Log::Kept(_));
        if !keeps {
            self.room()?;
        }
        let sealed = match &self.seal {
            Some(seal) => Cow::Owned(seal.segment(track, number, bytes)?),
            None => Cow::Borrowed(bytes),
        };
        let (bytes, name) = (&*sealed, job_files::segment_name(track, number));
        self.write(&name, bytes)?;
        if !keeps {
            self.finish(&name)?;
        }
        self.event(&Event::Segment {
            track: track.clone(),
            number,
            bytes: bytes.len() as u64,
        })
    }

    /// Puts an init segment in place, as [`Self::sealed_init`] made it.
    pub fn init(&self, track: &TrackId, bytes: &[u8]) -> Result<(), EngineError> {
        self.put(&job_files::init_name(track), bytes)
    }

    /// Puts a still image in place.
    pub fn still(&self, still: Still, bytes: &[u8]) -> Result<(), EngineError> {
        self.put(&still.file(), bytes)
    }

    /// Puts a text track's object in place.
    pub fn text(&self, track: &TrackId, bytes: &[u8]) -> Result<(), EngineError> {
        self.put(&job_files::text_name(track), bytes)
    }

    /// Puts the plan in place and says so.
    pub fn plan(&self, plan: &Plan) -> Result<(), EngineError> {
        let text = serde_json::to_vec(plan)
            .map_err(|e| EngineError::Internal(format!("cannot write the plan: {e}")))?;
        self.put(job_files::PLAN, &text)?;
        self.event(&Event::Planned)
    }

    /// Appends an event.
    pub fn event(&self, event: &Event) -> Result<(), EngineError> {
        let poisoned = || EngineError::Internal("the events are poisoned".into());
        let file = match &self.events {
            Log::File(file) => file,
            Log::Kept(events) => {
                let mut events = events.lock().map_err(|_| poisoned())?;
                events.push(event.clone());
                return Ok(());
            }
        };
        let mut line = serde_json::to_vec(event)
            .map_err(|e| EngineError::Internal(format!("cannot write an event: {e}")))?;
        line.push(b'\n');
        let mut file = file.lock().map_err(|_| poisoned())?;
        file.write_all(&line).doing("write an event")
    }

    /// Announces work: `of` frames, of which `skipped` are committed already.
    pub fn expect(&self, of: u64, skipped: u64) {
        self.of.fetch_add(of, Ordering::Relaxed);
        self.frames.fetch_add(skipped, Ordering::Relaxed);
        self.skipped.fetch_add(skipped, Ordering::Relaxed);
    }

    /// Counts an encoded frame.
    pub fn encoded(&self, frames: u64) {
        self.frames.fetch_add(frames, Ordering::Relaxed);
    }

    /// Writes progress until `stop` says so: the first frame at once, then about once a second.
    pub fn report(&self, stop: &dyn Fn(Duration) -> bool) {
        let mut last = (Instant::now(), self.skipped.load(Ordering::Relaxed));
        let mut wait = FIRST_LOOK;
        while !stop(wait) {
            if wait == FIRST_LOOK && self.frames.load(Ordering::Relaxed) == last.1 {
                continue;
            }
            last = self.progress(last);
            wait = Duration::from_secs(1);
        }
        self.progress(last);
    }

    fn progress(&self, (then, before): (Instant, u64)) -> (Instant, u64) {
        let (now, frames) = (Instant::now(), self.frames.load(Ordering::Relaxed));
        let seconds = now.duration_since(then).as_secs_f64().max(0.001);
        let of = self.of.load(Ordering::Relaxed);
        let fps = frames.saturating_sub(before) as f64 / seconds;
        if of > 0 {
            // Progress that cannot be written is no reason to stop; a segment's event is.
            drop(self.event(&Event::Progress {
                frames,
                of,
                fps,
                cpu_milliseconds: cpu_milliseconds(),
            }));
        }
        (now, frames)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), EngineError> {
        self.write(name, bytes)?;
        self.finish(name)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.out.join(format!(".{name}.part"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), EngineError> {
        let part = self.part(name);
        let written = fs::write(&part, bytes).doing(format!("write {name}"));
        if written.is_err() {
            // Leave no half file on a full volume.
            drop(fs::remove_file(&part));
        }
        written
    }

    fn finish(&self, name: &str) -> Result<(), EngineError> {
        fs::rename(self.part(name), self.out.join(name)).doing(format!("finish {name}"))
    }

    /// Waits while too many segments are undelivered.
    fn room(&self) -> Result<(), EngineError> {
        while self.waiting()? >= MAX_WAITING {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn waiting(&self) -> Result<usize, EngineError> {
        let entries = fs::read_dir(&self.out).doing("list the out folder")?;
        let segment = |e: &fs::DirEntry| e.path().extension().is_some_and(|x| x == "m4s");
        Ok(entries.flatten().filter(segment).count())
    }
}

/// CPU time this process took so far.
fn cpu_milliseconds() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}
