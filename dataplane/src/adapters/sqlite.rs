//! The catalog in one SQLite file: write-ahead log, every commit synced, foreign keys on.
//! The schema moves forward in numbered steps, each in its own transaction.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};

use crate::ports::catalog::CatalogError;

mod contents;
mod outputs;
mod sessions;
mod uploads;

/// Steps of the schema, never edited once released; `user_version` counts those done.
const SCHEMA: [&str; 6] = [
    include_str!("sqlite/schema_1.sql"),
    include_str!("sqlite/schema_2.sql"),
    include_str!("sqlite/schema_makers.sql"),
    include_str!("sqlite/schema_heads.sql"),
    include_str!("sqlite/schema_keys.sql"),
    include_str!("sqlite/schema_usage.sql"),
];

/// The catalog.
#[derive(Clone, Debug)]
pub struct Sqlite3Catalog {
    pool: SqlitePool,
}

impl Sqlite3Catalog {
    /// Opens the file, makes it when it is missing and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, CatalogError> {
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
        catalog.migrate().await?;
        Ok(catalog)
    }

    async fn migrate(&self) -> Result<(), CatalogError> {
        const ACTION: &str = "migrate the schema";
        let mut tx = self.write(ACTION).await?;
        let version = sqlx::query("PRAGMA user_version").fetch_one(&mut *tx).await;
        let done: i64 = column(&version.map_err(failed(ACTION))?, "user_version")?;
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        if done > SCHEMA.len() {
            let newer = "the file was written by a newer version; run that version";
            return Err(failed("migrate the schema")(newer));
        }
        for step in &SCHEMA[done..] {
            sqlx::raw_sql(*step)
                .execute(&mut *tx)
                .await
                .map_err(failed(ACTION))?;
        }
        let count = format!("PRAGMA user_version = {}", SCHEMA.len());
        let count = sqlx::raw_sql(sqlx::AssertSqlSafe(count)).execute(&mut *tx);
        count.await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))
    }

    /// Begins a transaction that holds the write lock from its start, so it never fails half-way
    /// because another writer came between.
    async fn write(&self, action: &'static str) -> Result<Transaction<'_, Sqlite>, CatalogError> {
        self.pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed(action))
    }
}

fn failed<E: Into<crate::ports::Source>>(action: &'static str) -> impl FnOnce(E) -> CatalogError {
    move |source| CatalogError::Unavailable {
        action,
        source: source.into(),
    }
}

fn not_found(kind: &'static str, id: impl ToString) -> CatalogError {
    let id = id.to_string();
    CatalogError::NotFound { kind, id }
}

fn conflict(kind: &'static str, id: impl ToString, detail: &'static str) -> CatalogError {
    let id = id.to_string();
    CatalogError::Conflict { kind, id, detail }
}

fn column<'r, T>(row: &'r SqliteRow, name: &str) -> Result<T, CatalogError>
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    row.try_get(name).map_err(failed("read a row"))
}

/// A column through the type's own parser, so that no invalid value leaves the database.
fn parsed<T>(row: &SqliteRow, name: &str) -> Result<T, CatalogError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    column::<String>(row, name)?
        .parse()
        .map_err(failed("read a row"))
}

fn unsigned(row: &SqliteRow, name: &str) -> Result<u64, CatalogError> {
    u64::try_from(column::<i64>(row, name)?).map_err(failed("read a row"))
}

fn signed(number: u64) -> Result<i64, CatalogError> {
    i64::try_from(number).map_err(failed("write a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::catalog::suite;

    #[tokio::test]
    async fn passes_the_suite_of_catalogs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        suite::run(&Sqlite3Catalog::open(&path).await.unwrap()).await;
    }

    #[tokio::test]
    async fn a_second_open_finds_what_the_first_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        let content = suite::content("kept");
        use crate::ports::catalog::Contents;
        let first = Sqlite3Catalog::open(&path).await.unwrap();
        first.create_content(&content).await.unwrap();
        let second = Sqlite3Catalog::open(&path).await.unwrap();
        assert_eq!(second.content(&content.id).await.unwrap(), content);
    }

    #[tokio::test]
    async fn a_file_of_a_newer_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        let catalog = Sqlite3Catalog::open(&path).await.unwrap();
        sqlx::query("PRAGMA user_version = 99")
            .execute(&catalog.pool)
            .await
            .unwrap();
        assert!(Sqlite3Catalog::open(&path).await.is_err());
    }
}
