//! Whose turn it is to write an upload, in either database.

use streamgate_contract::UploadId;

use super::Catalog;
use super::rows::{column, conflict, failed, signed, unsigned};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::uploads::{Release, TurnState};

const ACTION: &str = "take the turn at an upload";

fn word(release: Release) -> &'static str {
    match release {
        Release::Keep => "keep",
        Release::Forget => "forget",
    }
}

impl Catalog {
    pub(super) async fn begin_turn(
        &self,
        id: &UploadId,
        holder: &str,
        over: Option<u64>,
    ) -> Result<Option<u64>, CatalogError> {
        let sql = "UPDATE uploads SET turn = turn + 1, holder = $2, asked = NULL
                   WHERE id = $1 AND content IS NULL
                   AND (holder IS NULL OR holder = $2 OR turn = $3) RETURNING turn";
        let over = over.map(signed).transpose()?;
        let query = sqlx::query(sql).bind(id.as_str()).bind(holder).bind(over);
        let row = query.fetch_optional(&self.pool).await;
        match row.map_err(failed(ACTION))? {
            Some(row) => unsigned(&row, "turn").map(Some),
            None => match self.turn_state(id).await? {
                Some(_) => Ok(None),
                None => Err(conflict("upload", id, "is no longer in work")),
            },
        }
    }

    pub(super) async fn turn_state(
        &self,
        id: &UploadId,
    ) -> Result<Option<TurnState>, CatalogError> {
        let sql = "SELECT turn, holder, asked FROM uploads WHERE id = $1 AND content IS NULL";
        let row = sqlx::query(sql).bind(id.as_str());
        let row = row.fetch_optional(&self.pool).await;
        let Some(row) = row.map_err(failed(ACTION))? else {
            return Ok(None);
        };
        let asked: Option<String> = column(&row, "asked")?;
        let asked = asked.map(|word| match word.as_str() {
            "keep" => Release::Keep,
            _ => Release::Forget,
        });
        Ok(Some(TurnState {
            number: unsigned(&row, "turn")?,
            holder: column(&row, "holder")?,
            asked,
        }))
    }

    pub(super) async fn ask_holder(
        &self,
        id: &UploadId,
        turn: u64,
        release: Release,
    ) -> Result<(), CatalogError> {
        let sql =
            "UPDATE uploads SET asked = $3 WHERE id = $1 AND turn = $2 AND holder IS NOT NULL";
        let query = sqlx::query(sql)
            .bind(id.as_str())
            .bind(signed(turn)?)
            .bind(word(release));
        query.execute(&self.pool).await.map_err(failed(ACTION))?;
        Ok(())
    }

    pub(super) async fn end_turn(&self, id: &UploadId, turn: u64) -> Result<(), CatalogError> {
        let sql = "UPDATE uploads SET holder = NULL, asked = NULL WHERE id = $1 AND turn = $2";
        let query = sqlx::query(sql).bind(id.as_str()).bind(signed(turn)?);
        query.execute(&self.pool).await.map_err(failed(ACTION))?;
        Ok(())
    }
}
