//! Outputs and segments in either database. The primary key (output, track, number) is the commit.

use async_trait::async_trait;
use streamgate_contract::encryption::ContentKey;
use streamgate_contract::job_files::Usage;
use streamgate_contract::quality::{Nearness, TrackQuality};
use streamgate_contract::{ContentId, OutputId, TrackId};

use super::rows::{column, conflict, failed, not_found, parsed, signed, unsigned};
use super::{Catalog, Row};
use crate::ports::catalog::{CatalogError, Output, Outputs, Segment};

/// The init segment's number in the table.
const INIT: i64 = -1;

fn number(segment: Option<u32>) -> i64 {
    segment.map_or(INIT, i64::from)
}

pub(super) fn output(row: &Row) -> Result<Output, CatalogError> {
    let plan: &str = column(row, "plan")?;
    Ok(Output {
        id: parsed(row, "id")?,
        content: parsed(row, "content")?,
        job: column(row, "job")?,
        plan: serde_json::from_str(plan).map_err(failed("read a plan"))?,
        complete: column(row, "complete")?,
    })
}

fn segment(row: &Row) -> Result<Segment, CatalogError> {
    Ok(Segment {
        track: parsed(row, "track")?,
        number: u32::try_from(column::<i64>(row, "number")?).ok(),
        key: column(row, "key")?,
        bytes: unsigned(row, "bytes")?,
        sha256: column(row, "sha256")?,
        head_bytes: column::<Option<i64>>(row, "head_bytes")?.and_then(|n| u64::try_from(n).ok()),
    })
}

fn content_key(row: &Row) -> Result<ContentKey, CatalogError> {
    Ok(ContentKey {
        id: parsed(row, "id")?,
        key: parsed(row, "key")?,
    })
}

#[async_trait]
impl Outputs for Catalog {
    async fn plan_output(&self, output: &Output) -> Result<Output, CatalogError> {
        let plan = serde_json::to_string(&output.plan).map_err(failed("write a plan"))?;
        let sql = "INSERT INTO outputs (id, content, job, plan) SELECT $1, $2, $3, $4
                   WHERE EXISTS (SELECT 1 FROM contents WHERE id = $2)
                   ON CONFLICT (job) DO NOTHING";
        sqlx::query(sql)
            .bind(output.id.as_str())
            .bind(output.content.as_str())
            .bind(&output.job)
            .bind(plan)
            .execute(&self.pool)
            .await
            .map_err(failed("add an output"))?;
        let stored = self.output_of_job(&output.job).await?;
        stored.ok_or_else(|| not_found("output of job", &output.job))
    }

