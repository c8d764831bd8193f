//! Counts of what was watched, by content and day, in either database.

use async_trait::async_trait;

use super::rows::{failed, parsed, signed, unsigned};
use super::{Catalog, Row};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::plays::{Day, Plays, Tally, Watched};
use streamgate_contract::ContentId;

const SUMS: &str = "CAST(coalesce(sum(starts), 0) AS BIGINT) AS starts,
    CAST(coalesce(sum(seconds), 0) AS BIGINT) AS seconds";

fn tally(row: &Row) -> Result<Tally, CatalogError> {
    Ok(Tally {
        starts: unsigned(row, "starts")?,
        seconds: unsigned(row, "seconds")?,
    })
}

#[async_trait]
impl Plays for Catalog {
    async fn count_plays(&self, day: Day, plays: &[Watched]) -> Result<(), CatalogError> {
        const ACTION: &str = "count what was watched";
        let mut tx = self.write(ACTION).await?;
        for Watched { content, tally } in plays {
            let sql = "INSERT INTO plays (content, day, starts, seconds)
                       VALUES ($1, $2, $3, $4)
                       ON CONFLICT (content, day) DO UPDATE SET
                           starts = plays.starts + excluded.starts,
                           seconds = plays.seconds + excluded.seconds";
            let add = sqlx::query(sql)
                .bind(content.as_str())
                .bind(day.0)
                .bind(signed(tally.starts)?)
                .bind(signed(tally.seconds)?);
            add.execute(&mut *tx).await.map_err(failed(ACTION))?;
        }
        tx.commit().await.map_err(failed(ACTION))
    }

    async fn plays(&self, content: Option<&ContentId>, since: Day) -> Result<Tally, CatalogError> {
        let mut query = sqlx::QueryBuilder::new("SELECT ");
        query
            .push(SUMS)
            .push(" FROM plays WHERE day >= ")
            .push_bind(since.0);
        if let Some(content) = content {
            query.push(" AND content = ").push_bind(content.to_string());
        }
        let row = query.build().fetch_one(&self.pool).await;
        tally(&row.map_err(failed("read what was watched"))?)
    }

    async fn top(&self, since: Day, limit: u32) -> Result<Vec<Watched>, CatalogError> {
        let mut query = sqlx::QueryBuilder::new("SELECT content, ");
        query
            .push(SUMS)
            .push(" FROM plays WHERE day >= ")
            .push_bind(since.0);
        query.push(
            " AND content IN (SELECT id FROM contents WHERE state = 'published')
             GROUP BY content ORDER BY 2 DESC, content LIMIT ",
        );
        let rows = query
            .push_bind(i64::from(limit))
            .build()
            .fetch_all(&self.pool)
            .await;
        let watched = |row: &Row| {
            Ok(Watched {
                content: parsed(row, "content")?,
                tally: tally(row)?,
            })
        };
        rows.map_err(failed("read what was watched"))?
            .iter()
            .map(watched)
            .collect()
    }
}
