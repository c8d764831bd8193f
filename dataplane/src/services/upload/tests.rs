//! The upload role on SQLite and a folder.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use streamgate_contract::{names, rules::Erc721Rule};

use super::buffers::PART_BYTES;
use super::checksum::Expected;
use super::finish::content_id;
use super::receive::REWRITE_BELOW;
use super::*;
use crate::adapters::filesystem::Filesystem;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::ports::Source;
use crate::ports::catalog::library::{Library, Page};
use crate::ports::catalog::uploads::Place;
use crate::ports::catalog::{Contents, UploadPart};
use crate::ports::chain::Wallet;
use crate::ports::clock::manual::ManualClock;
use crate::ports::objects::ObjectKey;

mod early;
mod extensions;
mod list;
mod quotas;
mod waiting;

const NOW: i64 = 1_700_000_000;
const LIFE_SECONDS: i64 = 3_600;
const QUOTA: u64 = 400 << 20;

struct World {
    service: Arc<UploadService>,
    catalog: Arc<Sqlite3Catalog>,
    store: Arc<Filesystem>,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await;
    let catalog = Arc::new(catalog.unwrap());
    let store = Arc::new(Filesystem::open(folder.path().join("objects")).unwrap());
    let clock = Arc::new(ManualClock::at(NOW));
    let erc721 = Erc721Rule {
        chain: "local".into(),
        contract: format!("0x{}", "72".repeat(20)),
        token_id: None,
        through: None,
    };
    let rule = |name: &str| GateRule {
        name: name.into(),
        erc721: Some(erc721.clone()),
        ..GateRule::default()
    };
    let settings = Settings {
        max_upload_bytes: 64 << 20,
        limits: UploadLimits {
            life_hours: 1,
            bytes_per_wallet: Some(QUOTA),
            ..UploadLimits::default()
        },
        rules: vec![rule("holders"), rule("everybody")],
        default_rule: Some("everybody".into()),
        cursor_key: CursorKey::new([1; 32]),
        read_early: false,
    };
    let registry = prometheus::Registry::new();
    let (objects, uploads) = (store.clone(), catalog.clone());
    let service = UploadService::new(objects, uploads, clock.clone(), settings, &registry);
    World {
        service: Arc::new(service.unwrap()),
        catalog,
        store,
        clock,
        _folder: folder,
    }
}

fn creator(n: u8) -> Principal {
    Principal {
        wallet: Wallet::of_key([n; 20]),
        creator: true,
        admin: false,
    }
}

fn noise(length: usize, seed: u8) -> Bytes {
    let mut state = u64::from(seed) + 1;
    let byte = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    let mut bytes: Vec<u8> = (0..length).map(byte).collect();
    // What comes first is looked at.
    let head = b"\0\0\0\x18ftyp";
    if let Some(place) = bytes.get_mut(..head.len()) {
        place.copy_from_slice(head);
    }
    bytes.into()
}

fn frames(bytes: &Bytes) -> BoxStream<'static, Result<Bytes, Source>> {
    let frames: Vec<_> = bytes.chunks(50_000).map(Bytes::copy_from_slice).collect();
    stream::iter(frames.into_iter().map(Ok)).boxed()
}

fn cut() -> BoxStream<'static, Result<Bytes, Source>> {
    stream::iter([Err(Source::from("connection reset"))]).boxed()
}

fn body(offset: u64, bytes: BoxStream<'static, Result<Bytes, Source>>) -> Body {
    Body::new(offset, bytes)
}

impl World {
    async fn begin(&self, length: usize) -> UploadId {
        let created = self.service.create(
            creator(1),
            Creation::whole(length as u64, Metadata::default()),
        );
        created.await.unwrap().upload.id
    }

    async fn send(&self, id: &UploadId, body: Body) -> Result<Status, UploadError> {
        self.service.append(creator(1), id.clone(), body).await
    }

    async fn stored(&self, id: &UploadId) -> Vec<u8> {
        let mut bytes = Vec::new();
        for key in self.catalog.upload(id).await.unwrap().part_keys() {
            let key = ObjectKey::parse(key).unwrap();
            bytes.extend_from_slice(&self.store.get(&key).await.unwrap());
        }
        bytes
    }

