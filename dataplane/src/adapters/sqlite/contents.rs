//! Contents in SQLite.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};
use streamgate_contract::ContentId;

use super::{Sqlite3Catalog, column, conflict, failed, not_found, parsed, sessions};
use crate::ports::catalog::{CatalogError, Content, ContentState, Contents};

fn state_name(state: ContentState) -> &'static str {
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

fn content(row: &SqliteRow) -> Result<Content, CatalogError> {
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
pub(super) async fn insert(
    tx: &mut Transaction<'_, Sqlite>,
    content: &Content,
) -> Result<bool, CatalogError> {
    let sql = "INSERT INTO contents (id, title, owner, rule, state, current_output)
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
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
impl Contents for Sqlite3Catalog {
    async fn create_content(&self, content: &Content) -> Result<(), CatalogError> {
        let mut tx = self.write("add a content").await?;
        if !insert(&mut tx, content).await? {
            return Err(conflict(
                "content",
                &content.id,
                "exists already; choose another id",
            ));
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
        let sql = "INSERT INTO content_namespaces (content, namespace) VALUES (?, ?)";
        let owned = sqlx::query(sql).bind(content.id.as_str()).bind(namespace);
        owned.execute(&mut *tx).await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(true)
    }

    async fn namespace_of(&self, id: &ContentId) -> Result<Option<String>, CatalogError> {
        let sql = "SELECT namespace FROM content_namespaces WHERE content = ?";
        let row = sqlx::query(sql).bind(id.as_str());
        let row = row.fetch_optional(&self.pool).await;
        let row = row.map_err(failed("read a content"))?;
        row.map(|row| column(&row, "namespace")).transpose()
    }

    async fn content(&self, id: &ContentId) -> Result<Content, CatalogError> {
        let query = sqlx::query("SELECT * FROM contents WHERE id = ?").bind(id.as_str());
        let row = query
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("read a content"))?;
        content(&row.ok_or_else(|| not_found("content", id))?)
    }

    async fn contents(&self) -> Result<Vec<Content>, CatalogError> {
        let query = sqlx::query("SELECT * FROM contents ORDER BY rowid DESC");
        let rows = query
            .fetch_all(&self.pool)
            .await
            .map_err(failed("list contents"))?;
        rows.iter().map(content).collect()
    }

    async fn change_content(
        &self,
        before: &Content,
        after: &Content,
    ) -> Result<bool, CatalogError> {
        const ACTION: &str = "change a content";
        let sql = "UPDATE contents SET title = ?, rule = ?, state = ?
                   WHERE id = ? AND title = ? AND rule IS ? AND state = ? AND current_output IS ?";
        let mut tx = self.write(ACTION).await?;
        let done = sqlx::query(sql)
            .bind(&after.title)
            .bind(&after.rule)
            .bind(state_name(after.state))
            .bind(before.id.as_str())
            .bind(&before.title)
            .bind(&before.rule)
            .bind(state_name(before.state))
            .bind(before.current_output.as_ref().map(|id| id.as_str()))
            .execute(&mut *tx)
            .await
            .map_err(failed(ACTION))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if (&before.rule, before.state) != (&after.rule, after.state) {
            sessions::next_epoch(&mut tx).await?;
        }
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(true)
    }
}
