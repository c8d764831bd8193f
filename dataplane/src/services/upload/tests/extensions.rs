//! Checksums, lengths told later, joined uploads, whole files, what is no video.

use sha2::{Digest, Sha256};

use super::*;
use crate::services::upload::checksum::{Checksum, Refused, Trailer};

/// The checksum of `bytes`.
fn sum(bytes: &[u8]) -> Checksum {
    use base64::Engine;
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(bytes));
    Checksum::parse(&format!("sha256 {digest}")).unwrap()
}

fn checked(offset: usize, bytes: &Bytes, checksum: Checksum) -> Body {
    Body {
        checksum: Expected::Known(checksum),
        ..body(offset as u64, frames(bytes))
    }
}

impl World {
    async fn create(&self, kind: UploadKind, length: Option<usize>) -> Result<Status, UploadError> {
        let asked = Creation {
            kind,
            length: length.map(|length| length as u64),
            metadata: Metadata::default(),
        };
        self.service.create(creator(1), asked).await
    }

    async fn piece(&self, bytes: &Bytes) -> UploadId {
        let created = self.create(UploadKind::Piece, Some(bytes.len())).await;
        created.unwrap().upload.id
    }
}

#[tokio::test]
async fn a_body_with_a_checksum_is_taken_whole_or_not_at_all() {
    let world = world().await;
    let bytes = noise(4 * PART_BYTES + 3_000_000, 1);
    let id = world.begin(bytes.len()).await;
    let first = bytes.slice(..1_000_000);
    let good = checked(0, &first, sum(&first));
    assert_eq!(
        world.send(&id, good).await.unwrap().upload.offset(),
        1_000_000
    );
    let rest = bytes.slice(1_000_000..);
    let wrong = world
        .send(&id, checked(1_000_000, &rest, sum(&first)))
        .await;
    assert!(
        matches!(wrong, Err(UploadError::Checksum(Refused::Mismatch))),
        "{wrong:?}"
    );
    let broken = Body {
        bytes: frames(&rest.slice(..17_000_000)).chain(cut()).boxed(),
        ..checked(1_000_000, &rest, sum(&rest))
    };
    let broken = world.send(&id, broken).await;
    assert!(matches!(broken, Err(UploadError::Cut)), "{broken:?}");
    let status = world.service.resume(creator(1), &id).await.unwrap();
    assert_eq!(status.upload.offset(), 1_000_000, "nothing of them is kept");
    assert_eq!(world.objects().await, world.part_keys(&id).await);
    let status = world.send(&id, checked(1_000_000, &rest, sum(&rest))).await;
    let upload = status.unwrap().upload;
    assert!(upload.content.is_some());
    assert_eq!(world.stored(&id).await, bytes);
    for (part, stored) in upload.parts.iter().zip(upload.part_keys()) {
        let key = ObjectKey::parse(stored).unwrap();
        let object = world.store.get(&key).await.unwrap();
        assert_eq!(part.crc32c, Some(crc_fast::crc32_iscsi(&object)));
    }
}

#[tokio::test]
async fn a_part_that_the_store_gives_back_changed_is_not_gone_on_with() {
    let world = world().await;
    let bytes = noise(2_000, 9);
    let id = world.begin(bytes.len()).await;
    let first = body(0, frames(&bytes.slice(..1_000)));
    world.send(&id, first).await.unwrap();
    let key = &world.part_keys(&id).await[0];
    let file = world._folder.path().join("objects").join(key);
    let mut stored = std::fs::read(&file).unwrap();
    stored[500] ^= 1;
    std::fs::write(&file, stored).unwrap();
    let rest = body(1_000, frames(&bytes.slice(1_000..)));
    let outcome = world.send(&id, rest).await;
    assert!(
        matches!(outcome, Err(UploadError::Objects(_))),
        "{outcome:?}"
    );
    let upload = world.catalog.upload(&id).await.unwrap();
    assert_eq!(upload.offset(), 1_000);
}

#[tokio::test]
async fn a_checksum_may_come_behind_the_bytes() {
    let world = world().await;
    let bytes = noise(100_000, 2);
    for (told, good) in [(sum(&bytes), true), (sum(b""), false)] {
        let id = world.begin(bytes.len()).await;
        let trailer = Trailer::default();
        let comes = trailer.clone();
        let end = stream::poll_fn(move |_| {
            let _ = comes.set(Ok(told.clone()));
            std::task::Poll::Ready(None)
        });
        let behind = Body {
            checksum: Expected::Behind(trailer),
            ..body(0, frames(&bytes).chain(end).boxed())
        };
        assert_eq!(world.send(&id, behind).await.is_ok(), good);
    }
    let id = world.begin(bytes.len()).await;
    let never = Body {
        checksum: Expected::Behind(Trailer::default()),
        ..body(0, frames(&bytes))
    };
    let never = world.send(&id, never).await;
    assert!(matches!(
        never,
        Err(UploadError::Checksum(Refused::Invalid(_)))
    ));
}