    async fn objects(&self) -> Vec<String> {
        let keys = self.store.list(&ObjectKey::parse("uploads").unwrap()).await;
        keys.unwrap().iter().map(ToString::to_string).collect()
    }

    async fn part_keys(&self, id: &UploadId) -> Vec<String> {
        let upload = self.catalog.upload(id).await.unwrap();
        upload.part_keys().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn small_bodies_leave_few_parts_and_no_strays() {
    let world = world().await;
    let bytes = noise(20 << 20, 1);
    let id = world.begin(bytes.len()).await;
    let mut offset = 0;
    for step in (0_usize..).map(|n| [1, 700_000, 3_000_000, 17][n % 4]) {
        let end = (offset + step).min(bytes.len());
        let piece = frames(&bytes.slice(offset..end));
        let status = world.send(&id, body(offset as u64, piece)).await.unwrap();
        assert_eq!(status.upload.offset(), end as u64);
        offset = end;
        if offset == bytes.len() {
            break;
        }
    }
    assert_eq!(world.stored(&id).await, bytes);
    let parts = world.catalog.upload(&id).await.unwrap().parts;
    let (last, full) = parts.split_last().unwrap();
    assert!(last.bytes <= PART_BYTES as u64);
    assert!(full.iter().all(|part| part.bytes >= REWRITE_BELOW));
    assert_eq!(world.objects().await, world.part_keys(&id).await);
}

#[tokio::test]
async fn a_cut_keeps_every_byte_that_arrived() {
    let world = world().await;
    let bytes = noise(PART_BYTES + 1_234_567, 2);
    let id = world.begin(bytes.len()).await;
    let arrived = PART_BYTES + 77_777;
    let broken = frames(&bytes.slice(..arrived)).chain(cut()).boxed();
    let outcome = world.send(&id, body(0, broken)).await;
    assert!(matches!(outcome, Err(UploadError::Cut)), "{outcome:?}");
    let status = world.service.resume(creator(1), &id).await.unwrap();
    assert_eq!(status.upload.offset(), arrived as u64);
    let rest = frames(&bytes.slice(arrived..));
    let status = world.send(&id, body(arrived as u64, rest)).await.unwrap();
    assert!(status.upload.content.is_some());
    assert_eq!(world.stored(&id).await, bytes);
    assert_eq!(status.upload.parts.len(), 2);
}

#[tokio::test]
async fn a_cut_after_the_last_byte_completes() {
    let world = world().await;
    let bytes = noise(1_000, 3);
    let id = world.begin(bytes.len()).await;
    let whole = frames(&bytes).chain(cut()).boxed();
    let status = world.send(&id, body(0, whole)).await.unwrap();
    assert!(status.upload.content.is_some());
}

#[tokio::test]
async fn what_a_crash_left_never_becomes_a_part() {
    let world = world().await;
    let bytes = noise(5_000, 4);
    let id = world.begin(bytes.len()).await;
    let stray = ObjectKey::parse(&names::upload_part_key(&id, 0, 7)).unwrap();
    world.store.put(&stray, noise(5_000, 9)).await.unwrap();
    world.send(&id, body(0, frames(&bytes))).await.unwrap();
    assert_eq!(world.stored(&id).await, bytes);
    assert_eq!(world.objects().await, world.part_keys(&id).await);
}

#[tokio::test]
async fn one_of_many_writers_at_one_offset_wins() {
    let world = world().await;
    let id = world.begin(1 << 20).await;
    let send = |seed| {
        let (service, id) = (world.service.clone(), id.clone());
        let bytes = body(0, frames(&noise(1 << 20, seed)));
        tokio::spawn(async move { service.append(creator(1), id, bytes).await.is_ok() })
    };
    let outcomes = futures::future::join_all((0..30).map(send)).await;
    let winners = outcomes.into_iter().filter(|o| matches!(o, Ok(true)));
    assert_eq!(winners.count(), 1);
    let stored = world.stored(&id).await;
    assert!((0..30).any(|seed| noise(1 << 20, seed) == stored));
    assert_eq!(world.objects().await, world.part_keys(&id).await);
}

/// A writer that has brought 1,000 bytes and then neither goes on nor ends.
async fn half_dead(world: &World, id: &UploadId) -> tokio::task::JoinHandle<bool> {
    let silent = frames(&noise(1_000, 5)).chain(stream::pending()).boxed();
    let (service, id) = (world.service.clone(), id.clone());
    let before = service.on.metrics.bytes.get();
    let writer = service.clone();
    let task = tokio::spawn(async move {
        let outcome = writer.append(creator(1), id, body(0, silent)).await;
        matches!(outcome, Err(UploadError::TakenOver))
    });
    while service.on.metrics.bytes.get() < before + 1_000 {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn a_half_dead_writer_gives_way_to_the_next() {
    let world = world().await;
    let bytes = noise(4_000, 6);
    let id = world.begin(bytes.len()).await;
    let stuck = half_dead(&world, &id).await;
    let sent = world.send(&id, body(0, frames(&bytes)));
    let sent = tokio::time::timeout(Duration::from_secs(3), sent).await;
    assert!(sent.unwrap().unwrap().upload.content.is_some());
    assert!(stuck.await.unwrap());
    assert_eq!(world.stored(&id).await, bytes);
}

#[tokio::test]
async fn asking_for_the_offset_keeps_what_a_half_dead_writer_brought() {
    let world = world().await;
    let id = world.begin(4_000).await;
    let stuck = half_dead(&world, &id).await;
    let described = world.service.describe(creator(1), &id).await.unwrap();
    assert_eq!(described.upload.offset(), 0, "looking must disturb nobody");
    let status = world.service.resume(creator(1), &id).await.unwrap();
    assert_eq!(status.upload.offset(), 1_000);
    assert!(stuck.await.unwrap());
}

#[tokio::test]
async fn stopping_keeps_what_has_arrived() {
    let world = world().await;
    let id = world.begin(4_000).await;
    let stuck = half_dead(&world, &id).await;
    let stop = CancellationToken::new();
    let run = tokio::spawn(world.service.clone().run(stop.clone()));
    stop.cancel();
    run.await.unwrap();
    assert!(!stuck.await.unwrap());
    assert_eq!(world.catalog.upload(&id).await.unwrap().offset(), 1_000);
}

#[tokio::test]
async fn a_crash_before_completion_is_made_good() {
    let world = world().await;
    for by_asking in [false, true] {
        let id = world.begin(10).await;
        let key = names::upload_part_key(&id, 0, 1);
        let object = ObjectKey::parse(&key).unwrap();
        world.store.put(&object, noise(10, 7)).await.unwrap();
        let part = UploadPart {
            key,
            bytes: 10,
            crc32c: None,
        };
        let place = Place {
            turn: 0,
            number: 0,
            replaces: None,
        };
        world.catalog.add_parts(&id, &place, &[part]).await.unwrap();
        for _ in 0..2 {
            match by_asking {
                true => drop(world.service.resume(creator(1), &id).await.unwrap()),
                false => world.service.look().await,
            }
        }
        let content = content_id(&id).unwrap();
        assert_eq!(world.catalog.content(&content).await.unwrap().id, content);
    }
    assert_eq!(world.catalog.outbox(10).await.unwrap().len(), 2);
    let contents = world.catalog.page(&Page::newest(9)).await.unwrap();
    assert_eq!(contents.len(), 2);
}

#[tokio::test]
async fn unfinished_uploads_go_with_their_parts_and_finished_ones_stay() {
    let world = world().await;
    let done = world.begin(10).await;
    world
        .send(&done, body(0, frames(&noise(10, 1))))
        .await
        .unwrap();
    let unfinished = world.begin(20).await;
    let piece = body(0, frames(&noise(10, 1)));
    world.send(&unfinished, piece).await.unwrap();
    world.clock.advance(LIFE_SECONDS - 1);
    world.service.look().await;
    assert_eq!(world.objects().await.len(), 2);
    world.clock.advance(1);
    let late = world
        .send(&unfinished, body(10, frames(&noise(10, 1))))
        .await;
    assert!(matches!(late, Err(UploadError::Expired)));
    world.service.look().await;
    assert_eq!(world.objects().await, world.part_keys(&done).await);
    let gone = world.service.describe(creator(1), &unfinished).await;
    assert!(matches!(gone, Err(UploadError::NotFound)));
    assert_eq!(world.service.on.metrics.expired.get(), 1);
}

#[tokio::test]
async fn a_sweep_removes_strays_and_spares_uploads_in_work() {
    let world = world().await;
    let (done, working) = (world.begin(10).await, world.begin(20).await);
    world
        .send(&done, body(0, frames(&noise(10, 1))))
        .await
        .unwrap();
    let gone: UploadId = "gone".parse().unwrap();
    for id in [&done, &working, &gone] {
        let key = ObjectKey::parse(&names::upload_part_key(id, 0, 7)).unwrap();
        world.store.put(&key, noise(3, 1)).await.unwrap();
    }
    world.service.sweep().await;
    let mut kept = world.part_keys(&done).await;
    kept.push(names::upload_part_key(&working, 0, 7));
    kept.sort();
    assert_eq!(world.objects().await, kept);
}

#[tokio::test]
async fn uploads_are_their_owners_alone() {
    let world = world().await;
    let id = world.begin(10).await;
    let (stranger, service) = (creator(2), &world.service);
    let refused = [
        service.describe(stranger, &id).await.err(),
        service.resume(stranger, &id).await.err(),
        service.terminate(stranger, &id).await.err(),
        service
            .append(stranger, id.clone(), body(0, cut()))
            .await
            .err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(UploadError::NotFound)), "{error:?}");
    }
    let admin = Principal {
        admin: true,
        ..stranger
    };
    assert!(service.describe(admin, &id).await.is_ok());
    service.terminate(creator(1), &id).await.unwrap();
    let gone = service.describe(creator(1), &id).await;
    assert!(matches!(gone, Err(UploadError::NotFound)));
}

#[tokio::test]
async fn creations_are_held_to_people_lengths_and_rules() {
    let world = world().await;
    let create = async |who, length, rule: Option<&str>| {
        let rule = rule.map(str::to_owned);
        let metadata = Metadata {
            rule,
            ..Metadata::default()
        };
        let created = world
            .service
            .create(who, Creation::whole(length, metadata))
            .await;
        created.map(|status| status.upload.id)
    };
    let viewer = Principal {
        creator: false,
        ..creator(1)
    };
    let nobody = create(viewer, 1, None).await;
    assert!(matches!(nobody, Err(UploadError::CreatorRequired)));
    let empty = create(creator(1), 0, None).await;
    assert!(matches!(empty, Err(UploadError::Empty)));
    let large = create(creator(1), (64 << 20) + 1, None).await;
    assert!(matches!(
        large,
        Err(UploadError::TooLarge { limit: 0x400_0000 })
    ));
    let rule = create(creator(1), 1, Some("friends")).await;
    let error = rule.unwrap_err().to_string();
    assert!(error.contains("holders, everybody"), "{error}");
    for (asked, given) in [(Some("holders"), "holders"), (None, "everybody")] {
        let id = create(creator(1), 10, asked).await.unwrap();
        let status = world
            .send(&id, body(0, frames(&noise(10, 1))))
            .await
            .unwrap();
        let content = status.upload.content.unwrap();
        let content = world.catalog.content(&content).await.unwrap();
        assert_eq!(content.rule.as_deref(), Some(given));
    }
}

#[tokio::test]
async fn bodies_that_run_past_the_end_are_refused() {
    let world = world().await;
    let id = world.begin(10).await;
    let outcome = world.send(&id, body(0, frames(&noise(11, 1)))).await;
    assert!(matches!(outcome, Err(UploadError::TooLong { length: 10 })));
    let announced = Body {
        announced: Some(11),
        ..body(0, frames(&noise(10, 1)))
    };
    let outcome = world.send(&id, announced).await;
    assert!(matches!(outcome, Err(UploadError::TooLong { length: 10 })));
    assert_eq!(world.catalog.upload(&id).await.unwrap().offset(), 0);
    let wrong = world.send(&id, body(3, frames(&noise(1, 1)))).await;
    assert!(matches!(wrong, Err(UploadError::WrongOffset { offset: 0 })));
}
