//! The library in either database: what people say about contents, lists of them, categories.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{QueryBuilder, Transaction};
use streamgate_contract::{CategoryId, ContentId};

use super::rows::{column, failed, not_found, parsed, signed, unsigned};
use super::{Catalog, Db, MATCHING, Row, contents, push_words, sessions};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::library::{
    About, Category, Entry, Found, Library, Page, Removed, Viewer, WINDOW,
};
use crate::ports::clock::UnixSeconds;

const COLUMNS: &str = "contents.doc, contents.id, contents.title, contents.owner, contents.rule,
    contents.state, contents.current_output, contents.description, contents.contact,
    contents.version, contents.created_at, contents.updated_at";

/// An entry of its columns, without its categories.
fn entry(row: &Row) -> Result<Found, CatalogError> {
    let about = About {
        description: column(row, "description")?,
        contact: column(row, "contact")?,
        categories: Vec::new(),
    };
    let entry = Entry {
        content: contents::content(row)?,
        about,
        version: unsigned(row, "version")?,
        created_at: column(row, "created_at")?,
        updated_at: column(row, "updated_at")?,
    };
    Ok(Found {
        place: column(row, "doc")?,
        entry,
    })
}

/// Adds the condition under which a viewer may see a content.
fn visible(query: &mut QueryBuilder<Db>, viewer: &Viewer) {
    match viewer {
        Viewer::Admin => {}
        Viewer::Anybody => {
            query.push(" AND state = 'published'");
        }
        Viewer::Wallet(wallet) => {
            query.push(" AND (state = 'published' OR owner = ");
            query.push_bind(wallet.clone()).push(")");
        }
    }
}

/// Adds the conditions of a list.
fn filter(query: &mut QueryBuilder<Db>, page: &Page) {
    visible(query, &page.viewer);
    if let Some(place) = page.before {
        query.push(" AND doc < ").push_bind(place);
    }
    if let Some(owner) = &page.owner {
        query.push(" AND owner = ").push_bind(owner.clone());
    }
    if let Some(state) = page.state {
        query
            .push(" AND state = ")
            .push_bind(contents::state_name(state));
    }
    if let Some(category) = &page.category {
        query.push(" AND id IN (SELECT content FROM content_categories WHERE category = ");
        query.push_bind(category.to_string()).push(")");
    }
}

/// Begins `SELECT … WHERE` with a condition that always holds.
fn select() -> QueryBuilder<Db> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS).push(" FROM contents WHERE TRUE");
    query
}

async fn bind(
    tx: &mut Transaction<'_, Db>,
    content: &ContentId,
    categories: &[CategoryId],
) -> Result<(), CatalogError> {
    const ACTION: &str = "bind categories";
    let sql = "DELETE FROM content_categories WHERE content = $1";
    let old = sqlx::query(sql).bind(content.as_str());
    old.execute(&mut **tx).await.map_err(failed(ACTION))?;
    for category in categories {
        let sql = "INSERT INTO content_categories (content, category)
                   SELECT $1, id FROM categories WHERE id = $2 ON CONFLICT DO NOTHING";
        let new = sqlx::query(sql)
            .bind(content.as_str())
            .bind(category.as_str());
        let done = new.execute(&mut **tx).await.map_err(failed(ACTION))?;
        if done.rows_affected() == 0 {
            return Err(not_found("category", category));
        }
    }
    Ok(())
}

/// Locks a content that is still of this version; false when it is not.
async fn lock(
    tx: &mut Transaction<'_, Db>,
    id: &ContentId,
    version: u64,
) -> Result<bool, CatalogError> {
    let sql = "UPDATE contents SET version = version WHERE id = $1 AND version = $2";
    let locked = sqlx::query(sql).bind(id.as_str()).bind(signed(version)?);
    let locked = locked.execute(&mut **tx).await;
    Ok(locked.map_err(failed("lock a content"))?.rows_affected() == 1)
}

impl Catalog {
    /// Adds their categories to entries.
    async fn categorised(&self, mut found: Vec<Found>) -> Result<Vec<Found>, CatalogError> {
        if found.is_empty() {
            return Ok(found);
        }
        let sql = "SELECT content, category FROM content_categories WHERE content IN (";
        let mut query = QueryBuilder::<Db>::new(sql);
        let mut ids = query.separated(", ");
        for one in &found {
            ids.push_bind(one.entry.content.id.to_string());
        }
        query.push(") ORDER BY category");
        let rows = query.build().fetch_all(&self.pool).await;
        let mut bound: HashMap<ContentId, Vec<CategoryId>> = HashMap::new();
        for row in rows.map_err(failed("read categories"))? {
            let content = parsed(&row, "content")?;
            bound
                .entry(content)
                .or_default()
                .push(parsed(&row, "category")?);
        }
        for one in &mut found {
            let categories = bound.remove(&one.entry.content.id);
            one.entry.about.categories = categories.unwrap_or_default();
        }
        Ok(found)
    }

