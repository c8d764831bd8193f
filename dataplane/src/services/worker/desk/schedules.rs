//! Schedules that people keep: jobs that are submitted, or room that is made, again and again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use streamgate_contract::{InvalidId, ScheduleId};
use utoipa::ToSchema;

use super::submit::{NewJob, found};
use super::timetable::Timetable;
use super::{Desk, DeskError};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::schedules::{Run, Schedule};
use crate::ports::clock::UnixSeconds;
use crate::ports::identity::Principal;
use crate::validation::{Bounded, Line};

/// Most schedules of one wallet.
pub const MOST: u64 = 100;
/// Ticks that are shown of a schedule.
const SHOWN_RUNS: u32 = 10;

/// Seconds after a tick within which it may still be done.
pub type Deadline = Bounded<60, 86_400>;
/// Age of unfinished uploads that are removed, in seconds.
pub type UploadAge = Bounded<3_600, 31_536_000>;
/// How long outputs that play no more are kept, in seconds: viewings of them end meanwhile.
pub type OutputAge = Bounded<86_400, 31_536_000>;

/// The deadline of a schedule that names none.
const DEADLINE: Deadline = Deadline::of::<3_600>();

/// What a schedule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// Submits a job, as `POST /api/v1/jobs` would.
    Encode(NewJob),
    /// Removes what nobody needs. For admins.
    CleanUp(CleanUp),
}

/// What is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CleanUp {
    /// Unfinished uploads that were begun longer ago than this, and that nobody writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 3600, maximum = 31536000)]
    pub uploads_older_than_seconds: Option<UploadAge>,
    /// Outputs that another one replaced or whose job gave up, this long after that was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 86400, maximum = 31536000)]
    pub outputs_older_than_seconds: Option<OutputAge>,
}

/// A schedule that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSchedule {
    /// Title for people.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub title: Line<200>,
    /// When: minute, hour, day, month, weekday, or a nickname such as `@daily`.
    #[schema(min_length = 1, max_length = 128, example = "30 2 * * SUN")]
    pub cron: String,
    /// Time zone of `cron`, as IANA names it. Default UTC.
    #[serde(default = "utc")]
    #[schema(min_length = 1, max_length = 128, example = "Europe/Berlin")]
    pub time_zone: String,
    /// What to do.
    pub action: Action,
    /// Seconds after a tick within which it may still be done. Default 3600.
    #[serde(default = "deadline")]
    #[schema(value_type = u64, minimum = 60, maximum = 86400)]
    pub deadline_seconds: Deadline,
    /// Do it at the next tick alone. Default false.
    #[serde(default)]
    pub once: bool,
    /// Do it at all. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn deadline() -> Deadline {
    DEADLINE
}

fn yes() -> bool {
    true
}

/// The fields to change; what is absent stays. Source: RFC 7396 (JSON Merge Patch).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleChange {
    /// Title for people.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub title: Option<Line<200>>,
    /// When.
    #[schema(min_length = 1, max_length = 128)]
    pub cron: Option<String>,
    /// Time zone of `cron`.
    #[schema(min_length = 1, max_length = 128)]
    pub time_zone: Option<String>,
    /// What to do.
    pub action: Option<Action>,
    /// Seconds after a tick within which it may still be done.
    #[schema(value_type = Option<u64>, minimum = 60, maximum = 86400)]
    pub deadline_seconds: Option<Deadline>,
    /// Do it at the next tick alone.
    pub once: Option<bool>,
    /// Do it at all. Ticks that came while it was not are not made up for.
    pub enabled: Option<bool>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedules {
    /// Its schedules.
    pub schedules: Vec<Schedule>,
    /// Cursor of the page behind it, if there is one.
    pub next: Option<String>,
}