    async fn output(&self, id: &OutputId) -> Result<Output, CatalogError> {
        let query =
            sqlx::query("SELECT id, content, job, plan, complete FROM outputs WHERE id = $1")
                .bind(id.as_str());
        let row = query
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("read an output"))?;
        output(&row.ok_or_else(|| not_found("output", id))?)
    }

    async fn output_of_job(&self, job: &str) -> Result<Option<Output>, CatalogError> {
        let query =
            sqlx::query("SELECT id, content, job, plan, complete FROM outputs WHERE job = $1")
                .bind(job);
        let row = query
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("read an output"))?;
        row.as_ref().map(output).transpose()
    }

    async fn playable_output(&self, content: &ContentId) -> Result<Option<OutputId>, CatalogError> {
        let sql = "SELECT coalesce(
                       (SELECT current_output FROM contents WHERE id = $1),
                       (SELECT id FROM outputs WHERE content = $1 ORDER BY rowid DESC LIMIT 1)
                   ) AS id";
        let row = sqlx::query(sql)
            .bind(content.as_str())
            .fetch_one(&self.pool)
            .await;
        let id: Option<String> = column(&row.map_err(failed("find an output"))?, "id")?;
        id.map(|id| id.parse())
            .transpose()
            .map_err(failed("find an output"))
    }

    async fn commit(&self, output: &OutputId, segment: &Segment) -> Result<bool, CatalogError> {
        let sql = "INSERT INTO segments (output, track, number, key, bytes, sha256, head_bytes)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)
                   ON CONFLICT (output, track, number) DO NOTHING";
        let done = sqlx::query(sql)
            .bind(output.as_str())
            .bind(segment.track.as_str())
            .bind(number(segment.number))
            .bind(&segment.key)
            .bind(signed(segment.bytes)?)
            .bind(&segment.sha256)
            .bind(segment.head_bytes.map(signed).transpose()?)
            .execute(&self.pool)
            .await
            .map_err(failed("commit a segment"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn segments(&self, output: &OutputId) -> Result<Vec<Segment>, CatalogError> {
        let query = sqlx::query(
            "SELECT track, number, key, bytes, sha256, head_bytes FROM segments
             WHERE output = $1 ORDER BY track, number",
        );
        let rows = query.bind(output.as_str()).fetch_all(&self.pool).await;
        rows.map_err(failed("list segments"))?
            .iter()
            .map(segment)
            .collect()
    }

    async fn segment(
        &self,
        output: &OutputId,
        track: &TrackId,
        wanted: Option<u32>,
    ) -> Result<Option<Segment>, CatalogError> {
        let sql = "SELECT track, number, key, bytes, sha256, head_bytes FROM segments
                   WHERE output = $1 AND track = $2 AND number = $3";
        let query = sqlx::query(sql)
            .bind(output.as_str())
            .bind(track.as_str())
            .bind(number(wanted));
        let row = query
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("read a segment"))?;
        row.as_ref().map(segment).transpose()
    }

    async fn keep_key(&self, job: &str, key: &ContentKey) -> Result<ContentKey, CatalogError> {
        const ACTION: &str = "keep a key";
        let sql = "INSERT INTO content_keys (job, id, key) VALUES ($1, $2, $3)
                   ON CONFLICT (job) DO NOTHING";
        let add = sqlx::query(sql)
            .bind(job)
            .bind(key.id.to_string())
            .bind(key.key.to_string());
        add.execute(&self.pool).await.map_err(failed(ACTION))?;
        let query = sqlx::query("SELECT id, key FROM content_keys WHERE job = $1").bind(job);
        let row = query.fetch_one(&self.pool).await.map_err(failed(ACTION))?;
        content_key(&row)
    }

    async fn key_of(&self, output: &OutputId) -> Result<Option<ContentKey>, CatalogError> {
        let sql = "SELECT content_keys.id, key FROM outputs JOIN content_keys USING (job)
                   WHERE outputs.id = $1";
        let query = sqlx::query(sql).bind(output.as_str());
        let row = query.fetch_optional(&self.pool).await;
        let row = row.map_err(failed("read a key"))?;
        row.as_ref().map(content_key).transpose()
    }

    async fn note_usage(
        &self,
        output: &OutputId,
        pod: &str,
        usage: &Usage,
    ) -> Result<(), CatalogError> {
        // A courier that was started again knows less of its pod than the first.
        let sql =
            "INSERT INTO pod_usage (output, pod, cpu_ms, pod_ms, fetched_bytes) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (output, pod) DO UPDATE SET
             cpu_ms = CASE WHEN excluded.cpu_ms > pod_usage.cpu_ms
                 THEN excluded.cpu_ms ELSE pod_usage.cpu_ms END,
             pod_ms = CASE WHEN excluded.pod_ms > pod_usage.pod_ms
                 THEN excluded.pod_ms ELSE pod_usage.pod_ms END,
             fetched_bytes = CASE WHEN excluded.fetched_bytes > pod_usage.fetched_bytes
                 THEN excluded.fetched_bytes ELSE pod_usage.fetched_bytes END";
        let query = sqlx::query(sql)
            .bind(output.as_str())
            .bind(pod)
            .bind(signed(usage.cpu_milliseconds)?)
            .bind(signed(usage.pod_milliseconds)?)
            .bind(signed(usage.fetched_bytes)?);
        let done = query.execute(&self.pool).await;
        done.map(|_| ()).map_err(failed("note what a pod took"))
    }

    async fn usage(&self, output: &OutputId) -> Result<Usage, CatalogError> {
        let sql = "SELECT CAST(coalesce(sum(cpu_ms), 0) AS BIGINT) AS cpu_ms,
                   CAST(coalesce(sum(pod_ms), 0) AS BIGINT) AS pod_ms,
                   CAST(coalesce(sum(fetched_bytes), 0) AS BIGINT) AS fetched_bytes
                   FROM pod_usage WHERE output = $1";
        let query = sqlx::query(sql).bind(output.as_str());
        let row = query
            .fetch_one(&self.pool)
            .await
            .map_err(failed("read what pods took"))?;
        Ok(Usage {
            cpu_milliseconds: unsigned(&row, "cpu_ms")?,
            pod_milliseconds: unsigned(&row, "pod_ms")?,
            fetched_bytes: unsigned(&row, "fetched_bytes")?,
        })
    }

    async fn note_quality(
        &self,
        output: &OutputId,
        pod: &str,
        quality: &TrackQuality,
    ) -> Result<(), CatalogError> {
        let sql = "INSERT INTO pod_quality
                       (output, pod, track, pictures, squared_error, similarity)
                   VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (output, pod, track) DO UPDATE SET
                   pictures = excluded.pictures, squared_error = excluded.squared_error,
                   similarity = excluded.similarity
                   WHERE excluded.pictures > pod_quality.pictures";
        let nearness = &quality.nearness;
        let query = sqlx::query(sql)
            .bind(output.as_str())
            .bind(pod)
            .bind(quality.track.as_str())
            .bind(signed(nearness.pictures)?)
            .bind(signed(nearness.squared_error)?)
            .bind(signed(nearness.similarity)?);
        let done = query.execute(&self.pool).await;
        done.map(|_| ()).map_err(failed("note a pod's quality"))
    }

    async fn quality(&self, output: &OutputId) -> Result<Vec<TrackQuality>, CatalogError> {
        let sql = "SELECT track, CAST(sum(pictures) AS BIGINT) AS pictures,
                   CAST(sum(squared_error) AS BIGINT) AS squared_error,
                   CAST(sum(similarity) AS BIGINT) AS similarity
                   FROM pod_quality WHERE output = $1 GROUP BY track ORDER BY track";
        let rows = sqlx::query(sql).bind(output.as_str());
        let rows = rows.fetch_all(&self.pool).await;
        let quality = |row: &Row| {
            Ok(TrackQuality {
                track: parsed(row, "track")?,
                nearness: Nearness {
                    pictures: unsigned(row, "pictures")?,
                    squared_error: unsigned(row, "squared_error")?,
                    similarity: unsigned(row, "similarity")?,
                },
            })
        };
        rows.map_err(failed("read an output's quality"))?
            .iter()
            .map(quality)
            .collect()
    }

    async fn publish(&self, id: &OutputId) -> Result<(), CatalogError> {
        const ACTION: &str = "publish an output";
        let output = self.output(id).await?;
        let wanted = output.plan.objects();
        let mut tx = self.write(ACTION).await?;
        let count = sqlx::query("SELECT count(*) AS n FROM segments WHERE output = $1");
        let count = count
            .bind(id.as_str())
            .fetch_one(&mut *tx)
            .await
            .map_err(failed(ACTION))?;
        if unsigned(&count, "n")? < wanted {
            let detail = "is not committed whole; finish its segments first";
            return Err(conflict("output", id, detail));
        }
        let close =
            sqlx::query("UPDATE outputs SET complete = TRUE WHERE id = $1").bind(id.as_str());
        close.execute(&mut *tx).await.map_err(failed(ACTION))?;
        // A withdrawn content stays withdrawn whatever is encoded for it.
        let sql = "UPDATE contents SET current_output = $1,
                   state = CASE state WHEN 'processing' THEN 'published' ELSE state END WHERE id = $2";
        let switch = sqlx::query(sql)
            .bind(id.as_str())
            .bind(output.content.as_str());
        switch.execute(&mut *tx).await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))
    }
}
