//! Schedules and their ticks in either database.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use streamgate_contract::ScheduleId;

use super::rows::{column, failed, not_found, parsed, signed, unsigned};
use super::{Catalog, Db, Row};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::schedules::{Run, RunState, Schedule, Schedules};
use crate::ports::clock::UnixSeconds;

const COLUMNS: &str = "place, id, owner, admin, title, cron, time_zone, action, deadline, once,
    enabled, request, version, created_at, updated_at, next_at";
const RUN: &str = "name, schedule, tick, missed, state, outcome, at";

fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Pending => "pending",
        RunState::Done => "done",
        RunState::Failed => "failed",
        RunState::Missed => "missed",
    }
}

fn state(name: &str) -> Result<RunState, CatalogError> {
    use RunState::{Done, Failed, Missed, Pending};
    let all = [Pending, Done, Failed, Missed];
    let known = all.into_iter().find(|s| state_name(*s) == name);
    known.ok_or_else(|| failed("read a tick")(format!("unknown state {name:?}")))
}

fn small(row: &Row, name: &str) -> Result<u32, CatalogError> {
    u32::try_from(column::<i64>(row, name)?).map_err(failed("read a row"))
}

fn schedule(row: &Row) -> Result<Schedule, CatalogError> {
    Ok(Schedule {
        id: parsed(row, "id")?,
        owner: column(row, "owner")?,
        admin: column(row, "admin")?,
        title: column(row, "title")?,
        cron: column(row, "cron")?,
        time_zone: column(row, "time_zone")?,
        action: column(row, "action")?,
        deadline: small(row, "deadline")?,
        once: column(row, "once")?,
        enabled: column(row, "enabled")?,
        request: column(row, "request")?,
        version: unsigned(row, "version")?,
        created_at: column(row, "created_at")?,
        updated_at: column(row, "updated_at")?,
        next_at: column(row, "next_at")?,
    })
}

fn run(row: &Row) -> Result<Run, CatalogError> {
    Ok(Run {
        name: column(row, "name")?,
        schedule: parsed(row, "schedule")?,
        tick: column(row, "tick")?,
        missed: small(row, "missed")?,
        state: state(column(row, "state")?)?,
        outcome: column(row, "outcome")?,
        at: column(row, "at")?,
    })
}

/// Begins `SELECT … WHERE` with a condition that always holds.
fn select() -> QueryBuilder<Db> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS).push(" FROM schedules WHERE TRUE");
    query
}

#[async_trait]
impl Schedules for Catalog {
    async fn add_schedule(&self, new: &Schedule) -> Result<bool, CatalogError> {
        let sql =
            "INSERT INTO schedules (id, owner, admin, title, cron, time_zone, action, deadline,
                       once, enabled, request, version, created_at, updated_at, next_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                   ON CONFLICT (id) DO NOTHING";
        let add = sqlx::query(sql)
            .bind(new.id.as_str())
            .bind(&new.owner)
            .bind(new.admin)
            .bind(&new.title)
            .bind(&new.cron)
            .bind(&new.time_zone)
            .bind(&new.action)
            .bind(i64::from(new.deadline))
            .bind(new.once)
            .bind(new.enabled)
            .bind(&new.request)
            .bind(signed(new.version)?)
            .bind(new.created_at)
            .bind(new.updated_at)
            .bind(new.next_at);
        let done = add.execute(&self.pool).await;
        Ok(done.map_err(failed("add a schedule"))?.rows_affected() == 1)
    }

    async fn schedule(&self, id: &ScheduleId) -> Result<Schedule, CatalogError> {
        let mut query = select();
        query.push(" AND id = ").push_bind(id.to_string());
        let row = query.build().fetch_optional(&self.pool).await;
        let row = row.map_err(failed("read a schedule"))?;
        schedule(&row.ok_or_else(|| not_found("schedule", id))?)
    }