impl Desk {
    /// The schedules `who` may see, newest first: their own, and for admins all.
    ///
    /// # Errors
    /// When the cursor is none of this list, or the catalog fails.
    pub async fn schedules(
        &self,
        who: &Principal,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Schedules, DeskError> {
        let wallet = who.wallet.to_string();
        let owner = (!who.admin).then_some(wallet.as_str());
        let list = format!("schedules {owner:?}");
        let numbers = cursor.map(|cursor| self.on.cursor_key.read(&list, cursor));
        let before = numbers.transpose()?.and_then(|n| n.first().copied());
        // One more than is shown: is there another page?
        let wanted = limit.saturating_add(1);
        let mut found = self.on.catalog.schedules(owner, before, wanted).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| more).map(|(place, _)| *place);
        Ok(Schedules {
            next: last.map(|place| self.on.cursor_key.sign(&list, &[place])),
            schedules: found.into_iter().map(|(_, schedule)| schedule).collect(),
        })
    }

    /// One schedule with its newest ticks; what somebody may not see does not exist for them.
    ///
    /// # Errors
    /// When there is no such schedule for them, or the catalog fails.
    pub async fn schedule(
        &self,
        who: &Principal,
        id: &ScheduleId,
    ) -> Result<(Schedule, Vec<Run>), DeskError> {
        let schedule = self.theirs(who, id).await?;
        let runs = self.on.catalog.runs(id, SHOWN_RUNS).await?;
        Ok((schedule, runs))
    }

    /// Makes a schedule. With a key the same request makes it once; was it made now?
    ///
    /// # Errors
    /// When the caller may not do what it does, or it makes no sense.
    pub async fn create_schedule(
        &self,
        who: &Principal,
        key: Option<&str>,
        new: NewSchedule,
    ) -> Result<(bool, Schedule), DeskError> {
        let now = self.on.clock.now();
        let table = Timetable::parse(&new.cron, &new.time_zone, now)?;
        self.may(who, &new.action).await?;
        let owner = who.wallet.to_string();
        let id = new_id(&owner, key)?;
        let repeated = found(self.on.catalog.schedule(&id).await)?.is_some();
        if !repeated && self.on.catalog.count_schedules(&owner).await? >= MOST {
            return Err(DeskError::TooManySchedules);
        }
        let request = fingerprint(&new);
        let schedule = Schedule {
            id,
            owner,
            admin: who.admin,
            title: new.title.into(),
            cron: new.cron,
            time_zone: new.time_zone,
            action: text(&new.action)?,
            deadline: seconds(new.deadline_seconds),
            once: new.once,
            enabled: new.enabled,
            request: Some(request),
            version: 1,
            created_at: now,
            updated_at: now,
            next_at: new.enabled.then(|| table.next(now)).flatten(),
        };
        let made = self.on.catalog.add_schedule(&schedule).await?;
        let kept = self.on.catalog.schedule(&schedule.id).await?;
        match made || kept.request == schedule.request {
            true => Ok((made, kept)),
            false => Err(DeskError::KeyReused),
        }
    }

    /// Changes a schedule that is still of the version `known`, or of any.
    ///
    /// # Errors
    /// When there is no such schedule for them, it is of another version, or the change makes no
    /// sense.
    pub async fn change_schedule(
        &self,
        who: &Principal,
        id: &ScheduleId,
        known: Option<u64>,
        change: ScheduleChange,
    ) -> Result<Schedule, DeskError> {
        let before = self.known(who, id, known).await?;
        if let Some(action) = &change.action {
            self.may(who, action).await?;
        }
        let after = changed(before, change, who, self.on.clock.now())?;
        match self.on.catalog.change_schedule(&after).await? {
            true => Ok(self.on.catalog.schedule(id).await?),
            false => Err(DeskError::Stale),
        }
    }

    /// Removes a schedule of the version `known`, or of any. What it made stays.
    ///
    /// # Errors
    /// When there is no such schedule for them, or it is of another version.
    pub async fn remove_schedule(
        &self,
        who: &Principal,
        id: &ScheduleId,
        known: Option<u64>,
    ) -> Result<(), DeskError> {
        let schedule = self.known(who, id, known).await?;
        let version = schedule.version;
        match self.on.catalog.remove_schedule(id, version).await? {
            true => Ok(()),
            false => Err(DeskError::Stale),
        }
    }

