//! The history of alerts on its way to the catalog: a bounded queue, so that a catalog that is away
//! delays no evaluation and costs bounded memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ports::catalog::CatalogError;
use crate::ports::catalog::alarms::{Alarms, AlertChange};

/// Changes that wait at most; the oldest go first.
const WAITING: usize = 10_000;
/// Changes that are kept at most.
pub const KEPT: u32 = 10_000;

/// Changes that wait.
#[derive(Default)]
pub struct History(Mutex<VecDeque<AlertChange>>);

impl History {
    /// Takes a change; never waits.
    pub fn note(&self, change: AlertChange) {
        let mut waiting = self.waiting();
        if waiting.len() >= WAITING {
            waiting.pop_front();
        }
        waiting.push_back(change);
    }

    /// Keeps what waits; what was not kept goes on waiting.
    ///
    /// # Errors
    /// When the catalog does not take it.
    pub async fn keep(&self, alarms: &dyn Alarms) -> Result<(), CatalogError> {
        let changes: Vec<AlertChange> = self.waiting().drain(..).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let kept = alarms.add_changes(&changes, KEPT).await;
        if kept.is_err() {
            let mut waiting = self.waiting();
            for change in changes.into_iter().rev() {
                if waiting.len() < WAITING {
                    waiting.push_front(change);
                }
            }
        }
        kept
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<AlertChange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
