//! Silences and the history of alerts in either database.

use async_trait::async_trait;

use super::rows::{column, failed};
use super::{Catalog, Row};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::alarms::{Alarms, AlertChange, ChangesOf, Silence};
use crate::ports::clock::UnixSeconds;

/// A value as the JSON of a column.
fn json<T: serde::Serialize>(value: &T) -> Result<String, CatalogError> {
    serde_json::to_string(value).map_err(failed("write a row"))
}

fn from_json<T: serde::de::DeserializeOwned>(row: &Row, name: &str) -> Result<T, CatalogError> {
    serde_json::from_str(column::<&str>(row, name)?).map_err(failed("read a row"))
}

fn silence(row: &Row) -> Result<Silence, CatalogError> {
    Ok(Silence {
        id: column(row, "id")?,
        matchers: from_json(row, "matchers")?,
        starts_at: column(row, "starts_at")?,
        ends_at: column(row, "ends_at")?,
        author: column(row, "author")?,
        comment: column(row, "comment")?,
        created_at: column(row, "created_at")?,
    })
}

fn change(row: &Row) -> Result<AlertChange, CatalogError> {
    Ok(AlertChange {
        place: column(row, "place")?,
        at: column(row, "happened_at")?,
        resolved: column::<i64>(row, "resolved")? != 0,
        namespace: column(row, "namespace")?,
        policy: column(row, "policy")?,
        rule: column(row, "rule")?,
        severity: from_json(row, "severity")?,
        labels: from_json(row, "labels")?,
        starts_at: column(row, "starts_at")?,
        value: column(row, "value")?,
        silenced: column::<i64>(row, "silenced")? != 0,
    })
}

#[async_trait]
impl Alarms for Catalog {
    async fn add_silence(&self, silence: &Silence, most: u32) -> Result<bool, CatalogError> {
        let query = sqlx::query(
            "INSERT INTO silences (id, matchers, starts_at, ends_at, author, comment, created_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7 \
             WHERE (SELECT count(*) FROM silences) < $8",
        );
        let query = query.bind(&silence.id).bind(json(&silence.matchers)?);
        let query = query.bind(silence.starts_at).bind(silence.ends_at);
        let query = query.bind(&silence.author).bind(&silence.comment);
        let query = query.bind(silence.created_at).bind(i64::from(most));
        let done = query.execute(&self.pool).await;
        let done = done.map_err(failed("add a silence"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn silences(&self) -> Result<Vec<Silence>, CatalogError> {
        let query = sqlx::query("SELECT * FROM silences ORDER BY created_at DESC, id");
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("list the silences"))?;
        rows.iter().map(silence).collect()
    }

    async fn delete_silence(&self, id: &str) -> Result<bool, CatalogError> {
        let query = sqlx::query("DELETE FROM silences WHERE id = $1").bind(id);
        let done = query.execute(&self.pool).await;
        Ok(done.map_err(failed("remove a silence"))?.rows_affected() == 1)
    }

    async fn forget_silences(&self, before: UnixSeconds) -> Result<(), CatalogError> {
        let query = sqlx::query("DELETE FROM silences WHERE ends_at < $1").bind(before);
        let done = query.execute(&self.pool).await;
        done.map(|_| ()).map_err(failed("forget silences"))
    }

    async fn add_changes(&self, changes: &[AlertChange], most: u32) -> Result<(), CatalogError> {
        const ACTION: &str = "keep the history of alerts";
        let mut tx = self.write(ACTION).await?;
        for change in changes {
            let query = sqlx::query(
                "INSERT INTO alert_changes (happened_at, resolved, namespace, policy, rule, \
                 severity, labels, starts_at, value, silenced) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            );
            let query = query.bind(change.at).bind(i64::from(change.resolved));
            let query = query.bind(&change.namespace).bind(&change.policy);
            let query = query.bind(&change.rule).bind(json(&change.severity)?);
            let query = query.bind(json(&change.labels)?).bind(change.starts_at);
            let query = query.bind(change.value).bind(i64::from(change.silenced));
            query.execute(&mut *tx).await.map_err(failed(ACTION))?;
        }
        let sql = "DELETE FROM alert_changes
                   WHERE place <= (SELECT max(place) FROM alert_changes) - $1";
        let forget = sqlx::query(sql).bind(i64::from(most)).execute(&mut *tx);
        forget.await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))
    }

    async fn changes(&self, of: &ChangesOf) -> Result<Vec<AlertChange>, CatalogError> {
        let mut query = sqlx::QueryBuilder::new("SELECT * FROM alert_changes WHERE place < ");
        query.push_bind(of.before.unwrap_or(i64::MAX));
        // Severities are kept as JSON words.
        let severity = match of.severity.is_empty() {
            true => String::new(),
            false => json(&of.severity)?,
        };
        for (column, wanted) in [
            (" AND rule = ", &of.rule),
            (" AND policy = ", &of.policy),
            (" AND severity = ", &severity),
        ] {
            if !wanted.is_empty() {
                query.push(column).push_bind(wanted.clone());
            }
        }
        query.push(" ORDER BY place DESC LIMIT ");
        query.push_bind(i64::from(of.limit));
        let rows = query.build().fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("read the history of alerts"))?;
        rows.iter().map(change).collect()
    }
}
