//! The log of changes in either database. Triggers write it, so that it misses no writer, whichever
//! version that is of.

use async_trait::async_trait;

use super::rows::{column, failed};
use super::{Catalog, NEWS};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::changes::{Change, Changes, MOST, News};
use crate::ports::clock::UnixSeconds;

#[async_trait]
impl Changes for Catalog {
    async fn changed_since(&self, since: Option<i64>) -> Result<News, CatalogError> {
        const ACTION: &str = "look for changes";
        let since = since.unwrap_or(i64::MAX);
        // One more than is told: are there too many?
        let most = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
        let rows = sqlx::query(NEWS).bind(since).bind(most);
        let rows = rows.fetch_all(&self.pool).await.map_err(failed(ACTION))?;
        let (mut changes, mut until) = (Vec::new(), since);
        for row in &rows {
            let (place, tag): (i64, Option<String>) = (column(row, "place")?, column(row, "tag")?);
            match tag {
                Some(tag) => changes.push(Change { place, tag }),
                None => until = place,
            }
        }
        let changes = (changes.len() <= MOST).then_some(changes);
        Ok(News { changes, until })
    }

    async fn forget_changes(&self, before: UnixSeconds) -> Result<(), CatalogError> {
        let gone = sqlx::query("DELETE FROM changes WHERE at < $1").bind(before);
        let gone = gone.execute(&self.pool).await;
        gone.map(|_| ()).map_err(failed("forget changes"))
    }
}