    async fn found(&self, mut query: QueryBuilder<Db>) -> Result<Vec<Found>, CatalogError> {
        let rows = query.build().fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("list contents"))?;
        rows.iter().map(entry).collect()
    }
}

#[async_trait]
impl Library for Catalog {
    async fn entry(&self, id: &ContentId) -> Result<Entry, CatalogError> {
        let mut query = select();
        query.push(" AND id = ").push_bind(id.to_string());
        let found = self.categorised(self.found(query).await?).await?;
        let one = found.into_iter().next();
        one.map(|one| one.entry)
            .ok_or_else(|| not_found("content", id))
    }

    async fn add_entry(&self, entry: &Entry, request: Option<&str>) -> Result<bool, CatalogError> {
        const ACTION: &str = "add a content";
        let mut tx = self.write(ACTION).await?;
        let (content, about) = (&entry.content, &entry.about);
        let sql =
            "INSERT INTO contents (id, title, owner, rule, state, description, contact, request)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
        let done = sqlx::query(sql)
            .bind(content.id.as_str())
            .bind(&content.title)
            .bind(&content.owner)
            .bind(&content.rule)
            .bind(contents::state_name(content.state))
            .bind(&about.description)
            .bind(&about.contact)
            .bind(request)
            .execute(&mut *tx)
            .await
            .map_err(failed(ACTION))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        bind(&mut tx, &content.id, &about.categories).await?;
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(true)
    }

    async fn request_of(&self, id: &ContentId) -> Result<Option<String>, CatalogError> {
        let row = sqlx::query("SELECT request FROM contents WHERE id = $1").bind(id.as_str());
        let row = row.fetch_optional(&self.pool).await;
        let row = row.map_err(failed("read a content"))?;
        row.map_or(Ok(None), |row| column(&row, "request"))
    }

    async fn change_entry(&self, before: &Entry, after: &Entry) -> Result<bool, CatalogError> {
        const ACTION: &str = "change a content";
        let mut tx = self.write(ACTION).await?;
        let sql = "UPDATE contents SET title = $3, description = $4, contact = $5, rule = $6,
                   state = $7 WHERE id = $1 AND version = $2";
        let done = sqlx::query(sql)
            .bind(before.content.id.as_str())
            .bind(signed(before.version)?)
            .bind(&after.content.title)
            .bind(&after.about.description)
            .bind(&after.about.contact)
            .bind(&after.content.rule)
            .bind(contents::state_name(after.content.state))
            .execute(&mut *tx)
            .await
            .map_err(failed(ACTION))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if before.about.categories != after.about.categories {
            bind(&mut tx, &before.content.id, &after.about.categories).await?;
        }
        let admits = |entry: &Entry| (entry.content.rule.clone(), entry.content.state);
        if admits(before) != admits(after) {
            sessions::next_epoch(&mut tx).await?;
        }
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(true)
    }

    async fn remove_content(
        &self,
        id: &ContentId,
        version: u64,
        now: UnixSeconds,
    ) -> Result<bool, CatalogError> {
        const ACTION: &str = "remove a content";
        let mut tx = self.write(ACTION).await?;
        if !lock(&mut tx, id, version).await? {
            return Ok(false);
        }
        // What refers to others goes before them.
        for sql in [
            "DELETE FROM segments WHERE output IN (SELECT id FROM outputs WHERE content = $1)",
            "DELETE FROM content_keys WHERE job IN (SELECT job FROM outputs WHERE content = $1)",
            "DELETE FROM outputs WHERE content = $1",
            "DELETE FROM outbox WHERE content = $1",
            "DELETE FROM uploads WHERE content = $1",
            "DELETE FROM content_namespaces WHERE content = $1",
            "DELETE FROM plays WHERE content = $1",
            "DELETE FROM contents WHERE id = $1",
        ] {
            let gone = sqlx::query(sql).bind(id.as_str()).execute(&mut *tx).await;
            gone.map_err(failed(ACTION))?;
        }
        let sql = "INSERT INTO removed_contents (content, removed_at) VALUES ($1, $2)
                   ON CONFLICT (content) DO UPDATE SET removed_at = excluded.removed_at";
        let note = sqlx::query(sql).bind(id.as_str()).bind(now);
        note.execute(&mut *tx).await.map_err(failed(ACTION))?;
        sessions::next_epoch(&mut tx).await?;
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(true)
    }

