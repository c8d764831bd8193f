//! What is asked for first is there before anybody asks.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;

/// Questions to the kept library with this result.
fn asked(registry: &prometheus::Registry, result: &str) -> f64 {
    let families = registry.gather();
    let mut families = families.iter();
    let requests = families.find(|f| f.name() == "streamgate_cache_requests_total");
    let of = |metric: &&prometheus::proto::Metric| {
        metric
            .get_label()
            .iter()
            .any(|label| label.value() == result)
    };
    let counted = requests.unwrap().get_metric().iter().find(of);
    counted.unwrap().get_counter().get_value()
}

#[tokio::test]
async fn what_everybody_asks_for_is_read_before_anybody_asks() {
    let world = world().await;
    let registry = prometheus::Registry::new();
    let figures = Families::new(&registry).unwrap();
    let direct = Arc::new(Direct(world.catalog.clone()));
    let kept = KeptLibrary::new(direct, world.catalog.clone(), figures.of("metadata"));
    let parts = Parts {
        catalog: world.catalog.clone(),
        reads: Arc::new(kept),
        objects: world.objects.clone(),
        clock: world.clock.clone(),
        cursor_key: CursorKey::new([1; 32]),
    };
    let metadata = Arc::new(Metadata::new(parts, &world.config.rules, None));
    let stop = CancellationToken::new();
    let work = tokio::spawn(metadata.clone().run(stop.clone()));
    let warm = async {
        // The first page, the one content of it, the categories.
        while asked(&registry, "miss") < 3.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let warmed = tokio::time::timeout(Duration::from_secs(5), warm).await;
    assert!(warmed.is_ok(), "nothing was read");
    let page = metadata.list(None, ListOf::default(), 50, None).await;
    let contents = page.unwrap().contents;
    assert_eq!(contents.len(), 1);
    let id = &contents[0].entry.content.id;
    metadata.get(None, id).await.unwrap();
    metadata.categories().await.unwrap();
    assert_eq!(
        (asked(&registry, "miss"), asked(&registry, "hit")),
        (3.0, 3.0)
    );
    stop.cancel();
    work.await.unwrap();
}
