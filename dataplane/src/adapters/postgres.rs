//! The catalog in PostgreSQL, for gates of several replicas. The schema moves forward in numbered
//! steps under a lock, so that replicas that start together do it once. What is done with the tables is
//! the same text as for SQLite (`sql/`), made for this database.
#![allow(clippy::duplicate_mod, reason = "one text, two databases")]

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow as Row, Postgres as Db};
use sqlx::{Connection, PgConnection, QueryBuilder, Transaction};

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
#[cfg(test)]
pub mod server;
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

use PostgresCatalog as Catalog;
use rows::failed;

/// Steps of the schema, never edited once released.
const SCHEMA: [&str; 9] = [
    include_str!("postgres/schema_1.sql"),
    include_str!("postgres/schema_uploads.sql"),
    include_str!("postgres/schema_machine_keys.sql"),
    include_str!("postgres/schema_part_sums.sql"),
    include_str!("postgres/schema_alarms.sql"),
    include_str!("postgres/schema_schedules.sql"),
    include_str!("postgres/schema_twins.sql"),
    include_str!("postgres/schema_quality.sql"),
    include_str!("postgres/schema_changes.sql"),
];
/// The oldest version of the schema whose programs can work with the newest one.
const FLOOR: i64 = 1;
/// Name of the lock under which the schema moves.
const LOCK: i64 = 0x7374_7265_616d;
/// Connections of one process, unless it is told otherwise.
const CONNECTIONS: u32 = 16;
/// Longest wait for a free connection or an answer of the server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Contents whose words match what is bound next.
const MATCHING: &str = "contents WHERE words @@ ";
/// The newest of them; their number is bound next.
const NEWEST_MATCHES: &str = " ORDER BY doc DESC LIMIT ";

/// Changes of transactions from one on, and the first that is not over: one before it can bring no
/// news any more. Source: PostgreSQL, `pg_current_snapshot`.
const NEWS: &str =
    "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT) AS place,
        NULL AS tag UNION ALL
    SELECT place, tag FROM (SELECT place, tag FROM changes WHERE tx >= $1 ORDER BY place LIMIT $2)
        AS news";

/// Every word, or the beginning of one. Source: PostgreSQL, tsquery.
fn push_words(query: &mut QueryBuilder<Db>, words: &[String]) {
    let prefixes = words.iter().map(|word| format!("'{word}':*"));
    let all = prefixes.collect::<Vec<_>>().join(" & ");
    query.push("CAST(").push_bind(all).push(" AS tsquery)");
}

/// The catalog.
#[derive(Clone, Debug)]
pub struct PostgresCatalog {
    pool: PgPool,
}

impl PostgresCatalog {
    /// Connects to the database of a URL (`postgresql://user:password@host/database?sslmode=…`) and
    /// brings its schema up to date.
    pub async fn open(url: &str) -> Result<Self, CatalogError> {
        Self::open_with(url, CONNECTIONS).await
    }

    /// The same, with so many connections at most.
    pub async fn open_with(url: &str, connections: u32) -> Result<Self, CatalogError> {
        const ACTION: &str = "open the database";
        // What sqlx says about a malformed URL may hold the password.
        let malformed = |_| failed(ACTION)("the URL is not one of PostgreSQL");
        let options = PgConnectOptions::from_str(url).map_err(malformed)?;
        let options = options
            .application_name("streamgate")
            // Plans depend on how common a word is: no plan for all of them.
            .options([
                ("plan_cache_mode", "force_custom_plan"),
                ("statement_timeout", "5s"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE);
        let pool = pool.connect_with(options).await.map_err(failed(ACTION))?;
        let catalog = Self { pool };
        catalog.migrate().await?;
        Ok(catalog)
    }

    async fn migrate(&self) -> Result<(), CatalogError> {
        const ACTION: &str = "migrate the schema";
        let mut connection = self.pool.acquire().await.map_err(failed(ACTION))?;
        let mut tx = connection.begin().await.map_err(failed(ACTION))?;
        let (done, floor) = schema(&mut tx).await.map_err(failed(ACTION))?;
        let known = SCHEMA.len() as i64;
        if done > known {
            let newer = "the database was written by a newer version; run that version";
            return match floor <= known {
                true => Ok(()),
                false => Err(failed(ACTION)(newer)),
            };
        }
        for step in SCHEMA
            .iter()
            .skip(usize::try_from(done).unwrap_or_default())
        {
            let step = sqlx::raw_sql(*step).execute(&mut *tx);
            step.await.map_err(failed(ACTION))?;
        }
        let sql = "UPDATE schema_version SET version = $1, floor = $2";
        let note = sqlx::query(sql).bind(known).bind(FLOOR).execute(&mut *tx);
        note.await.map_err(failed(ACTION))?;
        tx.commit().await.map_err(failed(ACTION))
    }

    async fn write(&self, action: &'static str) -> Result<Transaction<'_, Db>, CatalogError> {
        self.pool.begin().await.map_err(failed(action))
    }
}

/// Takes the lock; the schema's version and floor.
async fn schema(tx: &mut PgConnection) -> sqlx::Result<(i64, i64)> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
    lock.execute(&mut *tx).await?;
    let table = "CREATE TABLE IF NOT EXISTS schema_version AS
                 SELECT CAST(0 AS BIGINT) AS version, CAST(0 AS BIGINT) AS floor";
    sqlx::raw_sql(table).execute(&mut *tx).await?;
    let row = sqlx::query_as("SELECT version, floor FROM schema_version");
    row.fetch_one(&mut *tx).await
}

#[cfg(test)]
impl PostgresCatalog {
    /// Runs statements as they are.
    pub async fn run_sql(&self, sql: String) {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&self.pool);
        done.await.unwrap();
    }
}

#[cfg(test)]
mod tests;
