//! Tests of the whole role on stand-ins: a policy from pending to resolved, and restarts between.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use prometheus::Registry;
use serde_json::json;
use streamgate_crds::alert_policy::AlertState;

use super::*;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::ports::Source;
use crate::ports::clock::manual::ManualClock;
use crate::ports::notices::{Notice, NoticeError};
use crate::ports::policies::memory::MemoryPolicies;
use crate::ports::scrape::{
    Exposition, Family, GateError, JobFigures, METRIC_NAME, ScrapeError, Shown,
};

mod api;
mod grafana;

/// Everything outside of the monitor.
#[derive(Default)]
struct World {
    depth: AtomicI64,
    /// Series beside the one there always is.
    more: AtomicU64,
    told: std::sync::Mutex<Vec<String>>,
    refusals: AtomicU64,
}

#[async_trait]
impl Gate for World {
    async fn targets(&self) -> Result<Vec<Target>, GateError> {
        Ok(vec![Target {
            pod: "a".into(),
            job: "all".into(),
            instance: "a:9090".into(),
        }])
    }

    async fn jobs(&self) -> Result<JobFigures, GateError> {
        Ok(JobFigures::default())
    }
}

#[async_trait]
impl Scraper for World {
    async fn scrape(&self, _: &Target) -> Result<Exposition, ScrapeError> {
        let value = self.depth.load(Ordering::SeqCst) as f64;
        let shown = |n: u64| {
            // An empty label is none.
            let n = match n {
                0 => String::new(),
                n => n.to_string(),
            };
            let labels = [(METRIC_NAME, "depth"), ("n", &n)].into_iter().collect();
            Shown {
                labels,
                value,
                timestamp: None,
            }
        };
        let gauge = Family {
            kind: "gauge".into(),
            help: "How deep.".into(),
        };
        let samples = (0..=self.more.load(Ordering::SeqCst)).map(shown);
        Ok(Exposition {
            samples: samples.collect(),
            malformed: 0,
            families: [("depth".to_owned(), gauge)].into(),
        })
    }
}

#[async_trait]
impl Webhooks for World {
    async fn post(&self, _: &str, notice: &Notice) -> Result<(), NoticeError> {
        let left = self.refusals.load(Ordering::SeqCst);
        if left > 0 {
            self.refusals.store(left - 1, Ordering::SeqCst);
            return Err(NoticeError::Busy(503));
        }
        let text = format!("{:?} {}", notice.status, notice.rule);
        self.told.lock().unwrap().push(text);
        Ok(())
    }
}

#[async_trait]
impl Events for World {
    async fn record(&self, _: &Policy, _: &Notice) -> Result<(), Source> {
        Ok(())
    }
}

struct Story {
    world: Arc<World>,
    policies: Arc<MemoryPolicies>,
    clock: Arc<ManualClock>,
    catalog: Arc<Sqlite3Catalog>,
    monitor: Arc<Monitor>,
    _folder: tempfile::TempDir,
}

impl Story {
    async fn begin() -> Self {
        let policies = Arc::new(MemoryPolicies::default());
        let spec = json!({
            "streamGateRef": {"name": "g"},
            "rules": [{"name": "Deep", "expr": "depth > 5", "for": "30s"}],
            "handlers": [{"name": "pager", "webhook": {"url": "http://pager/secret"}}],
        });
        policies.put(Policy {
            uid: "u".into(),
            namespace: "n".into(),
            name: "p".into(),
            version: "1".into(),
            spec: Arc::new(serde_json::from_value(spec).unwrap()),
            ready: true,
            evaluation: None,
        });
        let (world, clock) = (Arc::new(World::default()), Arc::new(ManualClock::at(1_000)));
        let folder = tempfile::tempdir().unwrap();
        let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await;
        let catalog = Arc::new(catalog.unwrap());
        let monitor = monitor(&world, &policies, &clock, &catalog);
        Self {
            world,
            policies,
            clock,
            catalog,
            monitor,
            _folder: folder,
        }
    }

    /// `seconds` pass at this depth, in steps of 15.
    async fn pass(&self, depth: i64, seconds: i64) {
        self.world.depth.store(depth, Ordering::SeqCst);
        for _ in 0..seconds / 15 {
            self.clock.advance(15);
            self.monitor.scrape().await;
            self.monitor.look().await;
            self.monitor.evaluate().await;
            self.monitor.keep().await;
        }
    }

