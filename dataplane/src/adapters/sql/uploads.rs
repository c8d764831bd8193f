//! Uploads and the outbox in either database.

use async_trait::async_trait;
use streamgate_contract::{ContentId, UploadId};

use super::rows::{column, conflict, failed, not_found, parsed, signed, unsigned};
use super::{Catalog, Row, contents, upload_parts};
use crate::ports::catalog::uploads::{
    ListedUpload, OutboxEntry, Owned, Place, Release, TurnState, Upload, UploadKind, UploadPart,
    Uploads,
};
use crate::ports::catalog::{CatalogError, Content};
use crate::ports::clock::UnixSeconds;

/// In the column `length` where the length is not known or the upload becomes no content by
/// itself: more than any upload has.
const BOUNDLESS: i64 = 1 << 60;

fn entry(row: &Row) -> Result<OutboxEntry, CatalogError> {
    Ok(OutboxEntry {
        upload: parsed(row, "upload")?,
        content: parsed(row, "content")?,
    })
}

/// Columns `kind`, `length`, `announced` and `pieces`.
type Shape = (&'static str, i64, Option<i64>, Option<String>);

fn shape(upload: &Upload) -> Result<Shape, CatalogError> {
    let announced = upload.length.map(signed).transpose()?;
    Ok(match (&upload.kind, announced) {
        (UploadKind::Whole, Some(length)) => ("whole", length, None, None),
        (UploadKind::Whole, None) => ("open", BOUNDLESS, None, None),
        (UploadKind::Piece, announced) => ("piece", BOUNDLESS, announced, None),
        (UploadKind::Joined(pieces), announced) => {
            let pieces: Vec<_> = pieces.iter().map(UploadId::as_str).collect();
            ("joined", BOUNDLESS, announced, Some(pieces.join(" ")))
        }
    })
}

fn kind(row: &Row) -> Result<(UploadKind, Option<u64>), CatalogError> {
    let announced: Option<i64> = column(row, "announced")?;
    let announced = announced.map(u64::try_from).transpose();
    let announced = announced.map_err(failed("read an upload"))?;
    Ok(match column::<&str>(row, "kind")? {
        "open" => (UploadKind::Whole, None),
        "piece" => (UploadKind::Piece, announced),
        "joined" => {
            let pieces: Option<String> = column(row, "pieces")?;
            let pieces = pieces.unwrap_or_default();
            let pieces: Result<_, _> = pieces.split_whitespace().map(str::parse).collect();
            let pieces = pieces.map_err(failed("read an upload"))?;
            (UploadKind::Joined(pieces), announced)
        }
        _ => (UploadKind::Whole, Some(unsigned(row, "length")?)),
    })
}

fn listed(row: &Row) -> Result<ListedUpload, CatalogError> {
    let content: Option<String> = column(row, "content")?;
    let content = content.map(|id| id.parse()).transpose();
    let (kind, length) = kind(row)?;
    Ok(ListedUpload {
        id: parsed(row, "id")?,
        kind,
        length,
        offset: unsigned(row, "bytes")?,
        metadata: column(row, "metadata")?,
        created_at: column(row, "created_at")?,
        content: content.map_err(failed("list uploads"))?,
    })
}

#[async_trait]
impl Uploads for Catalog {
    async fn create_upload(&self, upload: &Upload) -> Result<(), CatalogError> {
        let sql = "INSERT INTO uploads (id, owner, kind, length, announced, pieces, metadata,
                       created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        let (kind, length, announced, pieces) = shape(upload)?;
        let done = sqlx::query(sql)
            .bind(upload.id.as_str())
            .bind(&upload.owner)
            .bind(kind)
            .bind(length)
            .bind(announced)
            .bind(pieces)
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
            "SELECT owner, kind, length, announced, pieces, metadata, content, created_at
             FROM uploads WHERE id = $1",
        )
        .bind(id.as_str());
        let row = query
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("read an upload"))?;
        let row = row.ok_or_else(|| not_found("upload", id))?;
        let content: Option<String> = column(&row, "content")?;
        let content = content.map(|id| id.parse()).transpose();
        let (kind, length) = kind(&row)?;
        Ok(Upload {
            id: id.clone(),
            owner: column(&row, "owner")?,
            kind,
            length,
            metadata: column(&row, "metadata")?,
            created_at: column(&row, "created_at")?,
            parts: self.parts(id).await?,
            content: content.map_err(failed("read an upload"))?,
        })
    }

    async fn set_upload_length(&self, id: &UploadId, length: u64) -> Result<(), CatalogError> {
        const ACTION: &str = "set the length of an upload";
        let mut tx = self.write(ACTION).await?;
        let in_work = upload_parts::lock(&mut tx, id).await?.is_some();
        upload_parts::one_row(id, u64::from(in_work))?;
        let sql = "UPDATE uploads SET
                       length = CASE kind WHEN 'open' THEN $2 ELSE length END,
                       announced = CASE kind WHEN 'open' THEN announced ELSE $2 END,
                       kind = CASE kind WHEN 'open' THEN 'whole' ELSE kind END
                   WHERE id = $1 AND (kind = 'open' OR kind = 'piece' AND announced IS NULL)
                   AND $2 >= (SELECT coalesce(sum(bytes), 0) FROM upload_parts WHERE upload = $1)";
        let query = sqlx::query(sql).bind(id.as_str()).bind(signed(length)?);
        let done = query.execute(&mut *tx).await.map_err(failed(ACTION))?;
        upload_parts::one_row(id, done.rows_affected())?;
        tx.commit().await.map_err(failed(ACTION))
    }

    async fn take_turn(
        &self,
        id: &UploadId,
        holder: &str,
        over: Option<u64>,
    ) -> Result<Option<u64>, CatalogError> {
        self.begin_turn(id, holder, over).await
    }

    async fn turn(&self, id: &UploadId) -> Result<Option<TurnState>, CatalogError> {
        self.turn_state(id).await
    }

    async fn ask_turn(
        &self,
        id: &UploadId,
        turn: u64,
        release: Release,
    ) -> Result<(), CatalogError> {
        self.ask_holder(id, turn, release).await
    }

    async fn leave_turn(&self, id: &UploadId, turn: u64) -> Result<(), CatalogError> {
        self.end_turn(id, turn).await
    }

    async fn add_parts(
        &self,
        id: &UploadId,
        place: &Place,
        parts: &[UploadPart],
    ) -> Result<(), CatalogError> {
        const ACTION: &str = "append a part";
        let mut tx = self.write(ACTION).await?;
        // A writer whose turn is over is late, whatever it brings.
        let turn = upload_parts::lock(&mut tx, id).await?;
        upload_parts::one_row(id, u64::from(turn == Some(place.turn)))?;
        upload_parts::add(&mut tx, id, place, parts).await?;
        tx.commit().await.map_err(failed(ACTION))
    }

    async fn unfinished_uploads(&self) -> Result<Vec<UploadId>, CatalogError> {
        let sql = "SELECT id FROM uploads WHERE content IS NULL ORDER BY created_at";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("list uploads"))?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    async fn begun_uploads(
        &self,
        since: UnixSeconds,
        limit: u32,
    ) -> Result<Vec<UploadId>, CatalogError> {
        let sql = "SELECT id FROM uploads WHERE content IS NULL AND kind = 'whole'
                   AND created_at >= $1 ORDER BY created_at DESC LIMIT $2";
        let rows = sqlx::query(sql).bind(since).bind(i64::from(limit));
        let rows = rows.fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("list uploads"))?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    async fn joined_from(&self, piece: &UploadId) -> Result<Vec<UploadId>, CatalogError> {
        let sql = "SELECT id FROM uploads WHERE content IS NULL AND kind = 'joined'
                   AND ' ' || pieces || ' ' LIKE $1 ORDER BY created_at";
        let rows = sqlx::query(sql).bind(format!("% {piece} %"));
        let rows = rows.fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("list uploads"))?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    async fn uploads_of(
        &self,
        owner: &str,
        behind: Option<(UnixSeconds, &str)>,
        limit: u32,
    ) -> Result<Vec<ListedUpload>, CatalogError> {
        // Bytes are summed for the uploads of the page alone.
        let sql = "SELECT page.*, CAST(coalesce((SELECT sum(bytes) FROM upload_parts
                       WHERE upload = page.id), 0) AS BIGINT) AS bytes
                   FROM (SELECT id, kind, length, announced, pieces, metadata, content, created_at
                       FROM uploads WHERE owner = $1
                       AND (created_at < $2 OR created_at = $2 AND id < $3)
                       ORDER BY created_at DESC, id DESC LIMIT $4) AS page
                   ORDER BY created_at DESC, id DESC";
        let (time, id) = behind.unwrap_or((UnixSeconds::MAX, ""));
        let query = sqlx::query(sql).bind(owner).bind(time).bind(id);
        let rows = query.bind(i64::from(limit)).fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("list uploads"))?;
        rows.iter().map(listed).collect()
    }

    async fn owned_uploads(&self, owner: &str) -> Result<Owned, CatalogError> {
        // Bytes of a joined upload are those of its pieces.
        let sql = "SELECT count(CASE WHEN content IS NULL THEN 1 END) AS unfinished,
                   CAST(coalesce(sum(CASE kind WHEN 'whole' THEN length WHEN 'joined' THEN 0
                       ELSE coalesce(announced, (SELECT sum(bytes) FROM upload_parts
                           WHERE upload = uploads.id), 0) END), 0) AS BIGINT) AS bytes
                   FROM uploads WHERE owner = $1";
        let row = sqlx::query(sql).bind(owner).fetch_one(&self.pool).await;
        let row = row.map_err(failed("count uploads"))?;
        Ok(Owned {
            unfinished: unsigned(&row, "unfinished")?,
            bytes: unsigned(&row, "bytes")?,
        })
    }

    async fn delete_upload(&self, id: &UploadId) -> Result<(), CatalogError> {
        let query = sqlx::query("DELETE FROM uploads WHERE id = $1 AND content IS NULL");
        let done = query.bind(id.as_str()).execute(&self.pool).await;
        match done.map_err(failed("delete an upload"))?.rows_affected() {
            1 => Ok(()),
            _ => Err(not_found("unfinished upload", id)),
        }
    }

    async fn upload_of(&self, content: &ContentId) -> Result<Option<UploadId>, CatalogError> {
        let sql = "SELECT id FROM uploads WHERE content = $1 AND kind != 'piece'
                   ORDER BY created_at DESC, id LIMIT 1";
        let query = sqlx::query(sql).bind(content.as_str());
        let row = query.fetch_optional(&self.pool).await;
        let row = row.map_err(failed("find an upload"))?;
        row.as_ref().map(|row| parsed(row, "id")).transpose()
    }

    async fn complete_upload(&self, id: &UploadId, content: &Content) -> Result<(), CatalogError> {
        const ACTION: &str = "complete an upload";
        let upload = self.upload(id).await?;
        if upload.content.is_some() {
            return Ok(());
        }
        let pieces: &[UploadId] = match &upload.kind {
            UploadKind::Joined(pieces) => pieces,
            UploadKind::Whole if upload.is_whole() => &[],
            _ => return Err(conflict("upload", id, "is not whole; send the rest first")),
        };
        let mut tx = self.write(ACTION).await?;
        contents::insert(&mut tx, content).await?;
        // Somebody else completed it meanwhile: drop this transaction, content and all.
        if upload_parts::lock(&mut tx, id).await?.is_none() {
            return Ok(());
        }
        upload_parts::join(&mut tx, id, pieces).await?;
        for id in std::iter::once(id).chain(pieces) {
            let sql = "UPDATE uploads SET content = $1, holder = NULL WHERE id = $2";
            let mark = sqlx::query(sql).bind(content.id.as_str()).bind(id.as_str());
            mark.execute(&mut *tx).await.map_err(failed(ACTION))?;
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
