//! Contents in either database.

use async_trait::async_trait;
use sqlx::Transaction;
use streamgate_contract::ContentId;

use super::rows::{column, conflict, failed, not_found, parsed};
use super::{Catalog, Db, Row};
use crate::ports::catalog::{CatalogError, Content, ContentState, Contents};

pub fn state_name(state: ContentState) -> &'static str {
    match state {
        ContentState::Processing => "processing",
        ContentState::Published => "published",
        ContentState::Withdrawn => "withdrawn",
    }
}

fn state(name: &str) -> Result<ContentState, CatalogError> {
    use ContentState::{Processing, Published, Withdrawn};
    let known = [Processing, Published, Withdrawn]
        .into_iter()
        .find(|s| state_name(*s) == name);
    known.ok_or_else(|| failed("read a content")(format!("unknown state {name:?}")))
}

/// A content of its columns `id, title, owner, rule, state, current_output`.
pub fn content(row: &Row) -> Result<Content, CatalogError> {
    let output: Option<String> = column(row, "current_output")?;
    let output = output.map(|id| id.parse()).transpose();
    Ok(Content {
        id: parsed(row, "id")?,
        title: column(row, "title")?,
        owner: column(row, "owner")?,
        rule: column(row, "rule")?,
        state: state(column(row, "state")?)?,
        current_output: output.map_err(failed("read a content"))?,
    })
}

/// Inserts a content inside a transaction; false when the id is taken.
pub async fn insert(tx: &mut Transaction<'_, Db>, content: &Content) -> Result<bool, CatalogError> {
    let sql = "INSERT INTO contents (id, title, owner, rule, state, current_output)
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING";
    let done = sqlx::query(sql)
        .bind(content.id.as_str())
        .bind(&content.title)
        .bind(&content.owner)
        .bind(&content.rule)
        .bind(state_name(content.state))
        .bind(content.current_output.as_ref().map(|id| id.as_str()))
        .execute(&mut **tx)
        .await
        .map_err(failed("add a content"))?;
    Ok(done.rows_affected() == 1)
}

#[async_trait]
impl Contents for Catalog {
    async fn create_content(&self, content: &Content) -> Result<(), CatalogError> {
        let mut tx = self.write("add a content").await?;
        if !insert(&mut tx, content).await? {
            let detail = "exists already; choose another id";
            return Err(conflict("content", &content.id, detail));
        }
        tx.commit().await.map_err(failed("add a content"))
    }

    async fn create_content_of(
        &self,
        content: &Content,
        namespace: &str,
    ) -> Result<bool, CatalogError> {
        const ACTION: &str = "add a content";
        let mut tx = self.write(ACTION).await?;
        if !insert(&mut tx, content).await? {
            return Ok(false);
        }
        let sql = "INSERT INTO content_namespaces (content, namespace) VALUES ($1, $2)";
        let owned = sqlx::query(sql).bind(content.id.as_str()).bind(namespace);
        owned.execute(&mut *tx).await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(true)
    }

    async fn namespace_of(&self, id: &ContentId) -> Result<Option<String>, CatalogError> {
        let sql = "SELECT namespace FROM content_namespaces WHERE content = $1";
        let row = sqlx::query(sql).bind(id.as_str());
        let row = row.fetch_optional(&self.pool).await;
        let row = row.map_err(failed("read a content"))?;
        row.map(|row| column(&row, "namespace")).transpose()
    }

    async fn content(&self, id: &ContentId) -> Result<Content, CatalogError> {
        let sql = "SELECT id, title, owner, rule, state, current_output FROM contents
                   WHERE id = $1";
        let row = sqlx::query(sql).bind(id.as_str());
        let row = row.fetch_optional(&self.pool).await;
        let row = row.map_err(failed("read a content"))?;
        content(&row.ok_or_else(|| not_found("content", id))?)
    }
}
