//! Looks at the log of changes, one look for all who wait: nobody is told what was true before a
//! change that was committed before they asked.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::ports::Source;
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::changes::{Change, Changes};

/// Longest wait for a look.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long what is kept is told on while nobody can look: without the catalog nothing is changed by
/// way of this replica either.
const BLIND: Duration = Duration::from_secs(60);
/// Changes are remembered in the catalog for longer than this.
const MEMORY: Duration = Duration::from_secs(30 * 60);

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing that was not known.
    Nothing,
    /// These tags.
    Tags(Vec<String>),
    /// So much that nothing may be kept.
    Everything,
}

/// The state of looking.
#[derive(Default)]
struct Looks {
    /// Number of the last look that ended.
    done: u64,
    /// Where the next one begins.
    until: Option<i64>,
    /// Changes of the last one: they may be told again.
    told: HashSet<i64>,
    /// When one last succeeded.
    succeeded: Option<Instant>,
    /// Did the last one fail?
    failed: bool,
}

/// Follows the log.
pub struct Follower {
    log: Arc<dyn Changes>,
    begun: AtomicU64,
    looks: Mutex<Looks>,
}

impl Follower {
    /// Of this log.
    pub fn new(log: Arc<dyn Changes>) -> Self {
        Self {
            log,
            begun: AtomicU64::new(0),
            looks: Mutex::default(),
        }
    }

    /// Makes sure that what was committed before this call has been given to `end`.
    ///
    /// # Errors
    /// When nobody could look for too long.
    pub async fn catch_up(&self, end: impl FnOnce(Seen)) -> Result<(), CatalogError> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut looks = self.looks.lock().await;
        // One that began after this was asked for has seen what there is to see.
        if looks.done <= before {
            let this = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let seen = self.look(&mut looks).await;
            looks.failed = seen.is_err();
            match seen {
                Ok(Seen::Nothing) => {}
                Ok(seen) => end(seen),
                Err(error) => tracing::warn!(error, "changes of the library cannot be looked for"),
            }
            looks.done = this;
        }
        let lately = |when: Instant| when.elapsed() < BLIND;
        match looks.failed && !looks.succeeded.is_some_and(lately) {
            true => Err(CatalogError::Unavailable {
                action: "look for changes",
                source: "no look has succeeded for too long".into(),
            }),
            false => Ok(()),
        }
    }

    async fn look(&self, looks: &mut Looks) -> Result<Seen, Source> {
        let began = Instant::now();
        let news = tokio::time::timeout(PATIENCE, self.log.changed_since(looks.until));
        let news = news.await??;
        let asleep = looks.succeeded.is_some_and(|at| at.elapsed() > MEMORY);
        looks.succeeded = Some(began);
        looks.until = Some(news.until);
        let Some(changes) = news.changes.filter(|_| !asleep) else {
            looks.told.clear();
            return Ok(Seen::Everything);
        };
        let told = changes.iter().map(|change| change.place).collect();
        let before = std::mem::replace(&mut looks.told, told);
        let new = |change: &Change| !before.contains(&change.place);
        let tags: Vec<_> = changes.into_iter().filter(new).map(|c| c.tag).collect();
        Ok(match tags.is_empty() {
            true => Seen::Nothing,
            false => Seen::Tags(tags),
        })
    }
}
