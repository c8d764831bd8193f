//! One writer per upload, and a way to take its turn: a client whose old connection is half dead must
//! not wait until that connection is noticed to be dead.
//!
//! Within this process a writer is asked through memory. Among replicas the turn has a number and a
//! holder in the catalog: who wants it asks there, the holder looks there now and then, and one that
//! does not leave in time is passed over. The number is a fence: the catalog takes no part of an
//! earlier turn, whenever it comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use streamgate_contract::UploadId;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio_util::task::AbortOnDropHandle;

use super::error::UploadError;
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::uploads::{Release, Uploads};

/// Longest wait for a writer of this process that was asked to stop: it may be storing a part.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for a writer of another process, which may be dead.
const FAR_PATIENCE: Duration = Duration::from_secs(2);
/// Time between two looks of one who waits.
const WAIT_LOOK: Duration = Duration::from_millis(50);
/// Time between two looks of the holder.
const HOLDER_LOOK: Duration = Duration::from_millis(250);

/// Who writes to which upload.
pub struct Turns {
    slots: Mutex<HashMap<UploadId, Arc<Slot>>>,
    uploads: Arc<dyn Uploads>,
    /// This process, among those that share the catalog.
    holder: String,
    patience: Duration,
}

struct Slot {
    turn: Arc<tokio::sync::Mutex<()>>,
    asked: watch::Sender<Option<Release>>,
}

impl Turns {
    /// Nobody of this process writes yet.
    pub fn new(uploads: Arc<dyn Uploads>) -> Self {
        Self {
            slots: Mutex::default(),
            uploads,
            holder: format!("{:032x}", rand::random::<u128>()),
            patience: PATIENCE,
        }
    }

    /// Asks the present writer to stop and takes its place.
    ///
    /// # Errors
    /// When it does not stop, the upload is no longer in work, or the catalog fails.
    pub async fn take(
        self: &Arc<Self>,
        id: &UploadId,
        release: Release,
    ) -> Result<Turn, UploadError> {
        let (seat, held) = self.lock(id, release).await.ok_or(UploadError::Busy)?;
        let number = self.number(id, release).await?;
        Ok(Turn {
            asked: seat.slot.asked.subscribe(),
            number,
            watcher: AbortOnDropHandle::new(tokio::spawn(watch(
                self.uploads.clone(),
                id.clone(),
                number,
                seat.slot.asked.clone(),
            ))),
            seat,
            _held: held,
        })
    }

    /// Asks the present writer to store what it has and to stop; where the upload stands then is true
    /// until somebody writes anew.
    ///
    /// # Errors
    /// When it does not stop, or the catalog fails.
    pub async fn settle(self: &Arc<Self>, id: &UploadId) -> Result<(), UploadError> {
        let held = self.lock(id, Release::Keep).await;
        let _held = held.ok_or(UploadError::Busy)?;
        let state = self.uploads.turn(id).await?;
        let holder = state.and_then(|state| state.holder);
        if holder.is_some_and(|holder| holder != self.holder) {
            let number = self.number(id, Release::Keep).await?;
            self.uploads.leave_turn(id, number).await?;
        }
        Ok(())
    }

    /// The turn within this process.
    async fn lock(
        self: &Arc<Self>,
        id: &UploadId,
        release: Release,
    ) -> Option<(Seat, OwnedMutexGuard<()>)> {
        let seat = self.sit(id);
        seat.slot.asked.send_replace(Some(release));
        let turn = seat.slot.turn.clone().lock_owned();
        let held = tokio::time::timeout(self.patience, turn).await.ok()?;
        // What was asked of the one before is not asked of us.
        seat.slot.asked.send_replace(None);
        Some((seat, held))
    }

    /// The turn among processes.
    async fn number(&self, id: &UploadId, release: Release) -> Result<u64, UploadError> {
        let until = Instant::now() + FAR_PATIENCE;
        let mut over = None;
        loop {
            let taken = self.uploads.take_turn(id, &self.holder, over).await;
            match taken {
                Ok(Some(number)) => return Ok(number),
                Ok(None) => {}
                Err(CatalogError::Conflict { .. }) => return Err(UploadError::Complete),
                Err(error) => return Err(error.into()),
            }
            let state = self.uploads.turn(id).await?;
            let state = state.ok_or(UploadError::Complete)?;
            if state.holder.is_some() && state.asked.is_none() {
                self.uploads.ask_turn(id, state.number, release).await?;
            }
            match Instant::now() < until {
                true => tokio::time::sleep(WAIT_LOOK).await,
                false => over = Some(state.number),
            }
        }
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

/// Tells the writer what others ask of it, and when its turn is over.
async fn watch(
    uploads: Arc<dyn Uploads>,
    id: UploadId,
    number: u64,
    asked: watch::Sender<Option<Release>>,
) {
    loop {
        tokio::time::sleep(HOLDER_LOOK).await;
        let release = match uploads.turn(&id).await {
            Ok(Some(state)) if state.number == number => state.asked,
            Ok(_) => Some(Release::Forget),
            // Whoever takes the turn meanwhile is protected by its number.
            Err(_) => None,
        };
        if release.is_some() {
            asked.send_replace(release);
            return;
        }
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
    number: u64,
    watcher: AbortOnDropHandle<()>,
    seat: Seat,
    _held: OwnedMutexGuard<()>,
}

impl Turn {
    /// Its number in the catalog.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Waits until somebody asks for the turn.
    pub async fn asked(&mut self) -> Release {
        let asked = self.asked.wait_for(Option::is_some).await;
        // The sender lives as long as the seat in this very turn.
        asked.ok().and_then(|asked| *asked).unwrap_or(Release::Keep)
    }

    /// Leaves it to whoever comes next.
    pub async fn leave(self) {
        self.watcher.abort();
        let left = self
            .seat
            .turns
            .uploads
            .leave_turn(&self.seat.id, self.number);
        if let Err(error) = left.await {
            // Somebody on another replica waits a little, then passes us over.
            tracing::warn!(upload = %self.seat.id, %error, "a turn was not left");
        }
    }
}

#[cfg(test)]
mod tests;
