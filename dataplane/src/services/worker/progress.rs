//! The board: how far each job is, in memory. Counts come from the catalog once and from commits
//! afterwards, so a restarted worker goes on where it was. One replica owns every job: there is
//! one worker in topology Compact.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use streamgate_crds::transcode_job::Progress;

use self::estimate::{Estimate, History, estimate};
use super::admit::Task;
use super::planned::Planned;
use crate::ports::catalog::Segment;
use crate::ports::clock::UnixSeconds;

pub mod estimate;

/// Progress of a job is written at most this often.
const WRITE_PAUSE: Duration = Duration::from_secs(5);

/// Every job whose pods were heard of.
pub(super) struct Board {
    began: Instant,
    entries: Mutex<HashMap<String, Arc<Entry>>>,
}

/// One attempt of a job.
pub(super) struct Entry {
    pub(super) namespace: String,
    pub(super) uid: String,
    pub(super) attempt: u32,
    state: Mutex<State>,
}

struct State {
    history: History,
    /// Counts changes; what was written was true at `written`.
    changes: u64,
    written: Option<(u64, Duration)>,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            entries: Mutex::new(HashMap::new()),
        }
    }

    /// Time on the board's own clock.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn find(&self, key: &str) -> Option<Arc<Entry>> {
        lock(&self.entries).get(key).cloned()
    }

    /// Adds an entry unless somebody was first.
    pub(super) fn add(&self, key: String, entry: Entry) -> Arc<Entry> {
        let mut entries = lock(&self.entries);
        entries.entry(key).or_insert(Arc::new(entry)).clone()
    }

    pub(super) fn remove(&self, key: &str) {
        lock(&self.entries).remove(key);
    }

    /// Everything on the board.
    pub(super) fn all(&self) -> Vec<(String, Arc<Entry>)> {
        let entries = lock(&self.entries);
        entries
            .iter()
            .map(|(k, e)| (k.clone(), e.clone()))
            .collect()
    }
}

impl Entry {
    /// An attempt with what is committed already.
    pub(super) fn new(task: &Task, planned: &Planned, committed: &[Segment]) -> Self {
        let mut history = History::new(planned.shape().clone());
        for object in committed {
            count(&mut history, planned, object, Duration::ZERO);
        }
        let state = State {
            history,
            changes: 1,
            written: None,
        };
        Self {
            namespace: task.job.namespace.clone(),
            uid: task.job.uid.clone(),
            attempt: task.pod.attempt,
            state: Mutex::new(state),
        }
    }

    /// An object was committed by this process.
    pub(super) fn committed(&self, planned: &Planned, object: &Segment, now: Duration) {
        let mut state = lock(&self.state);
        count(&mut state.history, planned, object, now);
        state.changes += 1;
    }

    /// A pod says how far it is.
    pub(super) fn reported(&self, lane: u32, frames: u64, fps: f64, now: Duration) {
        let mut state = lock(&self.state);
        state.history.report(lane, frames, fps, now);
        state.changes += 1;
    }

    /// There is news, and the last write is long enough ago.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        let state = lock(&self.state);
        state.written.is_none_or(|(changes, then)| {
            changes != state.changes && now.saturating_sub(then) >= WRITE_PAUSE
        })
    }

    /// What to write now, and the number of changes it covers.
    pub(super) fn progress(&self, now: Duration, clock: UnixSeconds) -> (Progress, u64) {
        let state = lock(&self.state);
        (render(&estimate(&state.history, now), clock), state.changes)
    }

    /// A write that covers this many changes has landed.
    pub(super) fn written(&self, changes: u64, now: Duration) {
        lock(&self.state).written = Some((changes, now));
    }
}

fn count(history: &mut History, planned: &Planned, object: &Segment, now: Duration) {
    match object.number {
        None => history.init(object.bytes),
        Some(number) => {
            let lane = planned.lane(&object.track, number);
            history.commit(lane.unwrap_or(u32::MAX), object.bytes, now);
        }
    }
}

fn render(estimate: &Estimate, clock: UnixSeconds) -> Progress {
    let whole_seconds = |eta: Duration| i64::try_from(eta.as_secs_f64().ceil() as u64);
    Progress {
        percent: i32::try_from(estimate.percent).unwrap_or(100),
        segments: format!("{}/{}", estimate.committed, estimate.segments),
        speed: estimate.speed.map(|speed| format!("{speed:.1}x")),
        eta_seconds: estimate.eta.and_then(|eta| whole_seconds(eta).ok()),
        bytes: i64::try_from(estimate.bytes).unwrap_or(i64::MAX),
        updated: Timestamp::from_second(clock).ok().map(Time),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
