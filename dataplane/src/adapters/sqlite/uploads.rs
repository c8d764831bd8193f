//! Uploads and the outbox in SQLite.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use streamgate_contract::UploadId;

use super::{
    Sqlite3Catalog, column, conflict, contents, failed, not_found, parsed, signed, unsigned,
};
use crate::ports::catalog::{CatalogError, Content, OutboxEntry, Upload, Uploads};

fn entry(row: &SqliteRow) -> Result<OutboxEntry, CatalogError> {
    Ok(OutboxEntry {
        upload: parsed(row, "upload")?,
        content: parsed(row, "content")?,
    })
}

impl Sqlite3Catalog {
    async fn parts(&self, id: &UploadId) -> Result<Vec<u64>, CatalogError> {
        let query = sqlx::query("SELECT bytes FROM upload_parts WHERE upload = ? ORDER BY part");
        let rows = query.bind(id.as_str()).fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("read an upload"))?;
        rows.iter().map(|row| unsigned(row, "bytes")).collect()
    }
}

#[async_trait]
impl Uploads for Sqlite3Catalog {
    async fn create_upload(&self, upload: &Upload) -> Result<(), CatalogError> {
        let sql = "INSERT INTO uploads (id, owner, length, metadata) VALUES (?, ?, ?, ?)
                   ON CONFLICT DO NOTHING";
        let done = sqlx::query(sql)
            .bind(upload.id.as_str())
            .bind(&upload.owner)
            .bind(signed(upload.length)?)
            .bind(&upload.metadata)
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
        let query = sqlx::query("SELECT * FROM uploads WHERE id = ?").bind(id.as_str());
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
            parts: self.parts(id).await?,
            content: content.map_err(failed("read an upload"))?,
        })
    }

    async fn append_part(&self, id: &UploadId, part: u32, bytes: u64) -> Result<(), CatalogError> {
        // Only the next number fits: two writers at one offset cannot both succeed.
        let sql = "INSERT INTO upload_parts (upload, part, bytes)
                   SELECT id, ?2, ?3 FROM uploads WHERE id = ?1 AND content IS NULL
                   AND ?2 = (SELECT count(*) FROM upload_parts WHERE upload = ?1)
                   AND ?3 + (SELECT coalesce(sum(bytes), 0) FROM upload_parts WHERE upload = ?1)
                       <= length";
        let query = sqlx::query(sql)
            .bind(id.as_str())
            .bind(part)
            .bind(signed(bytes)?);
        let done = query
            .execute(&self.pool)
            .await
            .map_err(failed("append a part"))?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(conflict(
                "upload",
                id,
                "moved on; ask for its offset and go on from there",
            )),
        }
    }

    async fn delete_upload(&self, id: &UploadId) -> Result<(), CatalogError> {
        let query = sqlx::query("DELETE FROM uploads WHERE id = ? AND content IS NULL");
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
        let sql = "UPDATE uploads SET content = ? WHERE id = ? AND content IS NULL";
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
        let outbox = sqlx::query("INSERT INTO outbox (upload, content) VALUES (?, ?)");
        let outbox = outbox.bind(id.as_str()).bind(content.id.as_str());
        outbox.execute(&mut *tx).await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))
    }

    async fn outbox(&self, limit: u32) -> Result<Vec<OutboxEntry>, CatalogError> {
        let query = sqlx::query("SELECT * FROM outbox ORDER BY rowid LIMIT ?").bind(limit);
        let rows = query
            .fetch_all(&self.pool)
            .await
            .map_err(failed("read the outbox"))?;
        rows.iter().map(entry).collect()
    }

    async fn outbox_done(&self, upload: &UploadId) -> Result<(), CatalogError> {
        let query = sqlx::query("DELETE FROM outbox WHERE upload = ?").bind(upload.as_str());
        query
            .execute(&self.pool)
            .await
            .map_err(failed("empty the outbox"))?;
        Ok(())
    }
}