    async fn theirs(&self, who: &Principal, id: &ScheduleId) -> Result<Schedule, DeskError> {
        let schedule = self.on.catalog.schedule(id).await?;
        let own = schedule.owner.eq_ignore_ascii_case(&who.wallet.to_string());
        let (kind, id) = ("schedule", id.to_string());
        let absent = || CatalogError::NotFound { kind, id }.into();
        (own || who.admin).then_some(schedule).ok_or_else(absent)
    }

    async fn known(
        &self,
        who: &Principal,
        id: &ScheduleId,
        known: Option<u64>,
    ) -> Result<Schedule, DeskError> {
        let schedule = self.theirs(who, id).await?;
        match known.is_none_or(|known| known == schedule.version) {
            true => Ok(schedule),
            false => Err(DeskError::Stale),
        }
    }

    /// Whether somebody may have this done, and it can be done as things are.
    async fn may(&self, who: &Principal, action: &Action) -> Result<(), DeskError> {
        match action {
            Action::CleanUp(_) if !who.admin => Err(DeskError::AdminRequired),
            Action::CleanUp(what) if *what == CleanUp::default() => Err(DeskError::Nothing),
            Action::CleanUp(_) => Ok(()),
            Action::Encode(_) if !(who.creator || who.admin) => Err(DeskError::CreatorRequired),
            Action::Encode(new) => {
                let source = self.source(who, new).await?;
                let spec = self.spec(new, &source.upload)?;
                Ok(self.on.jobs.check(&self.gate.namespace, &spec).await?)
            }
        }
    }
}

/// The schedule after the change. Whoever says what it does lends it their rights.
fn changed(
    before: Schedule,
    change: ScheduleChange,
    who: &Principal,
    now: UnixSeconds,
) -> Result<Schedule, DeskError> {
    let timed = change.cron.is_some() || change.time_zone.is_some();
    let begun = change.enabled == Some(true) && !before.enabled;
    let mut after = before;
    if let Some(action) = &change.action {
        after.action = text(action)?;
        after.admin = who.admin;
    }
    after.title = change.title.map_or(after.title, String::from);
    after.cron = change.cron.unwrap_or(after.cron);
    after.time_zone = change.time_zone.unwrap_or(after.time_zone);
    after.deadline = change.deadline_seconds.map_or(after.deadline, seconds);
    after.once = change.once.unwrap_or(after.once);
    after.enabled = change.enabled.unwrap_or(after.enabled);
    after.updated_at = now;
    if timed || begun {
        let table = Timetable::parse(&after.cron, &after.time_zone, now)?;
        after.next_at = table.next(now);
    }
    after.next_at = after.next_at.filter(|_| after.enabled);
    Ok(after)
}

fn seconds(deadline: Deadline) -> u32 {
    u32::try_from(deadline.get()).unwrap_or(u32::MAX)
}

/// What a schedule does, as the catalog keeps it.
fn text(action: &Action) -> Result<String, DeskError> {
    serde_json::to_string(action).map_err(|error| {
        let action = "write what a schedule does";
        let source = error.into();
        CatalogError::Unavailable { action, source }.into()
    })
}

/// Names what was asked: the same for the same request.
fn fingerprint(new: &NewSchedule) -> String {
    let text = serde_json::to_vec(new).unwrap_or_default();
    hex::encode(&Sha256::digest(text)[..16])
}

/// An id that follows from owner and key, or one that nobody had before.
fn new_id(owner: &str, key: Option<&str>) -> Result<ScheduleId, DeskError> {
    let name = match key {
        Some(key) => hex::encode(&Sha256::digest(format!("schedule {owner} {key}"))[..12]),
        None => format!("{:024x}", rand::random::<u128>() >> 32),
    };
    format!("s{name}").parse().map_err(|error: InvalidId| {
        let action = "name a schedule";
        let source = error.into();
        CatalogError::Unavailable { action, source }.into()
    })
}
