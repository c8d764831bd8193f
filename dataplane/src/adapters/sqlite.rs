//! The catalog in one SQLite file: write-ahead log, every commit synced, foreign keys on.
//! The schema moves forward in numbered steps, each in its own transaction. What is done with the
//! tables is the same text as for PostgreSQL (`sql/`), made for this database.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    Sqlite as Db, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow as Row, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, QueryBuilder, Transaction};

use crate::ports::catalog::CatalogError;

#[path = "sql/alarms.rs"]
mod alarms;
#[path = "sql/changes.rs"]
mod changes;
#[path = "sql/contents.rs"]
mod contents;
#[path = "sql/library.rs"]
mod library;
#[path = "sql/machine_keys.rs"]
mod machine_keys;
#[path = "sql/outputs.rs"]
mod outputs;
#[path = "sql/plays.rs"]
mod plays;
#[path = "sql/retired.rs"]
mod retired;
#[path = "sql/rows.rs"]
mod rows;
#[path = "sql/schedules.rs"]
mod schedules;
#[path = "sql/sessions.rs"]
mod sessions;
#[path = "sql/twins.rs"]
mod twins;
#[path = "sql/upload_parts.rs"]
mod upload_parts;
#[path = "sql/upload_turns.rs"]
mod upload_turns;
#[path = "sql/uploads.rs"]
mod uploads;

use Sqlite3Catalog as Catalog;
use rows::{column, failed};

/// Steps of the schema, never edited once released; `user_version` counts those done.
const SCHEMA: [&str; 15] = [
    include_str!("sqlite/schema_1.sql"),
    include_str!("sqlite/schema_2.sql"),
    include_str!("sqlite/schema_makers.sql"),
    include_str!("sqlite/schema_heads.sql"),
    include_str!("sqlite/schema_keys.sql"),
    include_str!("sqlite/schema_library.sql"),
    include_str!("sqlite/schema_usage.sql"),
    include_str!("sqlite/schema_uploads.sql"),
    include_str!("sqlite/schema_machine_keys.sql"),
    include_str!("sqlite/schema_part_sums.sql"),
    include_str!("sqlite/schema_alarms.sql"),
    include_str!("sqlite/schema_schedules.sql"),
    include_str!("sqlite/schema_twins.sql"),
    include_str!("sqlite/schema_quality.sql"),
    include_str!("sqlite/schema_changes.sql"),
];

/// Contents whose words match what is bound next. The index gives them newest first, so that a
/// common word costs no more than a rare one.
const MATCHING: &str = "content_search JOIN contents ON contents.doc = content_search.rowid
    WHERE content_search MATCH ";
/// The newest of them; their number is bound next.
const NEWEST_MATCHES: &str = " ORDER BY content_search.rowid DESC LIMIT ";

/// Changes behind a place, and the place of the last: there is one writer, so places are committed in
/// order.
const NEWS: &str = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)
        AS place, NULL AS tag UNION ALL
    SELECT place, tag FROM (SELECT place, tag FROM changes WHERE place > $1 ORDER BY place LIMIT $2)";

/// Every word, or the beginning of one. Source: SQLite FTS5, full-text query syntax.
fn push_words(query: &mut QueryBuilder<Db>, words: &[String]) {
    let prefixes = words.iter().map(|word| format!("\"{word}\"*"));
    query.push_bind(prefixes.collect::<Vec<_>>().join(" "));
}

/// The catalog.
#[derive(Clone, Debug)]
pub struct Sqlite3Catalog {
    pool: SqlitePool,
}

impl Sqlite3Catalog {
    /// Opens the file, makes it when it is missing and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, CatalogError> {
        Self::open_with(path, &SCHEMA).await
    }

    async fn open_with(path: &Path, schema: &[&'static str]) -> Result<Self, CatalogError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(4);
        let pool = pool
            .connect_with(options)
            .await
            .map_err(failed("open the database"))?;
        let catalog = Self { pool };
        catalog.migrate(schema).await?;
        Ok(catalog)
    }

    async fn migrate(&self, schema: &[&'static str]) -> Result<(), CatalogError> {
        const ACTION: &str = "migrate the schema";
        let mut tx = self.write(ACTION).await?;
        let version = sqlx::query("PRAGMA user_version").fetch_one(&mut *tx).await;
        let done: i64 = column(&version.map_err(failed(ACTION))?, "user_version")?;
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        if done > schema.len() {
            return self.newer(schema.len()).await;
        }
        for step in &schema[done..] {
            sqlx::raw_sql(*step)
                .execute(&mut *tx)
                .await
                .map_err(failed(ACTION))?;
        }
        let count = format!("PRAGMA user_version = {}", schema.len());
        let count = sqlx::raw_sql(AssertSqlSafe(count)).execute(&mut *tx);
        count.await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))
    }

    /// A file of a newer version is taken as it is when that version says that we can.
    async fn newer(&self, known: usize) -> Result<(), CatalogError> {
        let sql = "SELECT version FROM schema_floor";
        let floor = sqlx::query(sql).fetch_optional(&self.pool).await;
        let floor = floor.ok().flatten();
        let floor: Option<i64> = floor.map(|row| column(&row, "version")).transpose()?;
        let able = floor.and_then(|floor| usize::try_from(floor).ok());
        match able.is_some_and(|floor| floor <= known) {
            true => Ok(()),
            false => Err(failed("migrate the schema")(
                "the file was written by a newer version; run that version",
            )),
        }
    }

    /// Begins a transaction that holds the write lock from its start, so it never fails half-way
    /// because another writer came between.
    async fn write(&self, action: &'static str) -> Result<Transaction<'_, Db>, CatalogError> {
        self.pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed(action))
    }
}

#[cfg(test)]
impl Sqlite3Catalog {
    /// Runs statements as they are.
    pub async fn run_sql(&self, sql: String) {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.pool).await;
        done.unwrap();
    }
}

#[cfg(test)]
mod tests;
