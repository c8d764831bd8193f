//! Ticks of schedules. Every replica looks for those that have come; the catalog lets one of them note
//! a tick under a name that follows from schedule and tick, and one of them do it. What is made of a
//! tick has that name, too, so that doing it twice makes it once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sha2::{Digest, Sha256};
use streamgate_contract::ScheduleId;
use tokio_util::sync::CancellationToken;

use super::schedules::Action;
use super::submit::{NewJob, marks};
use super::timetable::Timetable;
use super::{Desk, DeskError};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::schedules::{Run, RunState, Schedule};
use crate::ports::causes;
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;
use crate::ports::identity::Principal;
use crate::ports::jobs::{JobsError, Made};

/// Pause between two looks: what a tick waits at most.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause while it fails.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Schedules and ticks that are taken at once.
const BATCH: u32 = 100;
/// Seconds for which a tick is held: then another replica may do it.
const HELD: i64 = 60;
/// Seconds for which ticks are kept.
const KEPT: i64 = 30 * 24 * 3_600;
/// Seconds between two looks for ticks to forget.
const FORGET_EVERY: i64 = 3_600;
/// Seconds after which a finished TranscodeJob of a schedule goes: they would add up.
const JOB_KEPT: i64 = 7 * 24 * 3_600;

/// Name of a tick, and of what is made of it.
pub fn tick_name(schedule: &ScheduleId, tick: UnixSeconds) -> String {
    let hash = Sha256::digest(format!("tick {schedule} {tick}"));
    format!("tick-{}", hex::encode(&hash[..12]))
}

impl Desk {
    /// Does what schedules ask for until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = PAUSE;
        while stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_some()
        {
            self.measure().await;
            pause = match self.look().await {
                Ok(()) => PAUSE,
                Err(error) => {
                    let pause = (pause * 2).min(MAX_PAUSE);
                    let (error, seconds) = (causes(&error), pause.as_secs());
                    tracing::warn!(error, seconds, "cannot keep every schedule; trying again");
                    pause
                }
            };
        }
    }

    /// Takes the ticks that have come and does those that nobody else does.
    ///
    /// # Errors
    /// The first failure, after everything was tried.
    pub async fn look(&self) -> Result<(), DeskError> {
        let now = self.on.clock.now();
        let mut outcome = Ok(());
        for schedule in self.on.catalog.due_schedules(now, BATCH).await? {
            outcome = outcome.and(self.take(&schedule, now).await);
        }
        let until = now + HELD;
        let held = self.on.catalog.hold_runs(&self.holder, now, until, BATCH);
        for run in held.await? {
            outcome = outcome.and(self.go(run).await);
        }
        outcome.and(self.forget(now).await)
    }

    async fn take(&self, schedule: &Schedule, now: UnixSeconds) -> Result<(), DeskError> {
        let Some(first) = schedule.next_at else {
            return Ok(());
        };
        let (run, next) = taken(schedule, first, now);
        let next = next.filter(|_| !schedule.once);
        if self.on.catalog.take_tick(schedule, &run, next).await? && run.state == RunState::Missed {
            self.metrics.missed.inc();
        }
        Ok(())
    }

    /// Does a tick. What may go better later is left for then, within the deadline.
    async fn go(&self, run: Run) -> Result<(), DeskError> {
        let schedule = match self.on.catalog.schedule(&run.schedule).await {
            // It was removed, its ticks with it.
            Err(CatalogError::NotFound { .. }) => return Ok(()),
            found => found?,
        };
        let done = self.act(&schedule, &run).await;
        let late = self.on.clock.now() > run.tick.saturating_add(i64::from(schedule.deadline));
        let (state, outcome) = match done {
            Ok(outcome) => (RunState::Done, outcome),
            Err(error) if passes(&error) && !late => return Err(error),
            Err(error) => (RunState::Failed, error.to_string()),
        };
        let ended = Run {
            state,
            outcome,
            at: self.on.clock.now(),
            ..run
        };
        if self.on.catalog.end_run(&self.holder, &ended).await? {
            let (schedule, outcome) = (schedule.id.as_str(), ended.outcome.as_str());
            tracing::info!(
                schedule,
                tick = ended.name,
                ?state,
                outcome,
                "a schedule ticked"
            );
            self.metrics.ended(state);
        }
        Ok(())
    }

    async fn act(&self, schedule: &Schedule, run: &Run) -> Result<String, DeskError> {
        let action = serde_json::from_str(&schedule.action);
        let unread = |e: serde_json::Error| DeskError::Settings(format!("cannot be read: {e}"));
        match action.map_err(unread)? {
            Action::Encode(new) => self.encode(schedule, run, &new).await,
            Action::CleanUp(what) => self.clean_up(&what).await,
        }
    }

    /// Submits the job of a tick, with the rights of whoever made the schedule.
    async fn encode(
        &self,
        schedule: &Schedule,
        run: &Run,
        new: &NewJob,
    ) -> Result<String, DeskError> {
        let who = maker(schedule)?;
        let source = self.source(&who, new).await?;
        let mut spec = self.spec(new, &source.upload)?;
        spec.ttl_seconds_after_finished = Some(JOB_KEPT);
        let marks = marks(&source.content, Some(run.name.clone()));
        let namespace = &self.gate.namespace;
        let made = self
            .on
            .jobs
            .create(namespace, &run.name, &spec, &marks)
            .await?;
        Ok(match made {
            (Made::Created, job) => format!("made job {}", self.id(&job)),
            (Made::Existed, job) => format!("job {} was made before", self.id(&job)),
        })
    }

    async fn forget(&self, now: UnixSeconds) -> Result<(), DeskError> {
        let last = self.forgot.load(Ordering::Relaxed);
        if now < last.saturating_add(FORGET_EVERY) {
            return Ok(());
        }
        self.on.catalog.forget_runs(now - KEPT).await?;
        self.forgot.store(now, Ordering::Relaxed);
        Ok(())
    }
}

