//! Uploads that others read while they run.

use std::time::Duration;

use super::*;

/// Bytes that trickle: a piece every 200 ms.
fn trickle(bytes: &Bytes) -> BoxStream<'static, Result<Bytes, Source>> {
    let pieces: Vec<_> = bytes.chunks(10_000).map(Bytes::copy_from_slice).collect();
    let piece = |piece| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(piece)
    };
    stream::iter(pieces).then(piece).boxed()
}

/// Bytes that are stored a while after a slow body has begun.
async fn stored_meanwhile(read_early: bool) -> u64 {
    let mut world = world().await;
    let service = Arc::get_mut(&mut world.service).unwrap();
    service.settings.read_early = read_early;
    let bytes = noise(150_000, 8);
    let id = world.begin(bytes.len()).await;
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(2_400)).await;
        world.catalog.upload(&id).await.unwrap().offset()
    };
    let (status, stored) = tokio::join!(world.send(&id, body(0, trickle(&bytes))), meanwhile);
    assert!(status.unwrap().upload.content.is_some());
    assert_eq!(world.stored(&id).await, bytes);
    assert_eq!(world.part_keys(&id).await.len(), 1);
    assert_eq!(world.objects().await, world.part_keys(&id).await);
    stored
}

#[tokio::test]
async fn what_arrives_slowly_is_stored_soon_only_where_somebody_reads_it() {
    assert!(stored_meanwhile(true).await >= 50_000);
    assert_eq!(stored_meanwhile(false).await, 0);
}