    async fn change_schedule(&self, after: &Schedule) -> Result<bool, CatalogError> {
        let sql = "UPDATE schedules SET title = $3, cron = $4, time_zone = $5, action = $6,
                       deadline = $7, once = $8, enabled = $9, updated_at = $10, next_at = $11,
                       version = version + 1
                   WHERE id = $1 AND version = $2";
        let change = sqlx::query(sql)
            .bind(after.id.as_str())
            .bind(signed(after.version)?)
            .bind(&after.title)
            .bind(&after.cron)
            .bind(&after.time_zone)
            .bind(&after.action)
            .bind(i64::from(after.deadline))
            .bind(after.once)
            .bind(after.enabled)
            .bind(after.updated_at)
            .bind(after.next_at);
        let done = change.execute(&self.pool).await;
        let done = done.map_err(failed("change a schedule"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn remove_schedule(&self, id: &ScheduleId, version: u64) -> Result<bool, CatalogError> {
        let query = sqlx::query("DELETE FROM schedules WHERE id = $1 AND version = $2")
            .bind(id.as_str())
            .bind(signed(version)?);
        let done = query.execute(&self.pool).await;
        let done = done.map_err(failed("remove a schedule"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn schedules(
        &self,
        owner: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, Schedule)>, CatalogError> {
        let mut query = select();
        if let Some(owner) = owner {
            query.push(" AND owner = ").push_bind(owner.to_owned());
        }
        if let Some(place) = before {
            query.push(" AND place < ").push_bind(place);
        }
        query.push(" ORDER BY place DESC LIMIT ");
        let rows = query.push_bind(i64::from(limit)).build();
        let rows = rows.fetch_all(&self.pool).await;
        let placed = |row: &Row| Ok((column(row, "place")?, schedule(row)?));
        let rows = rows.map_err(failed("list schedules"))?;
        rows.iter().map(placed).collect()
    }

    async fn count_schedules(&self, owner: &str) -> Result<u64, CatalogError> {
        let query = sqlx::query("SELECT count(*) AS n FROM schedules WHERE owner = $1");
        let row = query.bind(owner).fetch_one(&self.pool).await;
        unsigned(&row.map_err(failed("count schedules"))?, "n")
    }

    async fn due_schedules(
        &self,
        now: UnixSeconds,
        limit: u32,
    ) -> Result<Vec<Schedule>, CatalogError> {
        let mut query = select();
        query.push(" AND next_at IS NOT NULL AND next_at <= ");
        query.push_bind(now).push(" ORDER BY next_at LIMIT ");
        let rows = query.push_bind(i64::from(limit)).build();
        let rows = rows.fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("list due schedules"))?;
        rows.iter().map(schedule).collect()
    }

    async fn take_tick(
        &self,
        seen: &Schedule,
        run: &Run,
        next_at: Option<UnixSeconds>,
    ) -> Result<bool, CatalogError> {
        const ACTION: &str = "take a tick";
        let mut tx = self.write(ACTION).await?;
        let sql = "UPDATE schedules SET next_at = $4, enabled = $5
                   WHERE id = $1 AND version = $2 AND next_at = $3";
        let go_on = sqlx::query(sql)
            .bind(seen.id.as_str())
            .bind(signed(seen.version)?)
            .bind(seen.next_at)
            .bind(next_at)
            .bind(!seen.once);
        let gone_on = go_on.execute(&mut *tx).await.map_err(failed(ACTION))?;
        if gone_on.rows_affected() == 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO schedule_runs (name, schedule, tick, missed, state, outcome, at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING";
        let note = sqlx::query(sql)
            .bind(&run.name)
            .bind(run.schedule.as_str())
            .bind(run.tick)
            .bind(i64::from(run.missed))
            .bind(state_name(run.state))
            .bind(&run.outcome)
            .bind(run.at);
        note.execute(&mut *tx).await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(true)
    }

    async fn hold_runs(
        &self,
        holder: &str,
        now: UnixSeconds,
        until: UnixSeconds,
        limit: u32,
    ) -> Result<Vec<Run>, CatalogError> {
        const ACTION: &str = "take ticks";
        let mut query = QueryBuilder::<Db>::new("SELECT ");
        query.push(RUN);
        query.push(" FROM schedule_runs WHERE state = 'pending' AND held_until <= ");
        query.push_bind(now).push(" ORDER BY tick LIMIT ");
        let rows = query.push_bind(i64::from(limit)).build();
        let rows = rows.fetch_all(&self.pool).await.map_err(failed(ACTION))?;
        let mut held = Vec::with_capacity(rows.len());
        for row in &rows {
            let run = run(row)?;
            // Of those who saw it, one takes it.
            let sql = "UPDATE schedule_runs SET holder = $2, held_until = $3
                       WHERE name = $1 AND state = 'pending' AND held_until <= $4";
            let take = sqlx::query(sql).bind(&run.name).bind(holder);
            let take = take.bind(until).bind(now).execute(&self.pool).await;
            if take.map_err(failed(ACTION))?.rows_affected() == 1 {
                held.push(run);
            }
        }
        Ok(held)
    }

    async fn end_run(&self, holder: &str, run: &Run) -> Result<bool, CatalogError> {
        let sql = "UPDATE schedule_runs SET state = $3, outcome = $4, at = $5
                   WHERE name = $1 AND holder = $2 AND state = 'pending'";
        let end = sqlx::query(sql)
            .bind(&run.name)
            .bind(holder)
            .bind(state_name(run.state))
            .bind(&run.outcome)
            .bind(run.at);
        let done = end.execute(&self.pool).await;
        Ok(done.map_err(failed("end a tick"))?.rows_affected() == 1)
    }

    async fn runs(&self, schedule: &ScheduleId, limit: u32) -> Result<Vec<Run>, CatalogError> {
        let mut query = QueryBuilder::<Db>::new("SELECT ");
        query
            .push(RUN)
            .push(" FROM schedule_runs WHERE schedule = ");
        query.push_bind(schedule.to_string());
        query.push(" ORDER BY tick DESC LIMIT ");
        let rows = query.push_bind(i64::from(limit)).build();
        let rows = rows.fetch_all(&self.pool).await;
        rows.map_err(failed("list ticks"))?
            .iter()
            .map(run)
            .collect()
    }

    async fn pending_runs(&self) -> Result<u64, CatalogError> {
        let sql = "SELECT count(*) AS n FROM schedule_runs WHERE state = 'pending'";
        let row = sqlx::query(sql).fetch_one(&self.pool).await;
        unsigned(&row.map_err(failed("count ticks"))?, "n")
    }

    async fn forget_runs(&self, before: UnixSeconds) -> Result<(), CatalogError> {
        let sql = "DELETE FROM schedule_runs WHERE state != 'pending' AND at < $1";
        let gone = sqlx::query(sql).bind(before).execute(&self.pool).await;
        gone.map(|_| ()).map_err(failed("forget ticks"))
    }
}
