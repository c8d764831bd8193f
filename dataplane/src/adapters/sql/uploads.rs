//! Uploads and the outbox in either database.

use async_trait::async_trait;
use sqlx::Transaction;
use streamgate_contract::UploadId;

use super::rows::{column, conflict, failed, not_found, parsed, signed, unsigned};
use super::{Catalog, Db, Row, contents};
use crate::ports::catalog::{CatalogError, Content, OutboxEntry, Upload, UploadPart, Uploads};

fn entry(row: &Row) -> Result<OutboxEntry, CatalogError> {
    Ok(OutboxEntry {
        upload: parsed(row, "upload")?,
        content: parsed(row, "content")?,
    })
}

fn part(row: &Row) -> Result<UploadPart, CatalogError> {
    Ok(UploadPart {
        key: column(row, "key")?,
        bytes: unsigned(row, "bytes")?,
    })
}

/// A change of the parts that must have changed one row, or the upload has moved on.
fn one_row(id: &UploadId, rows: u64) -> Result<(), CatalogError> {
    let detail = "moved on; ask for its offset and go on from there";
    match rows {
        1 => Ok(()),
        _ => Err(conflict("upload", id, detail)),
    }
}

/// Keeps others from changing the parts of an unfinished upload until the transaction ends.
async fn lock(tx: &mut Transaction<'_, Db>, id: &UploadId) -> Result<u64, CatalogError> {
    let sql = "UPDATE uploads SET length = length WHERE id = $1 AND content IS NULL";
    let locked = sqlx::query(sql).bind(id.as_str()).execute(&mut **tx).await;
    Ok(locked.map_err(failed("lock an upload"))?.rows_affected())
}

impl Catalog {
    async fn parts(&self, id: &UploadId) -> Result<Vec<UploadPart>, CatalogError> {
        let sql = "SELECT key, bytes FROM upload_parts WHERE upload = $1 ORDER BY part";
        let rows = sqlx::query(sql).bind(id.as_str());
        let rows = rows.fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("read an upload"))?;
        rows.iter().map(part).collect()
    }
}