    async fn removed(&self, until: UnixSeconds) -> Result<Vec<Removed>, CatalogError> {
        let sql = "SELECT content, removed_at FROM removed_contents WHERE removed_at <= $1
                   ORDER BY removed_at LIMIT 100";
        let rows = sqlx::query(sql).bind(until).fetch_all(&self.pool).await;
        let removed = |row: &Row| {
            Ok(Removed {
                content: parsed(row, "content")?,
                at: column(row, "removed_at")?,
            })
        };
        rows.map_err(failed("list what was removed"))?
            .iter()
            .map(removed)
            .collect()
    }

    async fn forget_removed(&self, removed: &Removed) -> Result<(), CatalogError> {
        let sql = "DELETE FROM removed_contents WHERE content = $1 AND removed_at = $2";
        let gone = sqlx::query(sql).bind(removed.content.as_str());
        let gone = gone.bind(removed.at).execute(&self.pool).await;
        gone.map_err(failed("forget what was removed"))?;
        Ok(())
    }

    async fn page(&self, page: &Page) -> Result<Vec<Found>, CatalogError> {
        let mut query = select();
        filter(&mut query, page);
        query
            .push(" ORDER BY doc DESC LIMIT ")
            .push_bind(i64::from(page.limit));
        self.categorised(self.found(query).await?).await
    }

    async fn matching(
        &self,
        words: &[String],
        viewer: &Viewer,
        until: Option<i64>,
    ) -> Result<Vec<Found>, CatalogError> {
        let mut query = QueryBuilder::new("SELECT ");
        query.push(COLUMNS).push(" FROM ").push(MATCHING);
        push_words(&mut query, words);
        visible(&mut query, viewer);
        if let Some(place) = until {
            query.push(" AND doc <= ").push_bind(place);
        }
        query
            .push(super::NEWEST_MATCHES)
            .push_bind(i64::from(WINDOW));
        self.found(query).await
    }

    async fn with_categories(&self, found: Vec<Found>) -> Result<Vec<Found>, CatalogError> {
        self.categorised(found).await
    }

    async fn categories(&self) -> Result<Vec<Category>, CatalogError> {
        let sql = "SELECT id, title FROM categories ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await;
        let category = |row: &Row| {
            Ok(Category {
                id: parsed(row, "id")?,
                title: column(row, "title")?,
            })
        };
        rows.map_err(failed("list categories"))?
            .iter()
            .map(category)
            .collect()
    }

    async fn put_category(&self, category: &Category) -> Result<bool, CatalogError> {
        const ACTION: &str = "keep a category";
        let mut tx = self.write(ACTION).await?;
        let sql = "UPDATE categories SET title = $2 WHERE id = $1";
        let put = sqlx::query(sql)
            .bind(category.id.as_str())
            .bind(&category.title);
        let old = put.execute(&mut *tx).await.map_err(failed(ACTION))?;
        let new = old.rows_affected() == 0;
        if new {
            let sql = "INSERT INTO categories (id, title) VALUES ($1, $2)
                       ON CONFLICT (id) DO UPDATE SET title = excluded.title";
            let put = sqlx::query(sql)
                .bind(category.id.as_str())
                .bind(&category.title);
            put.execute(&mut *tx).await.map_err(failed(ACTION))?;
        }
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(new)
    }

    async fn remove_category(&self, id: &CategoryId) -> Result<(), CatalogError> {
        const ACTION: &str = "remove a category";
        let mut tx = self.write(ACTION).await?;
        // Another set of categories is another version of the content.
        let sql = "UPDATE contents SET title = title WHERE id IN
                   (SELECT content FROM content_categories WHERE category = $1)";
        let touched = sqlx::query(sql).bind(id.as_str());
        touched.execute(&mut *tx).await.map_err(failed(ACTION))?;
        let gone = sqlx::query("DELETE FROM categories WHERE id = $1").bind(id.as_str());
        let gone = gone.execute(&mut *tx).await.map_err(failed(ACTION))?;
        if gone.rows_affected() == 0 {
            return Err(not_found("category", id));
        }
        tx.commit().await.map_err(failed(ACTION))
    }
}
