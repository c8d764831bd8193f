//! Parts of uploads in either database.

use sqlx::Transaction;
use streamgate_contract::UploadId;

use super::rows::{column, conflict, failed, signed, unsigned};
use super::{Catalog, Db, Row};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::uploads::{Place, UploadPart};

fn part(row: &Row) -> Result<UploadPart, CatalogError> {
    Ok(UploadPart {
        key: column(row, "key")?,
        bytes: unsigned(row, "bytes")?,
        crc32c: crc32c(column(row, "crc32c")?)?,
    })
}

fn crc32c(stored: Option<i64>) -> Result<Option<u32>, CatalogError> {
    let read = stored.map(u32::try_from).transpose();
    read.map_err(failed("read the checksum of a part"))
}

/// A change that must have changed one row, or the upload has moved on.
pub fn one_row(id: &UploadId, rows: u64) -> Result<(), CatalogError> {
    let detail = "moved on; ask for its offset and go on from there";
    match rows {
        1 => Ok(()),
        _ => Err(conflict("upload", id, detail)),
    }
}

/// Keeps others from changing an unfinished upload until the transaction ends; its turn, if it is
/// in work.
pub async fn lock(
    tx: &mut Transaction<'_, Db>,
    id: &UploadId,
) -> Result<Option<u64>, CatalogError> {
    let sql = "UPDATE uploads SET length = length WHERE id = $1 AND content IS NULL RETURNING turn";
    let locked = sqlx::query(sql).bind(id.as_str());
    let locked = locked.fetch_optional(&mut **tx).await;
    let row = locked.map_err(failed("lock an upload"))?;
    row.map(|row| unsigned(&row, "turn")).transpose()
}

impl Catalog {
    pub(super) async fn parts(&self, id: &UploadId) -> Result<Vec<UploadPart>, CatalogError> {
        let sql = "SELECT key, bytes, crc32c FROM upload_parts WHERE upload = $1 ORDER BY part";
        let rows = sqlx::query(sql).bind(id.as_str());
        let rows = rows.fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("read an upload"))?;
        rows.iter().map(part).collect()
    }
}

/// Puts the first part where it belongs, the others behind it.
pub async fn add(
    tx: &mut Transaction<'_, Db>,
    id: &UploadId,
    place: &Place,
    parts: &[UploadPart],
) -> Result<(), CatalogError> {
    for (number, part) in (i64::from(place.number)..).zip(parts) {
        let first = number == i64::from(place.number);
        match place.replaces.as_deref().filter(|_| first) {
            Some(key) => replace(tx, id, key, part).await?,
            None => append(tx, id, number, part).await?,
        }
    }
    fits(tx, id).await
}

/// Only the next number fits: two writers at one offset cannot both succeed.
async fn append(
    tx: &mut Transaction<'_, Db>,
    id: &UploadId,
    number: i64,
    part: &UploadPart,
) -> Result<(), CatalogError> {
    let sql = "INSERT INTO upload_parts (upload, part, key, bytes, crc32c)
               SELECT id, $2, $3, $4, $5 FROM uploads WHERE id = $1
               AND $2 = (SELECT count(*) FROM upload_parts WHERE upload = $1)
               ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql)
        .bind(id.as_str())
        .bind(number)
        .bind(&part.key)
        .bind(signed(part.bytes)?)
        .bind(part.crc32c.map(i64::from));
    let done = query.execute(&mut **tx).await;
    one_row(id, done.map_err(failed("append a part"))?.rows_affected())
}

/// The old key must still be there and be the last: two writers cannot both replace it.
async fn replace(
    tx: &mut Transaction<'_, Db>,
    id: &UploadId,
    key: &str,
    part: &UploadPart,
) -> Result<(), CatalogError> {
    let sql = "UPDATE upload_parts SET key = $3, bytes = $4, crc32c = $5
               WHERE upload = $1 AND key = $2 AND bytes <= $4
               AND part = (SELECT max(part) FROM upload_parts WHERE upload = $1)";
    let query = sqlx::query(sql)
        .bind(id.as_str())
        .bind(key)
        .bind(&part.key)
        .bind(signed(part.bytes)?)
        .bind(part.crc32c.map(i64::from));
    let done = query.execute(&mut **tx).await;
    one_row(id, done.map_err(failed("replace a part"))?.rows_affected())
}

/// No upload has more bytes than were announced.
async fn fits(tx: &mut Transaction<'_, Db>, id: &UploadId) -> Result<(), CatalogError> {
    let sql = "SELECT id FROM uploads WHERE id = $1 AND coalesce(announced, length) >=
               (SELECT coalesce(sum(bytes), 0) FROM upload_parts WHERE upload = $1)";
    let row = sqlx::query(sql).bind(id.as_str());
    let row = row.fetch_optional(&mut **tx).await;
    let fits = row.map_err(failed("append a part"))?.is_some();
    one_row(id, u64::from(fits))
}

/// Gives a joined upload the parts of its pieces, in order; a conflict unless every piece is whole
/// and has become nothing else.
pub async fn join(
    tx: &mut Transaction<'_, Db>,
    id: &UploadId,
    pieces: &[UploadId],
) -> Result<(), CatalogError> {
    for piece in pieces {
        let whole = "UPDATE uploads SET turn = turn + 1 WHERE id = $1 AND content IS NULL
                     AND kind = 'piece' AND announced =
                     (SELECT coalesce(sum(bytes), 0) FROM upload_parts WHERE upload = $1)";
        let done = sqlx::query(whole).bind(piece.as_str()).execute(&mut **tx);
        let done = done.await.map_err(failed("join uploads"))?;
        if done.rows_affected() != 1 {
            return Err(conflict(
                "upload",
                piece,
                "is not whole; send the rest first",
            ));
        }
        let take = "INSERT INTO upload_parts (upload, part, key, bytes, crc32c)
                    SELECT $1, part + (SELECT count(*) FROM upload_parts WHERE upload = $1),
                        key, bytes, crc32c
                    FROM upload_parts WHERE upload = $2";
        let take = sqlx::query(take).bind(id.as_str()).bind(piece.as_str());
        take.execute(&mut **tx)
            .await
            .map_err(failed("join uploads"))?;
    }
    let sql = "UPDATE uploads SET announced =
                   (SELECT coalesce(sum(bytes), 0) FROM upload_parts WHERE upload = $1)
               WHERE id = $1 AND kind = 'joined'";
    let sum = sqlx::query(sql).bind(id.as_str()).execute(&mut **tx).await;
    sum.map(drop).map_err(failed("join uploads"))
}
