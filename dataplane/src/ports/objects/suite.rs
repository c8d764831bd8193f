//! What every object store must do. An adapter's test hands in an empty store.

use super::{ObjectKey, Objects, ObjectsError, Put};
use bytes::Bytes;

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

/// Runs the whole suite.
pub async fn run(store: &dyn Objects) {
    run_without_races(store).await;
    one_of_many_writers_wins(store).await;
    listing_finds_more_than_a_page(store).await;
}

/// The suite for a store that cannot decide between two writers of one moment.
pub async fn run_without_races(store: &dyn Objects) {
    first_bytes_stay(store).await;
    summed_bytes_are_kept_once_too(store).await;
    ranges_are_exact(store).await;
    absent_objects_are_told_apart_from_failures(store).await;
    listing_keeps_to_whole_parts(store).await;
    a_copy_outlives_what_it_was_made_of(store).await;
}

async fn a_copy_outlives_what_it_was_made_of(store: &dyn Objects) {
    let (from, to) = (
        key("contents/a/o/v720/000001-aa.m4s"),
        key("contents/b/p/v720/000001-aa.m4s"),
    );
    let nothing = store.copy(&from, &to).await;
    assert!(matches!(nothing, Err(ObjectsError::NotFound(_))));
    store
        .put(&from, Bytes::from_static(b"media"))
        .await
        .unwrap();
    assert_eq!(store.copy(&from, &to).await.unwrap(), Put::Created);
    assert_eq!(store.copy(&from, &to).await.unwrap(), Put::Existed);
    store.delete(&from).await.unwrap();
    assert_eq!(store.get(&to).await.unwrap(), "media");
    assert_eq!(store.head(&from).await.unwrap(), None);
}

async fn first_bytes_stay(store: &dyn Objects) {
    let k = key("contents/a/o/v720/000000-ff.m4s");
    let put = |bytes: &'static [u8]| store.put(&k, Bytes::from_static(bytes));
    assert_eq!(put(b"first").await.unwrap(), Put::Created);
    assert_eq!(put(b"second").await.unwrap(), Put::Existed);
    assert_eq!(store.get(&k).await.unwrap(), "first");
}

async fn summed_bytes_are_kept_once_too(store: &dyn Objects) {
    let k = key("uploads/u/00000-summed");
    let crc32c = crc_fast::crc32_iscsi(b"summed");
    for put in [Put::Created, Put::Existed] {
        let outcome = store.put_summed(&k, Bytes::from_static(b"summed"), crc32c);
        assert_eq!(outcome.await.unwrap(), put);
    }
    assert_eq!(store.get(&k).await.unwrap(), "summed");
}

async fn ranges_are_exact(store: &dyn Objects) {
    let k = key("uploads/u/00000");
    store
        .put(&k, Bytes::from_static(b"0123456789"))
        .await
        .unwrap();
    assert_eq!(store.head(&k).await.unwrap(), Some(10));
    assert_eq!(store.get_range(&k, 3..7).await.unwrap(), "3456");
    assert_eq!(store.get_range(&k, 9..10).await.unwrap(), "9");
    assert_eq!(store.get_range(&k, 0..10).await.unwrap(), "0123456789");
    assert_eq!(store.get_range(&k, 4..4).await.unwrap(), "");
    for range in [5..11, 10..12, 20..21, 11..11] {
        let outcome = store.get_range(&k, range).await;
        assert!(
            matches!(outcome, Err(ObjectsError::OutsideObject { .. })),
            "{outcome:?}"
        );
    }
}

async fn absent_objects_are_told_apart_from_failures(store: &dyn Objects) {
    let k = key("uploads/nobody/00000");
    assert_eq!(store.head(&k).await.unwrap(), None);
    assert!(matches!(
        store.get(&k).await,
        Err(ObjectsError::NotFound(_))
    ));
    assert!(matches!(
        store.get_range(&k, 0..1).await,
        Err(ObjectsError::NotFound(_))
    ));
    store.delete(&k).await.unwrap();
    store.put(&k, Bytes::new()).await.unwrap();
    assert_eq!(store.get(&k).await.unwrap().len(), 0);
    store.delete(&k).await.unwrap();
    assert_eq!(store.head(&k).await.unwrap(), None);
}

async fn listing_keeps_to_whole_parts(store: &dyn Objects) {
    for name in ["list/b/2", "list/b/1", "list/bc/3", "list/a"] {
        store
            .put(&key(name), Bytes::from_static(b"x"))
            .await
            .unwrap();
    }
    assert_eq!(
        store.list(&key("list/b")).await.unwrap(),
        [key("list/b/1"), key("list/b/2")]
    );
    assert!(store.list(&key("list/none")).await.unwrap().is_empty());
}

async fn listing_finds_more_than_a_page(store: &dyn Objects) {
    use futures::StreamExt;
    let keys: Vec<_> = (0..1_005).map(|n| key(&format!("many/{n:04}"))).collect();
    let put = |k| async move { store.put(k, Bytes::new()).await.unwrap() };
    let puts = futures::stream::iter(&keys).map(put).buffer_unordered(16);
    assert_eq!(puts.count().await, keys.len());
    assert_eq!(store.list(&key("many")).await.unwrap(), keys);
}

async fn one_of_many_writers_wins(store: &dyn Objects) {
    let k = key("race/one");
    let put = |n: u8| {
        let k = &k;
        async move { store.put(k, Bytes::from(vec![n; 4096])).await.unwrap() }
    };
    let outcomes = futures::future::join_all((0..8).map(put)).await;
    assert_eq!(outcomes.iter().filter(|p| **p == Put::Created).count(), 1);
    let bytes = store.get(&k).await.unwrap();
    assert!(bytes.len() == 4096 && bytes.iter().all(|b| *b == bytes[0]));
}
