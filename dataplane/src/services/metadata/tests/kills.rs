//! Writers and servers killed at random moments: what was acknowledged is there. `KILLS=200` in the
//! claim.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rand::Rng;

use crate::adapters::postgres::PostgresCatalog;
use crate::adapters::postgres::server::Server;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::ports::catalog::library::{About, Entry};
use crate::ports::catalog::{Catalog, suite};

/// Tells the child where to write.
const WHERE: &str = "METADATA_CHILD";

async fn open(at: &str) -> Box<dyn Catalog> {
    match at.starts_with("postgresql:") {
        true => Box::new(PostgresCatalog::open(at).await.unwrap()),
        false => Box::new(Sqlite3Catalog::open(at.as_ref()).await.unwrap()),
    }
}

/// Writes contents and says which are acknowledged, for ever; nothing unless it is the child.
#[tokio::test]
async fn child_writes_contents_until_it_is_killed() {
    let Ok(at) = std::env::var(WHERE) else {
        return;
    };
    let catalog = open(&at).await;
    loop {
        let id = format!("k{:024x}", rand::random::<u128>() >> 32);
        let mut entry = Entry::new(suite::content(&id), About::default());
        entry.about.description = "written under fire".into();
        match catalog.add_entry(&entry, None).await {
            Ok(true) => println!("acked {id}"),
            // The server is being killed: not acknowledged.
            other => eprintln!("{other:?}"),
        }
    }
}

/// Kills a writer after a few acknowledgements; those there were.
fn write_and_kill(at: &str) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_writes_contents_until_it_is_killed", "--nocapture"])
        .env(WHERE, at)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let until = rand::rng().random_range(1..60);
    let mut acked = lines
        .map_while(Result::ok)
        .filter(|line| line.starts_with("acked "));
    let mut seen: Vec<String> = acked.by_ref().take(until).collect();
    child.kill().unwrap();
    // What was acknowledged while the kill was on its way counts as well.
    seen.extend(acked.filter(|line| line.len() == "acked k".len() + 24));
    child.wait().unwrap();
    seen.into_iter()
        .map(|line| line["acked ".len()..].to_owned())
        .collect()
}

async fn lost(at: &str, acked: &HashSet<String>) -> usize {
    let catalog = open(at).await;
    let mut lost = 0;
    for id in acked {
        let entry = catalog.entry(&id.parse().unwrap()).await;
        lost +=
            usize::from(!entry.is_ok_and(|entry| entry.about.description == "written under fire"));
    }
    lost
}

fn kills() -> usize {
    std::env::var("KILLS").map_or(3, |n| n.parse().unwrap())
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kills_of_the_writer_in_sqlite() {
    if std::env::var(WHERE).is_ok() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder
        .path()
        .join("catalog.db")
        .to_string_lossy()
        .into_owned();
    let acked: HashSet<String> = (0..kills()).flat_map(|_| write_and_kill(&at)).collect();
    let lost = lost(&at, &acked).await;
    println!(
        "services-7 SQLite: {} kills, {} acknowledged, {lost} lost",
        kills(),
        acked.len()
    );
    assert_eq!(lost, 0);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kills_of_writer_and_server_in_postgresql() {
    if std::env::var(WHERE).is_ok() {
        return;
    }
    let mut server = Server::start().await;
    let mut acked = HashSet::new();
    for kill in 0..kills() {
        acked.extend(write_and_kill(&server.url()));
        // Every third time the server dies as well, in the midst of another writer's work.
        if kill % 3 == 0 {
            let url = server.url();
            let writer = tokio::task::spawn_blocking(move || write_and_kill(&url));
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            server.kill().await;
            acked.extend(writer.await.unwrap());
        }
    }
    let lost = lost(&server.url(), &acked).await;
    println!(
        "services-7 PostgreSQL: {} kills, {} acknowledged, {lost} lost",
        kills(),
        acked.len()
    );
    assert_eq!(lost, 0);
}
