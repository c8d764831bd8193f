//! What a body takes while it waits.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::services::upload::buffers::FRESH_BYTES;

#[tokio::test]
async fn who_waits_for_a_buffer_takes_nothing_more() {
    const FRAME: usize = 64 << 10;
    const OF_PART: usize = FRESH_BYTES / FRAME;
    let world = world().await;
    let buffers = world.service.on.buffers.clone();
    let mut held = Vec::new();
    for _ in 1..BUFFERS {
        held.push(buffers.take().await);
    }
    let bytes = noise(FRESH_BYTES + 3 * FRAME, 1);
    let id = world.begin(bytes.len()).await;
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let frames: Vec<_> = bytes.chunks(FRAME).map(Bytes::copy_from_slice).collect();
    let frames = stream::iter(frames.into_iter().map(Ok)).inspect(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let (service, upload) = (world.service.clone(), id.clone());
    let body = body(0, frames.boxed());
    let sent = tokio::spawn(async move { service.append(creator(1), upload, body).await });
    while taken.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    // Next in the row: the body's own buffer, when its part is stored.
    let next = buffers.take().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(taken.load(Ordering::Relaxed), OF_PART);
    drop(next);
    let status = sent.await.unwrap().unwrap();
    assert!(status.upload.content.is_some());
    assert_eq!(world.stored(&id).await, bytes);
}
