//! SQLite: the suite of catalogs, the file over restarts and over versions of the schema.

use super::*;
use crate::ports::catalog::library::{Library, Viewer};
use crate::ports::catalog::{Contents, suite};

fn path(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("catalog.db")
}

#[tokio::test]
async fn passes_the_suite_of_catalogs() {
    let folder = tempfile::tempdir().unwrap();
    suite::run(&Sqlite3Catalog::open(&path(&folder)).await.unwrap()).await;
}

#[tokio::test]
async fn a_second_open_finds_what_the_first_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let content = suite::content("kept");
    let first = Sqlite3Catalog::open(&path(&folder)).await.unwrap();
    first.create_content(&content).await.unwrap();
    let second = Sqlite3Catalog::open(&path(&folder)).await.unwrap();
    assert_eq!(second.content(&content.id).await.unwrap(), content);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_unless_that_version_allows_us() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Sqlite3Catalog::open(&path(&folder)).await.unwrap();
    let set = |sql: &'static str| sqlx::raw_sql(sql).execute(&catalog.pool);
    set("PRAGMA user_version = 99").await.unwrap();
    assert!(Sqlite3Catalog::open(&path(&folder)).await.is_ok());
    set("UPDATE schema_floor SET version = 99").await.unwrap();
    assert!(Sqlite3Catalog::open(&path(&folder)).await.is_err());
}

#[tokio::test]
async fn the_version_before_works_on_while_this_one_serves() {
    let folder = tempfile::tempdir().unwrap();
    let old = Sqlite3Catalog::open_with(&path(&folder), &SCHEMA[..5])
        .await
        .unwrap();
    old.create_content(&suite::content("before")).await.unwrap();
    let new = Sqlite3Catalog::open(&path(&folder)).await.unwrap();
    // What the version before does is known to this one, and the other way round.
    old.create_content(&suite::content("meanwhile"))
        .await
        .unwrap();
    let rename = "UPDATE contents SET title = 'Renamed by hand' WHERE id = 'before'";
    sqlx::raw_sql(rename).execute(&old.pool).await.unwrap();
    let found = |word: &'static str| {
        let words = vec![word.to_owned()];
        let new = new.clone();
        async move {
            new.matching(&words, &Viewer::Admin, None)
                .await
                .unwrap()
                .len()
        }
    };
    assert_eq!((found("title").await, found("renam").await), (1, 1));
    let entry = new.entry(&"before".parse().unwrap()).await.unwrap();
    assert_eq!(
        (entry.version, entry.content.title.as_str()),
        (2, "Renamed by hand")
    );
    assert!(entry.created_at > 0);
    let mut after = entry.clone();
    after.about.description = "told by the new one".into();
    assert!(new.change_entry(&entry, &after).await.unwrap());
    assert_eq!(old.content(&entry.content.id).await.unwrap(), entry.content);
    let again = Sqlite3Catalog::open_with(&path(&folder), &SCHEMA[..5]).await;
    assert!(again.is_ok(), "back one version");
}