#[tokio::test]
async fn a_length_may_be_told_later() {
    let world = world().await;
    let bytes = noise(30_000, 3);
    let id = world
        .create(UploadKind::Whole, None)
        .await
        .unwrap()
        .upload
        .id;
    let status = world
        .send(&id, body(0, frames(&bytes.slice(..10_000))))
        .await;
    assert_eq!(status.unwrap().upload.length, None);
    let told = |offset: usize, length: u64| Body {
        length: Some(length),
        ..body(offset as u64, frames(&bytes.slice(offset..offset + 10_000)))
    };
    let large = world.send(&id, told(10_000, (64 << 20) + 1)).await;
    assert!(matches!(large, Err(UploadError::TooLarge { .. })));
    let short = world.send(&id, told(10_000, 9_000)).await;
    assert!(
        matches!(short, Err(UploadError::TooLong { length: 9_000 })),
        "{short:?}"
    );
    let status = world.send(&id, told(10_000, 30_000)).await.unwrap();
    assert_eq!(status.upload.length, Some(30_000));
    let other = world.send(&id, told(20_000, 40_000)).await;
    assert!(matches!(
        other,
        Err(UploadError::OtherLength { length: 30_000 })
    ));
    let status = world.send(&id, told(20_000, 30_000)).await.unwrap();
    assert!(status.upload.content.is_some());
    assert_eq!(world.stored(&id).await, bytes);
}

#[tokio::test]
async fn pieces_are_joined_when_the_last_one_is_there() {
    let world = world().await;
    let bytes = noise(2 * PART_BYTES + 2_000_000, 4);
    let halves = [bytes.slice(..9_000_000), bytes.slice(9_000_000..)];
    for early in [true, false] {
        let ids = [world.piece(&halves[0]).await, world.piece(&halves[1]).await];
        let join = || world.create(UploadKind::Joined(ids.to_vec()), None);
        let mut joined = None;
        if early {
            joined = Some(join().await.unwrap().upload);
        }
        for (id, half) in ids.iter().zip(&halves) {
            world.send(id, body(0, frames(half))).await.unwrap();
        }
        let joined = match joined {
            Some(upload) => upload.id,
            None => join().await.unwrap().upload.id,
        };
        let status = world.service.describe(creator(1), &joined).await.unwrap();
        assert_eq!(status.upload.content, Some(content_id(&joined).unwrap()));
        assert_eq!(world.stored(&joined).await, bytes);
        let taken = join().await;
        assert!(matches!(taken, Err(UploadError::NotAPiece { .. })));
        world.service.sweep().await;
        assert_eq!(world.stored(&joined).await, bytes, "a sweep spares pieces");
        let outbox = world.catalog.outbox(10).await.unwrap();
        assert_eq!(outbox.last().unwrap().upload, joined);
    }
}

#[tokio::test]
async fn joined_uploads_are_held_to_pieces_owners_and_sizes() {
    let world = world().await;
    let whole = world.begin(10).await;
    let piece = world.piece(&noise(40 << 20, 1)).await;
    let other = world.piece(&noise(40 << 20, 1)).await;
    let strange = UploadKind::Joined(vec![piece.clone()]);
    let asked = Creation {
        kind: strange,
        length: None,
        metadata: Metadata::default(),
    };
    let stranger = world.service.create(creator(2), asked).await;
    assert!(matches!(stranger, Err(UploadError::NotFound)));
    let join = |ids: Vec<UploadId>| world.create(UploadKind::Joined(ids), None);
    assert!(matches!(join(vec![]).await, Err(UploadError::Pieces)));
    let twice = join(vec![piece.clone(), piece.clone()]).await;
    assert!(matches!(twice, Err(UploadError::Pieces)));
    let not = join(vec![whole]).await;
    assert!(matches!(not, Err(UploadError::NotAPiece { .. })));
    let large = join(vec![piece.clone(), other]).await;
    assert!(matches!(large, Err(UploadError::TooLarge { .. })));
    let joined = join(vec![piece]).await.unwrap().upload.id;
    let sent = world.send(&joined, body(0, frames(&noise(10, 1)))).await;
    assert!(matches!(sent, Err(UploadError::Joined)));
    world.service.terminate(creator(1), &joined).await.unwrap();
}

