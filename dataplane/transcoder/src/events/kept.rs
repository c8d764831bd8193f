//! What is made ahead of the plan: finished, but with names that the courier takes for unfinished, and told
//! to nobody, until it is adopted or forgotten.

use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use streamgate_contract::job_files::{self, Event};

use super::{Log, Outbox};
use crate::error::EngineError;
use crate::seal::Seal;

impl Outbox {
    /// An outbox in the same folder that keeps what it is given, unfinished in the eyes of the courier,
    /// until [`Outbox::adopt`] or [`Outbox::forget`].
    pub fn apart(&self) -> Self {
        let kept = Log::Kept(Mutex::default());
        Self::new(self.out.clone(), kept, self.committed.clone())
            .sealed(self.seal.as_ref().map(Seal::anew))
    }

    /// Lets go what `other` has kept so far.
    pub fn adopt(&self, other: &Outbox) -> Result<(), EngineError> {
        for counts in [
            (&self.of, &other.of),
            (&self.frames, &other.frames),
            (&self.skipped, &other.skipped),
        ] {
            counts
                .0
                .store(counts.1.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for event in other.kept() {
            if let Event::Segment { track, number, .. } = &event {
                self.room()?;
                self.finish(&job_files::segment_name(track, *number))?;
            }
            self.event(&event)?;
        }
        Ok(())
    }

    /// Removes what was kept: it is not what is wanted.
    pub fn forget(&self) {
        for event in self.kept() {
            if let Event::Segment { track, number, .. } = event {
                // One that stays is overwritten by the one that is wanted, or ignored.
                drop(fs::remove_file(
                    self.part(&job_files::segment_name(&track, number)),
                ));
            }
        }
    }

    fn kept(&self) -> Vec<Event> {
        match &self.events {
            Log::File(_) => Vec::new(),
            Log::Kept(events) => {
                std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }
}
