//! Tests of the store: staleness and bounds.

use streamgate_crds::alert_expression::{Expression, compile};

use super::*;
use crate::ports::scrape::Shown;

fn target(pod: &str) -> Target {
    Target {
        pod: pod.into(),
        job: "all".into(),
        instance: format!("{pod}:9090"),
    }
}

fn shows(values: &[(&str, f64)]) -> Option<Exposition> {
    let shown = |(name, value): &(&str, f64)| Shown {
        labels: [(METRIC_NAME, *name)].into_iter().collect(),
        value: *value,
        timestamp: None,
    };
    Some(Exposition {
        samples: values.iter().map(shown).collect(),
        malformed: 0,
        families: BTreeMap::default(),
    })
}

fn last(store: &Store, name: &str) -> Vec<Option<f64>> {
    let Expression::Select(selector) = compile(name).unwrap() else {
        panic!("no selector")
    };
    let found = store.select(&selector);
    found
        .map(|(_, points)| points.back().unwrap().value)
        .collect()
}

#[test]
fn a_series_that_a_target_shows_no_more_has_ended() {
    let mut store = Store::new(Bounds::default());
    store.take(&target("a"), shows(&[("x", 1.0), ("y", 2.0)]), 1_000);
    store.take(&target("a"), shows(&[("y", 3.0)]), 2_000);
    assert_eq!(last(&store, "x"), [None]);
    assert_eq!(last(&store, "y"), [Some(3.0)]);
    assert_eq!(last(&store, "up"), [Some(1.0)]);
}

#[test]
fn a_series_of_the_gate_goes_on_when_another_pod_takes_over() {
    let name = "streamgate_transcode_job_failed_spans";
    let mut store = Store::new(Bounds::default());
    store.take(&target("old"), shows(&[(name, 1.0)]), 1_000);
    store.take(&target("new"), shows(&[(name, 1.0)]), 2_000);
    store.keep_targets(&[target("new")], 3_000);
    assert_eq!(last(&store, name), [Some(1.0)]);
    store.keep_targets(&[], 4_000);
    assert_eq!(last(&store, name), [None]);
}

#[test]
fn a_target_that_fails_is_down_and_its_series_end() {
    let mut store = Store::new(Bounds::default());
    store.take(&target("a"), shows(&[("x", 1.0)]), 1_000);
    store.take(&target("a"), None, 2_000);
    assert_eq!(last(&store, "x"), [None]);
    assert_eq!(last(&store, "up"), [Some(0.0)]);
}

#[test]
fn a_target_that_is_gone_ends_all_its_series() {
    let mut store = Store::new(Bounds::default());
    store.take(&target("a"), shows(&[("x", 1.0)]), 1_000);
    store.keep_targets(&[target("b")], 2_000);
    assert_eq!(last(&store, "x"), [None]);
    assert_eq!(last(&store, "up"), [None]);
}

#[test]
fn labels_of_the_target_win_and_its_own_are_kept_aside() {
    let shown = [("job", "inner"), ("code", "200")].into_iter().collect();
    let labels = with_target(&shown, &target("a"));
    assert_eq!(labels.get("job"), "all");
    assert_eq!(labels.get("exported_job"), "inner");
    assert_eq!(labels.get("code"), "200");
}

#[test]
fn series_beyond_the_bound_are_dropped_and_counted() {
    let bounds = Bounds {
        series: 2,
        samples: 100,
    };
    let mut store = Store::new(bounds);
    store.take(
        &target("a"),
        shows(&[("x", 1.0), ("y", 1.0), ("z", 1.0)]),
        1_000,
    );
    assert_eq!(store.series(), 2);
    assert_eq!(store.dropped(), 2);
}

#[test]
fn too_many_samples_cost_the_oldest() {
    let bounds = Bounds {
        series: 10,
        samples: 20,
    };
    let mut store = Store::new(bounds);
    for second in 0..40 {
        store.take(&target("a"), shows(&[("x", 1.0)]), second * 1_000);
    }
    store.prune(40_000, 40_000);
    assert!(store.points <= 20, "{}", store.points);
    assert!(store.dropped() >= 60);
    assert_eq!(last(&store, "x"), [Some(1.0)]);
}

#[test]
fn what_is_too_old_is_forgotten_with_its_series_and_room_is_used_again() {
    let mut store = Store::new(Bounds::default());
    store.take(&target("a"), shows(&[("x", 1.0)]), 1_000);
    store.keep_targets(&[], 2_000);
    store.prune(3_600_000, 4_000_000);
    assert_eq!((store.series(), store.points), (0, 0));
    store.take(&target("b"), shows(&[("z", 5.0)]), 4_000_000);
    assert_eq!(last(&store, "z"), [Some(5.0)]);
    assert!(last(&store, "x").is_empty());
    assert_eq!(store.dropped(), 0);
}