/// What is noted of a schedule whose tick has come, and when the next one is.
fn taken(schedule: &Schedule, first: UnixSeconds, now: UnixSeconds) -> (Run, Option<UnixSeconds>) {
    let noted = |tick, missed, state, outcome: String| Run {
        name: tick_name(&schedule.id, tick),
        schedule: schedule.id.clone(),
        tick,
        missed,
        state,
        outcome,
        at: now,
    };
    let table = match Timetable::parse(&schedule.cron, &schedule.time_zone, now) {
        Ok(table) => table,
        // Read once, and no longer: a time zone may go.
        Err(error) => return (noted(first, 0, RunState::Failed, error.to_string()), None),
    };
    let due = table.due(first, now, schedule.deadline);
    let run = match due.in_time {
        true => noted(due.tick, due.missed, RunState::Pending, String::new()),
        false => {
            let outcome = format!("nobody could do it within {} s", schedule.deadline);
            noted(due.tick, due.missed, RunState::Missed, outcome)
        }
    };
    (run, due.next)
}

/// With whose rights a schedule acts.
fn maker(schedule: &Schedule) -> Result<Principal, DeskError> {
    let wallet = schedule.owner.parse::<Wallet>();
    let wallet = wallet.map_err(|e| DeskError::Settings(e.to_string()))?;
    Ok(Principal {
        wallet,
        creator: true,
        admin: schedule.admin,
    })
}

/// Whether a failure may pass.
fn passes(error: &DeskError) -> bool {
    match error {
        DeskError::Catalog(error) => !matches!(error, CatalogError::NotFound { .. }),
        DeskError::Jobs(error) => !matches!(error, JobsError::Refused(_) | JobsError::Taken { .. }),
        DeskError::Objects(_) => true,
        _ => false,
    }
}
