//! Turns within a process and between two that share a catalog.

use super::*;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::ports::catalog::suite::{part, upload};
use crate::ports::catalog::uploads::Place;

struct World {
    catalog: Arc<Sqlite3Catalog>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await;
        let catalog = Arc::new(catalog.unwrap());
        for id in ["u1", "u2"] {
            catalog.create_upload(&upload(id)).await.unwrap();
        }
        Self {
            catalog,
            _folder: folder,
        }
    }

    /// A process that shares the catalog.
    fn process(&self, patience: u64) -> Arc<Turns> {
        let mut turns = Turns::new(self.catalog.clone());
        turns.patience = Duration::from_millis(patience);
        Arc::new(turns)
    }
}

fn id(text: &str) -> UploadId {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_writer_is_asked_and_gives_way() {
    let turns = World::new().await.process(10_000);
    let mut first = turns.take(&id("u1"), Release::Forget).await.unwrap();
    let writer = tokio::spawn(async move { first.asked().await });
    assert!(turns.take(&id("u1"), Release::Forget).await.is_ok());
    assert_eq!(writer.await.unwrap(), Release::Forget);
    assert!(turns.slots().is_empty());
}

#[tokio::test]
async fn a_writer_that_does_not_stop_keeps_its_turn() {
    let turns = World::new().await.process(50);
    let first = turns.take(&id("u1"), Release::Forget).await.unwrap();
    let second = turns.take(&id("u1"), Release::Keep).await;
    assert!(matches!(second, Err(UploadError::Busy)));
    assert_eq!(turns.slots().len(), 1);
    drop(first);
    assert!(turns.slots().is_empty());
}

#[tokio::test]
async fn uploads_do_not_wait_for_each_other() {
    let turns = World::new().await.process(50);
    let _first = turns.take(&id("u1"), Release::Keep).await.unwrap();
    assert!(turns.take(&id("u2"), Release::Keep).await.is_ok());
}

#[tokio::test]
async fn a_writer_of_another_process_is_asked_and_gives_way() {
    let world = World::new().await;
    let (near, far) = (world.process(50), world.process(50));
    let mut first = far.take(&id("u1"), Release::Forget).await.unwrap();
    let writer = tokio::spawn(async move {
        let asked = first.asked().await;
        first.leave().await;
        asked
    });
    let began = Instant::now();
    let second = near.take(&id("u1"), Release::Keep).await.unwrap();
    assert!(began.elapsed() < FAR_PATIENCE);
    assert_eq!(writer.await.unwrap(), Release::Keep);
    second.leave().await;
    far.settle(&id("u1")).await.unwrap();
}

#[tokio::test]
async fn a_dead_process_is_passed_over_and_its_late_parts_are_refused() {
    let world = World::new().await;
    let (near, far) = (world.process(50), world.process(50));
    let mut dead = far.take(&id("u1"), Release::Forget).await.unwrap();
    let alive = near.take(&id("u1"), Release::Forget).await.unwrap();
    assert_eq!(dead.asked().await, Release::Forget);
    assert!(alive.number() > dead.number());
    let add = async |turn: &Turn, key| {
        let place = Place {
            turn: turn.number(),
            number: 0,
            replaces: None,
        };
        let parts = [part(key, 5)];
        world.catalog.add_parts(&id("u1"), &place, &parts).await
    };
    let late = add(&dead, "late").await;
    assert!(matches!(late, Err(CatalogError::Conflict { .. })));
    add(&alive, "good").await.unwrap();
}
