//! The newest records of an audit log, in memory beside it: a bounded ring, without the bodies that a
//! record may carry. What is older, or from before a restart, the log itself has.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::ports::audit_log::{
    AuditError, AuditLog, EventsOf, Receipt, RecentEvents, Record, Remembered,
};

/// Records that are remembered.
const REMEMBERED: usize = 1_000;
/// Details that are remembered; others may be bodies.
const DETAILS: [&str; 3] = ["requestId", "level", "hits"];

/// A log that remembers what was written last.
pub struct RecentLog {
    log: Arc<dyn AuditLog>,
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    records: VecDeque<Remembered>,
    last: i64,
}

impl RecentLog {
    /// Remembers what is written to `log`.
    pub fn new(log: Arc<dyn AuditLog>) -> Self {
        Self {
            log,
            ring: Mutex::default(),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, record: &Record) {
        let mut record = record.clone();
        record
            .details
            .retain(|name, _| DETAILS.contains(&name.as_str()));
        let mut ring = self.ring();
        ring.last += 1;
        let place = ring.last;
        if ring.records.len() >= REMEMBERED {
            ring.records.pop_front();
        }
        ring.records.push_back(Remembered { place, record });
    }
}

#[async_trait]
impl AuditLog for RecentLog {
    async fn append(&self, record: &Record) -> Result<Receipt, AuditError> {
        let receipt = self.log.append(record).await?;
        self.remember(record);
        Ok(receipt)
    }

    fn enqueue(&self, record: &Record) -> Result<(), AuditError> {
        self.log.enqueue(record)?;
        self.remember(record);
        Ok(())
    }
}

impl RecentEvents for RecentLog {
    fn recent(&self, of: EventsOf) -> Vec<Remembered> {
        let ring = self.ring();
        let newest = ring.records.iter().rev();
        let before = newest.filter(|r| of.before.is_none_or(|before| r.place < before));
        let wanted = before.filter(|r| of.kind.is_none_or(|kind| r.record.kind == kind));
        wanted.take(of.limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::audit_log::{Actor, EventKind, Outcome, Stage};
    use serde_json::json;

    /// Takes everything but what is done to `full`.
    struct Log;

    #[async_trait]
    impl AuditLog for Log {
        async fn append(&self, record: &Record) -> Result<Receipt, AuditError> {
            self.enqueue(record).map(|()| Receipt { sequence: 1 })
        }

        fn enqueue(&self, record: &Record) -> Result<(), AuditError> {
            match record.resource.as_str() {
                "full" => Err(AuditError::Overflow),
                _ => Ok(()),
            }
        }
    }

    fn record(resource: &str, kind: EventKind) -> Record {
        let details = json!({"requestId": "r", "request": {"secret": "s"}});
        Record {
            id: "i".into(),
            time: "t".into(),
            stage: Stage::ResponseStarted,
            kind,
            actor: Actor::default(),
            action: "GET".into(),
            resource: resource.into(),
            result: Outcome::default(),
            details: details.as_object().unwrap().clone(),
        }
    }

    fn resources(log: &RecentLog, of: EventsOf) -> Vec<String> {
        let found = log.recent(of).into_iter();
        found.map(|remembered| remembered.record.resource).collect()
    }

    #[tokio::test]
    async fn the_newest_records_are_remembered_without_bodies_and_lost_ones_are_not() {
        let log = RecentLog::new(Arc::new(Log));
        log.enqueue(&record("a", EventKind::Read)).unwrap();
        log.append(&record("b", EventKind::Write)).await.unwrap();
        assert!(log.enqueue(&record("full", EventKind::Read)).is_err());
        let of = EventsOf {
            limit: 9,
            ..EventsOf::default()
        };
        assert_eq!(resources(&log, of), ["b", "a"]);
        let kept = log.recent(of)[0].record.details.clone();
        assert_eq!(kept, *json!({"requestId": "r"}).as_object().unwrap());
        let writes = EventsOf {
            kind: Some(EventKind::Write),
            ..of
        };
        assert_eq!(resources(&log, writes), ["b"]);
        let older = EventsOf {
            before: Some(2),
            ..of
        };
        assert_eq!(resources(&log, older), ["a"]);
        assert_eq!(resources(&log, EventsOf { limit: 1, ..of }), ["b"]);
        for n in 0..REMEMBERED {
            log.enqueue(&record(&n.to_string(), EventKind::Read))
                .unwrap();
        }
        let all = EventsOf { limit: 9_999, ..of };
        let all = resources(&log, all);
        assert_eq!((all.len(), all.last().unwrap().as_str()), (REMEMBERED, "0"));
    }
}
