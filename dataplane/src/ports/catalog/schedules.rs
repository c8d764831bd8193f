//! What is done again and again: schedules, and the ticks of them that were taken.

use async_trait::async_trait;
use streamgate_contract::ScheduleId;

use super::CatalogError;
use crate::ports::clock::UnixSeconds;

/// Something to be done again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Identifier.
    pub id: ScheduleId,
    /// Wallet of whose it is.
    pub owner: String,
    /// It was made with an admin's rights.
    pub admin: bool,
    /// Title for people.
    pub title: String,
    /// When, as a cron expression.
    pub cron: String,
    /// Time zone of the expression, as IANA names it.
    pub time_zone: String,
    /// What to do, as JSON.
    pub action: String,
    /// Seconds after a tick within which it may still be done.
    pub deadline: u32,
    /// It is done at one tick alone.
    pub once: bool,
    /// It is done at all.
    pub enabled: bool,
    /// Names what asked for it.
    pub request: Option<String>,
    /// Grows with every change by people.
    pub version: u64,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it was changed last.
    pub updated_at: UnixSeconds,
    /// The next tick; `None` when there is none.
    pub next_at: Option<UnixSeconds>,
}

/// What became of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It is to be done.
    Pending,
    /// It is done.
    Done,
    /// It cannot be done.
    Failed,
    /// Its deadline passed before it could be done.
    Missed,
}

/// A tick that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Hash of schedule and tick.
    pub name: String,
    /// The schedule.
    pub schedule: ScheduleId,
    /// When it was due.
    pub tick: UnixSeconds,
    /// Ticks before it that were passed over, as far as they were counted.
    pub missed: u32,
    /// What became of it.
    pub state: RunState,
    /// What it made, or what was wrong, for people.
    pub outcome: String,
    /// When that was noted.
    pub at: UnixSeconds,
}

/// Schedules.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Adds a schedule; false when the id is taken.
    async fn add_schedule(&self, schedule: &Schedule) -> Result<bool, CatalogError>;
    /// One schedule.
    async fn schedule(&self, id: &ScheduleId) -> Result<Schedule, CatalogError>;
    /// Puts `after` in the place of what is of its version, which grows; false when the version is
    /// another.
    async fn change_schedule(&self, after: &Schedule) -> Result<bool, CatalogError>;
    /// Removes a schedule of this version with its ticks; false when the version is another.
    async fn remove_schedule(&self, id: &ScheduleId, version: u64) -> Result<bool, CatalogError>;
    /// Schedules with their places in lists, newest first: of this owner alone, older than the one of
    /// this place.
    async fn schedules(
        &self,
        owner: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, Schedule)>, CatalogError>;
    /// How many somebody has.
    async fn count_schedules(&self, owner: &str) -> Result<u64, CatalogError>;
    /// Some schedules whose next tick has come, the longest due first.
    async fn due_schedules(
        &self,
        now: UnixSeconds,
        limit: u32,
    ) -> Result<Vec<Schedule>, CatalogError>;
    /// Notes a tick of a schedule that is still as it was seen, and when the next one is; one that is
    /// done once ends with its tick. False when somebody was faster. A tick that is there stays as it
    /// is.
    async fn take_tick(
        &self,
        seen: &Schedule,
        run: &Run,
        next_at: Option<UnixSeconds>,
    ) -> Result<bool, CatalogError>;
    /// Takes some ticks that are to be done and that nobody holds, until `until`.
    async fn hold_runs(
        &self,
        holder: &str,
        now: UnixSeconds,
        until: UnixSeconds,
        limit: u32,
    ) -> Result<Vec<Run>, CatalogError>;
    /// Notes what became of a tick that `holder` held; false when it is no longer to be done.
    async fn end_run(&self, holder: &str, run: &Run) -> Result<bool, CatalogError>;
    /// The newest ticks of a schedule.
    async fn runs(&self, schedule: &ScheduleId, limit: u32) -> Result<Vec<Run>, CatalogError>;
    /// How many ticks are to be done.
    async fn pending_runs(&self) -> Result<u64, CatalogError>;
    /// Forgets ticks that ended before this time.
    async fn forget_runs(&self, before: UnixSeconds) -> Result<(), CatalogError>;
}
