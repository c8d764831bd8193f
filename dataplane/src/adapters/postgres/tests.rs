//! PostgreSQL: the suite of catalogs on a real server, and the schema over versions and replicas.

use super::server::Server;
use super::*;
use crate::ports::catalog::changes::Changes;
use crate::ports::catalog::{Contents, suite};

#[tokio::test]
async fn passes_the_suite_of_catalogs_and_keeps_its_schema_over_replicas_and_versions() {
    let server = Server::start().await;
    // Replicas that start together make the schema once.
    let url = server.url();
    let opened = [0; 4].map(|_| PostgresCatalog::open(&url));
    let mut replicas = Vec::new();
    for replica in futures::future::join_all(opened).await {
        replicas.push(replica.unwrap());
    }
    let catalog = &replicas[0];
    suite::run(catalog).await;
    let seen = replicas[3].content(&"suite-content".parse().unwrap()).await;
    assert_eq!(seen.unwrap().title, "Another");

    let set = |sql: &'static str| sqlx::raw_sql(sql).execute(&catalog.pool);
    set("UPDATE schema_version SET version = version + 1")
        .await
        .unwrap();
    assert!(PostgresCatalog::open(&server.url()).await.is_ok());
    set("UPDATE schema_version SET floor = version")
        .await
        .unwrap();
    assert!(PostgresCatalog::open(&server.url()).await.is_err());
}

#[tokio::test]
async fn a_url_that_is_none_is_not_repeated() {
    let refused = PostgresCatalog::open("postgresql:/secret@")
        .await
        .unwrap_err();
    assert!(!crate::ports::causes(&refused).contains("secret"));
}

/// Places in the log are given out before they are committed: who looked in between is told later.
#[tokio::test]
async fn a_change_that_is_committed_late_is_told() {
    let server = Server::start().await;
    let catalog = PostgresCatalog::open(&server.url()).await.unwrap();
    for id in ["late", "soon"] {
        catalog.create_content(&suite::content(id)).await.unwrap();
    }
    let tags = async |since| {
        let news = catalog.changed_since(since).await.unwrap();
        let tags = news.changes.unwrap().into_iter().map(|change| change.tag);
        (tags.collect::<Vec<_>>(), Some(news.until))
    };
    let (_, begin) = tags(None).await;
    let mut late = catalog.pool.begin().await.unwrap();
    let rename = "UPDATE contents SET title = 'Another' WHERE id = 'late'";
    sqlx::raw_sql(rename).execute(&mut *late).await.unwrap();
    let rename = "UPDATE contents SET title = 'Another' WHERE id = 'soon'";
    sqlx::raw_sql(rename).execute(&catalog.pool).await.unwrap();
    let (told, between) = tags(begin).await;
    assert_eq!(told, ["content:soon"]);
    late.commit().await.unwrap();
    let (told, after) = tags(between).await;
    assert!(told.contains(&"content:late".to_owned()), "{told:?}");
    let (told, _) = tags(after).await;
    assert_eq!(told, Vec::<String>::new());
}
