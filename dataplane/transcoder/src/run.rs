//! The life of the process after the sandbox: wait for the order, do it, say how it went, wait
//! until the courier has committed everything. A courier that gives up ends it at any time.

use std::fs::{self, File};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use streamgate_contract::exit;
use streamgate_contract::job_files::{self, Event, GiveUp, Order, SegmentName, Termination};
use streamgate_contract::plan::PlanSummary;

use crate::engine;
use crate::error::{EngineError, WithFile};
use crate::events::Outbox;
use crate::seal::Seal;
use crate::source::Source;
use crate::steps::{self, Span};

/// How often the shared folder is looked at.
const TICK: Duration = Duration::from_millis(30);

/// The termination message, opened before the sandbox closes the way to it.
#[derive(Clone)]
pub struct Message {
    file: Arc<Mutex<Option<File>>>,
    plan: Arc<OnceLock<PlanSummary>>,
}

impl Message {
    /// Opens `path`; without the file the message is lost, which the operator survives.
    pub fn open(path: &Path) -> Self {
        let options = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path);
        if let Err(e) = &options {
            eprintln!("cannot open the termination message: {e}");
        }
        Self {
            file: Arc::new(Mutex::new(options.ok())),
            plan: Arc::default(),
        }
    }

    /// What is to be said of the plan when everything is committed.
    fn plan(&self, summary: PlanSummary) {
        // A process makes one plan.
        let _ = self.plan.set(summary);
    }

    /// Everything is committed, and `word` is the courier's: says so of a plan; false when there is none
    /// yet.
    fn committed(&self, word: &[u8]) -> bool {
        let Some(mut summary) = self.plan.get().cloned() else {
            return false;
        };
        if word == job_files::WHOLE {
            summary.spans = 0;
        }
        self.write(&Termination::Plan(summary));
        true
    }

    /// Writes the message; the first one stays.
    pub fn write(&self, termination: &Termination) {
        let file = self.file.lock().ok().and_then(|mut file| file.take());
        if let Some(mut file) = file {
            drop(file.write_all(termination.to_message().as_bytes()));
        }
    }
}

/// Runs the order of `work` to its end; returns the exit code.
pub fn run(work: &Path, wait: Duration, message: &Message) -> u8 {
    watch(work, message);
    let result = catch_unwind(AssertUnwindSafe(|| step(work, wait, message)))
        .unwrap_or_else(|_| Err(EngineError::Internal("the engine panicked".into())));
    match result {
        Ok(()) => exit::DONE,
        Err(error) => fail(work, message, &error),
    }
}

/// Reports a failure: event, termination message, log; returns its exit code.
pub fn fail(work: &Path, message: &Message, error: &EngineError) -> u8 {
    let failure = error.failure();
    eprintln!("{}: {}", failure.reason, failure.detail);
    message.write(&Termination::Failed(failure.clone()));
    if let Ok(outbox) = Outbox::open(work, &[]) {
        drop(outbox.event(&Event::Failed(failure)));
    }
    error.exit_code()
}

fn step(work: &Path, wait: Duration, message: &Message) -> Result<(), EngineError> {
    engine::prepare()?;
    let order = order(work, wait)?;
    let source = source(&order, work)?;
    let outbox = Outbox::open(work, committed(&order))?.sealed(seal(work)?);
    reported(&outbox, || obey(&order, &source, work, &outbox, message))?;
    outbox.event(&Event::Done)?;
    let word = loop {
        match fs::read(work.join(job_files::COMMITTED)) {
            Ok(word) => break word,
            Err(_) => thread::sleep(TICK),
        }
    };
    message.committed(&word);
    Ok(())
}

/// The source of an order.
fn source(order: &Order, work: &Path) -> Result<Source, EngineError> {
    let path = work.join(job_files::SOURCE);
    match order {
        Order::Plan {
            arriving: Some(bytes),
            ..
        } => Source::arriving(&path, *bytes),
        _ => Source::whole(&path),
    }
}

/// What the output is encrypted with; the courier puts it in place before the order.
fn seal(work: &Path) -> Result<Option<Seal>, EngineError> {
    let path = work.join(job_files::PROTECTION);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read(&path).doing("read the protection")?;
    // The message of the parser might show the key.
    let unclear = |_| EngineError::Settings("the protection is not understood".into());
    let protection = serde_json::from_slice(&text).map_err(unclear)?;
    Ok(Some(Seal::new(protection)))
}

fn committed(order: &Order) -> &[SegmentName] {
    match order {
        Order::Plan { committed, .. } | Order::Encode { committed, .. } => committed,
    }
}

fn obey(
    order: &Order,
    source: &Source,
    work: &Path,
    outbox: &Outbox,
    message: &Message,
) -> Result<(), EngineError> {
    match order {
        Order::Plan { request, .. } => steps::plan(source, request, (work, outbox), &|plan| {
            message.plan(plan.summary());
        }),
        Order::Encode {
            plan,
            work,
            bytes,
            committed,
        } => {
            let span = Span {
                plan,
                work: *work,
                bytes,
                committed,
            };
            steps::encode(source, &span, outbox)
        }
    }
}

/// Does `work` with progress reported beside it. Dropping the channel ends the reporter at once, on
/// every way out, a panic included.
fn reported<T>(
    outbox: &Outbox,
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let (working, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let end = Err(RecvTimeoutError::Disconnected);
            outbox.report(&|pause| ended.recv_timeout(pause) == end);
        });
        let _working = working;
        work()
    })
}

/// The order, once it is there.
fn order(work: &Path, wait: Duration) -> Result<Order, EngineError> {
    let path = work.join(job_files::ORDER);
    let start = Instant::now();
    while !path.exists() {
        if start.elapsed() > wait {
            return Err(EngineError::OutOfReach(wait.as_secs()));
        }
        thread::sleep(TICK);
    }
    let size = fs::metadata(&path).doing("read the order's size")?.len();
    if size > job_files::MAX_PLAN_BYTES {
        return Err(EngineError::Settings(format!(
            "the order has {size} bytes, at most {}; use a shorter source",
            job_files::MAX_PLAN_BYTES
        )));
    }
    let text = fs::read(&path).doing("read the order")?;
    serde_json::from_slice(&text)
        .map_err(|e| EngineError::Settings(format!("the order is not understood: {e}")))
}

/// Ends the process when the courier gives up, whatever the engine is doing, and when everything that
/// was planned is committed: then somebody else had it already.
fn watch(work: &Path, message: &Message) {
    let path: PathBuf = work.join(job_files::GIVE_UP);
    let committed = work.join(job_files::COMMITTED);
    let message = message.clone();
    thread::spawn(move || {
        loop {
            if fs::read(&committed).is_ok_and(|word| message.committed(&word)) {
                std::process::exit(exit::DONE.into());
            }
            let given = fs::read(&path).ok();
            let given = given.and_then(|text| serde_json::from_slice::<GiveUp>(&text).ok());
            if let Some(given) = given {
                eprintln!("{}: {}", given.failed.reason, given.failed.detail);
                message.write(&Termination::Failed(given.failed));
                std::process::exit(given.exit_code.into());
            }
            thread::sleep(TICK);
        }
    });
}