    /// The monitor is gone, and a new one begins.
    async fn restart(&mut self) {
        self.monitor.deliveries.end(GRACE).await;
        self.monitor = monitor(&self.world, &self.policies, &self.clock, &self.catalog);
    }

    async fn told(&mut self) -> Vec<String> {
        self.restart().await;
        self.world.told.lock().unwrap().clone()
    }

    fn state(&self) -> Option<AlertState> {
        let writes = self.policies.writes.lock().unwrap();
        writes.last().and_then(|e| e.rules.first()).map(|r| r.state)
    }
}

fn monitor(
    world: &Arc<World>,
    policies: &Arc<MemoryPolicies>,
    clock: &Arc<ManualClock>,
    catalog: &Arc<Sqlite3Catalog>,
) -> Arc<Monitor> {
    let parts = Parts {
        policies: policies.clone(),
        gate: world.clone(),
        scraper: world.clone(),
        webhooks: world.clone(),
        events: world.clone(),
        alarms: catalog.clone(),
        cursor_key: CursorKey::new([9; 32]),
        clock: clock.clone(),
        bounds: Bounds::default(),
        scrape_interval: SCRAPE_INTERVAL,
    };
    Arc::new(Monitor::new(parts, &Registry::new()).unwrap())
}

#[tokio::test]
async fn an_alert_goes_pending_firing_resolved_and_is_told_once_each() {
    let mut story = Story::begin().await;
    story.pass(9, 15).await;
    assert_eq!(story.state(), Some(AlertState::Pending));
    story.pass(9, 90).await;
    assert_eq!(story.state(), Some(AlertState::Firing));
    story.pass(1, 60).await;
    assert_eq!(story.state(), None);
    assert_eq!(story.told().await, ["Firing Deep", "Resolved Deep"]);
}

#[tokio::test]
async fn restarts_at_every_step_change_nothing_of_what_is_told() {
    let mut story = Story::begin().await;
    for (depth, seconds) in [
        (9, 15),
        (9, 15),
        (9, 30),
        (9, 30),
        (1, 15),
        (1, 30),
        (1, 15),
    ] {
        story.pass(depth, seconds).await;
        story.restart().await;
    }
    assert_eq!(story.told().await, ["Firing Deep", "Resolved Deep"]);
}

#[tokio::test]
async fn what_is_not_written_is_not_told_but_later() {
    let mut story = Story::begin().await;
    story.pass(9, 30).await;
    story.policies.broken.store(true, Ordering::SeqCst);
    story.pass(9, 60).await;
    assert!(story.world.told.lock().unwrap().is_empty());
    story.policies.broken.store(false, Ordering::SeqCst);
    story.pass(9, 30).await;
    assert_eq!(story.told().await, ["Firing Deep"]);
}

#[tokio::test]
async fn an_unchanged_status_is_written_every_five_minutes_only() {
    let story = Story::begin().await;
    story.pass(1, 900).await;
    let writes = story.policies.writes.lock().unwrap().len();
    assert!((3..=4).contains(&writes), "{writes}");
}

#[tokio::test]
async fn a_policy_that_is_not_ready_is_neither_evaluated_nor_written() {
    let story = Story::begin().await;
    let mut policy = story.policies.all().unwrap().remove(0);
    policy.ready = false;
    story.policies.put(policy);
    story.pass(9, 120).await;
    assert!(story.policies.writes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_busy_receiver_is_tried_again_and_the_status_says_so() {
    let mut story = Story::begin().await;
    story.world.refusals.store(1, Ordering::SeqCst);
    story.pass(9, 60).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    story.pass(9, 15).await;
    let handler = |story: &Story| {
        let writes = story.policies.writes.lock().unwrap();
        writes.last().unwrap().handlers[0].clone()
    };
    let error = handler(&story).error.unwrap();
    assert!(
        error.contains("503") && !error.contains("secret"),
        "{error}"
    );
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    story.pass(9, 15).await;
    assert_eq!(handler(&story).error, None);
    assert!(handler(&story).last_success.is_some());
    assert_eq!(story.told().await, ["Firing Deep"]);
}