#[tokio::test]
async fn what_is_no_video_is_refused_early_and_forgotten() {
    let world = world().await;
    let text = Bytes::from("no video at all. ".repeat(1 << 20));
    let id = world.begin(text.len()).await;
    let endless = frames(&text.slice(..100_000))
        .chain(stream::pending())
        .boxed();
    let refused = world.send(&id, body(0, endless)).await;
    assert!(matches!(refused, Err(UploadError::NotMedia)), "{refused:?}");
    let gone = world.service.describe(creator(1), &id).await;
    assert!(matches!(gone, Err(UploadError::NotFound)));
    // Too short to tell before its end, even in two bodies.
    let id = world.begin(40).await;
    world
        .send(&id, body(0, frames(&text.slice(..20))))
        .await
        .unwrap();
    let refused = world.send(&id, body(20, frames(&text.slice(20..40)))).await;
    assert!(matches!(refused, Err(UploadError::NotMedia)));
    let half = text.slice(..2_000);
    let piece = world.piece(&half).await;
    world.send(&piece, body(0, frames(&half))).await.unwrap();
    let joined = world.create(UploadKind::Joined(vec![piece]), None).await;
    assert!(matches!(joined, Err(UploadError::NotMedia)));
    assert!(world.catalog.outbox(1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_comes_whole_leaves_a_content_or_nothing() {
    let world = world().await;
    let bytes = noise(300_000, 5);
    let take = |length: Option<u64>, bytes| {
        let asked = Creation {
            kind: UploadKind::Whole,
            length,
            metadata: Metadata::default(),
        };
        let body = Body {
            completes: true,
            announced: length,
            ..body(0, bytes)
        };
        world.service.take_whole(creator(1), asked, body)
    };
    for length in [Some(300_000), None] {
        let status = take(length, frames(&bytes)).await.unwrap();
        assert!(status.upload.content.is_some());
        assert_eq!(world.stored(&status.upload.id).await, bytes);
    }
    let before = world.objects().await;
    for length in [Some(300_000), None] {
        let broken = frames(&bytes.slice(..200_000)).chain(cut()).boxed();
        let outcome = take(length, broken).await;
        assert!(matches!(outcome, Err(UploadError::Cut)), "{outcome:?}");
    }
    let empty = take(None, stream::empty().boxed()).await;
    assert!(matches!(empty, Err(UploadError::Empty)));
    let short = take(Some(300_000), frames(&bytes.slice(..200_000))).await;
    assert!(matches!(short, Err(UploadError::Cut)));
    assert_eq!(world.objects().await, before);
    assert!(world.catalog.unfinished_uploads().await.unwrap().is_empty());
}

#[tokio::test]
async fn many_bodies_at_once_share_few_buffers() {
    let world = world().await;
    let send = async |seed: u8| {
        let bytes = noise(PART_BYTES + 100_000, seed);
        let id = world.begin(bytes.len()).await;
        let slow = frames(&bytes).then(async |frame| {
            tokio::task::yield_now().await;
            frame
        });
        let status = world.send(&id, body(0, slow.boxed())).await.unwrap();
        assert!(status.upload.content.is_some());
        assert_eq!(world.stored(&id).await, bytes);
    };
    futures::future::join_all((0..12).map(send)).await;
    // A body that keeps a buffer and brings nothing gives way.
    let idle = world.begin(1_000_000).await;
    let mut stuck = Vec::new();
    for _ in 0..BUFFERS {
        let id = world.begin(1_000_000).await;
        let silent = frames(&noise(1_000, 1)).chain(stream::pending()).boxed();
        let service = world.service.clone();
        let sent = async move { service.append(creator(1), id, body(0, silent)).await };
        stuck.push(tokio::spawn(sent));
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let sent = world.send(&idle, body(0, frames(&noise(1_000_000, 1))));
    let sent = tokio::time::timeout(std::time::Duration::from_secs(5), sent).await;
    assert!(sent.unwrap().unwrap().upload.content.is_some());
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn the_turn_goes_over_to_another_process() {
    let world = world().await;
    let registry = prometheus::Registry::new();
    let service = &world.service;
    let (objects, uploads) = (world.store.clone(), world.catalog.clone());
    let far = UploadService::new(
        objects,
        uploads,
        world.clock.clone(),
        service.settings.clone(),
        &registry,
    );
    let far = Arc::new(far.unwrap());
    let id = world.begin(4_000).await;
    let stuck = half_dead(&world, &id).await;
    let status = far.resume(creator(1), &id).await.unwrap();
    assert_eq!(status.upload.offset(), 1_000, "what it brought is kept");
    assert!(stuck.await.unwrap());
    let bytes = noise(4_000, 5);
    let rest = body(1_000, frames(&bytes.slice(1_000..)));
    let status = far.append(creator(1), id.clone(), rest).await.unwrap();
    assert!(status.upload.content.is_some());
    assert_eq!(world.stored(&id).await, bytes);
}
