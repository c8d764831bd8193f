//! Outputs that play no more, in either database.

use async_trait::async_trait;
use streamgate_contract::{ContentId, OutputId};

use super::rows::{column, failed, parsed};
use super::{Catalog, Row};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::retired::{Retirement, Spare};
use crate::ports::clock::UnixSeconds;

/// Outputs whose objects are removed at once.
const BATCH: i64 = 100;

fn spare(row: &Row) -> Result<Spare, CatalogError> {
    Ok(Spare {
        output: parsed(row, "id")?,
        job: column(row, "job")?,
        retired_at: column(row, "at")?,
    })
}

#[async_trait]
impl Retirement for Catalog {
    async fn spare_outputs(&self) -> Result<Vec<Spare>, CatalogError> {
        const ACTION: &str = "list outputs that play no more";
        let sql = "DELETE FROM retired_outputs WHERE output IN (
                       SELECT current_output FROM contents WHERE current_output IS NOT NULL)";
        let again = sqlx::query(sql).execute(&self.pool).await;
        again.map_err(failed(ACTION))?;
        let sql = "SELECT outputs.id, job, at FROM outputs
                   JOIN contents ON contents.id = outputs.content
                   LEFT JOIN retired_outputs ON retired_outputs.output = outputs.id
                   WHERE contents.current_output IS NULL OR contents.current_output != outputs.id
                   ORDER BY outputs.id";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await;
        rows.map_err(failed(ACTION))?.iter().map(spare).collect()
    }

    async fn retire(&self, output: &OutputId, now: UnixSeconds) -> Result<(), CatalogError> {
        let sql = "INSERT INTO retired_outputs (output, at)
                   SELECT id, $2 FROM outputs WHERE id = $1 ON CONFLICT (output) DO NOTHING";
        let note = sqlx::query(sql).bind(output.as_str()).bind(now);
        let done = note.execute(&self.pool).await;
        done.map(|_| ()).map_err(failed("retire an output"))
    }

    async fn remove_output(&self, output: &OutputId) -> Result<bool, CatalogError> {
        const ACTION: &str = "remove an output";
        let mut tx = self.write(ACTION).await?;
        // Whoever publishes it now waits, or has made it current.
        let sql = "UPDATE outputs SET complete = complete WHERE id = $1
                   AND EXISTS (SELECT 1 FROM retired_outputs WHERE output = $1)
                   AND NOT EXISTS (SELECT 1 FROM contents WHERE current_output = $1)";
        let locked = sqlx::query(sql).bind(output.as_str());
        let locked = locked.execute(&mut *tx).await.map_err(failed(ACTION))?;
        if locked.rows_affected() == 0 {
            return Ok(false);
        }
        // What refers to others goes before them.
        for sql in [
            "INSERT INTO removed_outputs (output, content)
                 SELECT id, content FROM outputs WHERE id = $1 ON CONFLICT (output) DO NOTHING",
            "DELETE FROM segments WHERE output = $1",
            "DELETE FROM content_keys WHERE job IN (SELECT job FROM outputs WHERE id = $1)",
            "DELETE FROM outputs WHERE id = $1",
        ] {
            let done = sqlx::query(sql).bind(output.as_str()).execute(&mut *tx);
            done.await.map_err(failed(ACTION))?;
        }
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(true)
    }

    async fn removed_outputs(&self) -> Result<Vec<(ContentId, OutputId)>, CatalogError> {
        let sql = "SELECT content, output FROM removed_outputs ORDER BY output LIMIT $1";
        let rows = sqlx::query(sql).bind(BATCH).fetch_all(&self.pool).await;
        let pair = |row: &Row| Ok((parsed(row, "content")?, parsed(row, "output")?));
        let rows = rows.map_err(failed("list removed outputs"))?;
        rows.iter().map(pair).collect()
    }

    async fn forget_output(&self, output: &OutputId) -> Result<(), CatalogError> {
        let query = sqlx::query("DELETE FROM removed_outputs WHERE output = $1");
        let done = query.bind(output.as_str()).execute(&self.pool).await;
        done.map(|_| ()).map_err(failed("forget an output"))
    }
}
