//! PostgreSQL: the suite of catalogs on a real server, and the schema over versions and replicas.

use super::server::Server;
use super::*;
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