#[async_trait]
impl Uploads for Catalog {
    async fn create_upload(&self, upload: &Upload) -> Result<(), CatalogError> {
        let sql = "INSERT INTO uploads (id, owner, length, metadata, created_at)
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let done = sqlx::query(sql)
            .bind(upload.id.as_str())
            .bind(&upload.owner)
            .bind(signed(upload.length)?)
            .bind(&upload.metadata)
            .bind(upload.created_at)
            .execute(&self.pool)
            .await
            .map_err(failed("add an upload"))?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(conflict(
                "upload",
                &upload.id,
                "exists already; choose another id",
            )),
        }
    }

    async fn upload(&self, id: &UploadId) -> Result<Upload, CatalogError> {
        let query = sqlx::query(
            "SELECT owner, length, metadata, content, created_at FROM uploads WHERE id = $1",
        )
        .bind(id.as_str());
        let row = query
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("read an upload"))?;
        let row = row.ok_or_else(|| not_found("upload", id))?;
        let content: Option<String> = column(&row, "content")?;
        let content = content.map(|id| id.parse()).transpose();
        Ok(Upload {
            id: id.clone(),
            owner: column(&row, "owner")?,
            length: unsigned(&row, "length")?,
            metadata: column(&row, "metadata")?,
            created_at: column(&row, "created_at")?,
            parts: self.parts(id).await?,
            content: content.map_err(failed("read an upload"))?,
        })
    }

    async fn append_part(
        &self,
        id: &UploadId,
        number: u32,
        part: &UploadPart,
    ) -> Result<(), CatalogError> {
        // Only the next number fits: two writers at one offset cannot both succeed.
        const ACTION: &str = "append a part";
        let mut tx = self.write(ACTION).await?;
        one_row(id, lock(&mut tx, id).await?)?;
        let sql = "INSERT INTO upload_parts (upload, part, key, bytes)
                   SELECT id, $2, $3, $4 FROM uploads WHERE id = $1 AND content IS NULL
                   AND $2 = (SELECT count(*) FROM upload_parts WHERE upload = $1)
                   AND $4 + (SELECT coalesce(sum(bytes), 0) FROM upload_parts WHERE upload = $1)
                       <= length
                   ON CONFLICT DO NOTHING";
        let query = sqlx::query(sql)
            .bind(id.as_str())
            .bind(i64::from(number))
            .bind(&part.key)
            .bind(signed(part.bytes)?);
        let done = query.execute(&mut *tx).await;
        one_row(id, done.map_err(failed(ACTION))?.rows_affected())?;
        tx.commit().await.map_err(failed(ACTION))
    }

    async fn replace_last_part(
        &self,
        id: &UploadId,
        key: &str,
        part: &UploadPart,
    ) -> Result<(), CatalogError> {
        const ACTION: &str = "replace a part";
        let mut tx = self.write(ACTION).await?;
        one_row(id, lock(&mut tx, id).await?)?;
        // The old key must still be there and be the last: two writers cannot both replace it.
        let sql = "UPDATE upload_parts SET key = $3, bytes = $4 WHERE upload = $1 AND key = $2
                   AND bytes <= $4
                   AND part = (SELECT max(part) FROM upload_parts WHERE upload = $1)
                   AND EXISTS (SELECT 1 FROM uploads WHERE id = $1 AND content IS NULL
                       AND $4 + (SELECT coalesce(sum(bytes), 0) FROM upload_parts
                                 WHERE upload = $1 AND key != $2) <= length)";
        let query = sqlx::query(sql)
            .bind(id.as_str())
            .bind(key)
            .bind(&part.key)
            .bind(signed(part.bytes)?);
        let done = query.execute(&mut *tx).await;
        one_row(id, done.map_err(failed(ACTION))?.rows_affected())?;
        tx.commit().await.map_err(failed(ACTION))
    }

    async fn unfinished_uploads(&self) -> Result<Vec<UploadId>, CatalogError> {
        let sql = "SELECT id FROM uploads WHERE content IS NULL ORDER BY created_at";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("list uploads"))?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    async fn delete_upload(&self, id: &UploadId) -> Result<(), CatalogError> {
        let query = sqlx::query("DELETE FROM uploads WHERE id = $1 AND content IS NULL");
        let done = query.bind(id.as_str()).execute(&self.pool).await;
        match done.map_err(failed("delete an upload"))?.rows_affected() {
            1 => Ok(()),
            _ => Err(not_found("unfinished upload", id)),
        }
    }

    async fn complete_upload(&self, id: &UploadId, content: &Content) -> Result<(), CatalogError> {
        const ACTION: &str = "complete an upload";
        let upload = self.upload(id).await?;
        if upload.content.is_some() {
            return Ok(());
        }
        if upload.offset() != upload.length {
            return Err(conflict("upload", id, "is not whole; send the rest first"));
        }
        let mut tx = self.write(ACTION).await?;
        contents::insert(&mut tx, content).await?;
        let sql = "UPDATE uploads SET content = $1 WHERE id = $2 AND content IS NULL";
        let mark = sqlx::query(sql).bind(content.id.as_str()).bind(id.as_str());
        // Somebody else completed it meanwhile: drop this transaction, content and all.
        if mark
            .execute(&mut *tx)
            .await
            .map_err(failed(ACTION))?
            .rows_affected()
            == 0
        {
            return Ok(());
        }
        let outbox = sqlx::query("INSERT INTO outbox (upload, content) VALUES ($1, $2)");
        let outbox = outbox.bind(id.as_str()).bind(content.id.as_str());
        outbox.execute(&mut *tx).await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))
    }

    async fn outbox(&self, limit: u32) -> Result<Vec<OutboxEntry>, CatalogError> {
        let query = sqlx::query("SELECT upload, content FROM outbox ORDER BY rowid LIMIT $1")
            .bind(i64::from(limit));
        let rows = query
            .fetch_all(&self.pool)
            .await
            .map_err(failed("read the outbox"))?;
        rows.iter().map(entry).collect()
    }

    async fn outbox_done(&self, upload: &UploadId) -> Result<(), CatalogError> {
        let query = sqlx::query("DELETE FROM outbox WHERE upload = $1").bind(upload.as_str());
        query
            .execute(&self.pool)
            .await
            .map_err(failed("empty the outbox"))?;
        Ok(())
    }
}
