//! What one wallet may have here, and how fast it may send.

use std::time::Instant;

use super::*;

async fn held_to(limits: UploadLimits) -> World {
    let mut world = world().await;
    let (objects, uploads) = (world.store.clone(), world.catalog.clone());
    let registry = prometheus::Registry::new();
    let settings = Settings {
        limits,
        ..world.service.settings.clone()
    };
    let clock = world.clock.clone();
    let service = UploadService::new(objects, uploads, clock, settings, &registry);
    world.service = Arc::new(service.unwrap());
    world
}

impl World {
    async fn asked(&self, who: u8, length: Option<u64>) -> Result<UploadId, UploadError> {
        let asked = Creation {
            kind: UploadKind::Whole,
            length,
            metadata: Metadata::default(),
        };
        let created = self.service.create(creator(who), asked).await;
        created.map(|status| status.upload.id)
    }
}

#[tokio::test]
async fn announced_and_stored_bytes_count_until_they_are_removed() {
    let world = held_to(UploadLimits {
        bytes_per_wallet: Some(1_000),
        ..UploadLimits::default()
    })
    .await;
    let first = world.asked(1, Some(600)).await.unwrap();
    let second = world.asked(1, Some(401)).await;
    assert!(
        matches!(second, Err(UploadError::Quota { limit: 1_000 })),
        "{second:?}"
    );
    assert!(
        world.asked(2, Some(1_000)).await.is_ok(),
        "another wallet's"
    );
    world
        .send(&first, body(0, frames(&noise(600, 1))))
        .await
        .unwrap();
    assert!(
        world.asked(1, Some(401)).await.is_err(),
        "a content's bytes count too"
    );
    // Of an unknown length, as much as is left.
    let open = world.asked(1, None).await.unwrap();
    let long = world.send(&open, body(0, frames(&noise(401, 1)))).await;
    assert!(
        matches!(long, Err(UploadError::Quota { limit: 400 })),
        "{long:?}"
    );
    world
        .send(&open, body(0, frames(&noise(300, 1))))
        .await
        .unwrap();
    let told = Body {
        length: Some(401),
        ..body(300, stream::empty().boxed())
    };
    let told = world.send(&open, told).await;
    assert!(matches!(told, Err(UploadError::Quota { .. })), "{told:?}");
    world.service.terminate(creator(1), &open).await.unwrap();
    assert!(world.asked(1, Some(400)).await.is_ok());
}

#[tokio::test]
async fn so_many_uploads_are_in_work_at_once_even_when_all_come_together() {
    let world = held_to(UploadLimits {
        open_per_wallet: 5,
        ..UploadLimits::default()
    })
    .await;
    let asked = (0..20).map(|_| world.asked(1, Some(10)));
    let outcomes = futures::future::join_all(asked).await;
    let granted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(granted <= 5, "{granted}");
    let refused = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(refused, UploadError::TooManyOpen { limit: 5 }));
    let unfinished = world.catalog.unfinished_uploads().await.unwrap();
    assert_eq!(unfinished.len(), granted);
    for _ in granted..5 {
        world.asked(1, Some(10)).await.unwrap();
    }
    assert!(world.asked(1, Some(10)).await.is_err());
}

#[tokio::test]
async fn a_wallet_sends_as_fast_as_it_may_over_all_its_uploads() {
    let world = held_to(UploadLimits {
        bytes_per_second: Some(1_000_000),
        ..UploadLimits::default()
    })
    .await;
    let began = Instant::now();
    let send = async |seed| {
        let id = world.begin(2_500_000).await;
        let status = world
            .send(&id, body(0, frames(&noise(2_500_000, seed))))
            .await;
        assert!(status.unwrap().upload.content.is_some());
    };
    futures::future::join(send(1), send(2)).await;
    // Four seconds' worth go at once.
    let seconds = began.elapsed().as_secs_f64();
    assert!((0.9..3.0).contains(&seconds), "{seconds}");
}
