//! One writer per upload within this process, and a way to take its turn: a client whose old
//! connection is half dead must not wait until that connection is noticed to be dead. Between
//! processes the catalog decides, which takes a part only at the place it expects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streamgate_contract::UploadId;
use tokio::sync::{OwnedMutexGuard, watch};

/// What a writer that is asked to stop does with bytes it has not stored yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Store them: the next request asks where to go on.
    Keep,
    /// Forget them: the next request sends them again.
    Forget,
}

/// Who writes to which upload.
pub struct Turns {
    slots: Mutex<HashMap<UploadId, Arc<Slot>>>,
    patience: Duration,
}

struct Slot {
    turn: Arc<tokio::sync::Mutex<()>>,
    asked: watch::Sender<Option<Release>>,
}

impl Turns {
    /// Nobody writes yet; a writer that was asked to stop gets `patience` to do so.
    pub fn new(patience: Duration) -> Self {
        Self {
            slots: Mutex::default(),
            patience,
        }
    }

    /// Asks the present writer to stop and takes its place; `None` when it does not stop.
    pub async fn take(self: &Arc<Self>, id: &UploadId, release: Release) -> Option<Turn> {
        let seat = self.sit(id);
        seat.slot.asked.send_replace(Some(release));
        let turn = seat.slot.turn.clone().lock_owned();
        let held = tokio::time::timeout(self.patience, turn).await.ok()?;
        // What was asked of the one before is not asked of us.
        seat.slot.asked.send_replace(None);
        let asked = seat.slot.asked.subscribe();
        Some(Turn {
            asked,
            _held: held,
            _seat: seat,
        })
    }

    fn sit(self: &Arc<Self>, id: &UploadId) -> Seat {
        let vacant = || {
            Arc::new(Slot {
                turn: Arc::default(),
                asked: watch::Sender::new(None),
            })
        };
        let slot = self
            .slots()
            .entry(id.clone())
            .or_insert_with(vacant)
            .clone();
        Seat {
            turns: self.clone(),
            id: id.clone(),
            slot,
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Slot>>> {
        // The map is whole after every operation on it, a panic elsewhere does not change that.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who writes or waits; the last one to leave removes the slot.
struct Seat {
    turns: Arc<Turns>,
    id: UploadId,
    slot: Arc<Slot>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut slots = self.turns.slots();
        // The map and this seat: nobody else.
        if Arc::strong_count(&self.slot) == 2 {
            slots.remove(&self.id);
        }
    }
}

/// The right to write to an upload.
pub struct Turn {
    asked: watch::Receiver<Option<Release>>,
    _held: OwnedMutexGuard<()>,
    _seat: Seat,
}

impl Turn {
    /// Waits until somebody asks for the turn.
    pub async fn asked(&mut self) -> Release {
        let asked = self.asked.wait_for(Option::is_some).await;
        // The sender lives as long as the seat in this very turn.
        asked.ok().and_then(|asked| *asked).unwrap_or(Release::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> UploadId {
        "u1".parse().unwrap()
    }

    fn turns(milliseconds: u64) -> Arc<Turns> {
        Arc::new(Turns::new(Duration::from_millis(milliseconds)))
    }

    #[tokio::test]
    async fn a_writer_is_asked_and_gives_way() {
        let turns = turns(10_000);
        let mut first = turns.take(&id(), Release::Forget).await.unwrap();
        let writer = tokio::spawn(async move { first.asked().await });
        assert!(turns.take(&id(), Release::Forget).await.is_some());
        assert_eq!(writer.await.unwrap(), Release::Forget);
        assert!(turns.slots().is_empty());
    }

    #[tokio::test]
    async fn a_writer_that_does_not_stop_keeps_its_turn() {
        let turns = turns(50);
        let first = turns.take(&id(), Release::Forget).await.unwrap();
        assert!(turns.take(&id(), Release::Keep).await.is_none());
        assert_eq!(turns.slots().len(), 1);
        drop(first);
        assert!(turns.slots().is_empty());
    }

    #[tokio::test]
    async fn uploads_do_not_wait_for_each_other() {
        let turns = turns(50);
        let _first = turns.take(&id(), Release::Keep).await.unwrap();
        let other = "u2".parse().unwrap();
        assert!(turns.take(&other, Release::Keep).await.is_some());
    }
}
