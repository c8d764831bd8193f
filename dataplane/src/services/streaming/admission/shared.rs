//! Streams counted over all replicas, by a store they share. It is asked when a stream begins and with
//! every lease, and told in between what is used. When it does not answer, the replica counts alone:
//! nobody is locked out by it, and nobody is unlimited.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounter, Opts, Registry};
use sha2::{Digest, Sha256};

use super::audience::{RESTS, Seat};
use super::pass::Pass;
use crate::ports::shared_streams::{Places, SharedStreams, Stream};

/// Seconds between two words of what is used.
pub const TELLS: u64 = 5;

/// The count that replicas share.
pub struct Shared {
    store: Arc<dyn SharedStreams>,
    alone: IntCounter,
}

impl Shared {
    /// The count in a store.
    ///
    /// # Errors
    /// When its metric is registered already.
    pub fn new(store: Arc<dyn SharedStreams>, registry: &Registry) -> prometheus::Result<Self> {
        let alone = Opts::new(
            "streamgate_streaming_stream_store_failures_total",
            "Questions and words to the shared store of streams that failed; the replica counts alone.",
        );
        let alone = IntCounter::with_opts(alone)?;
        registry.register(Box::new(alone.clone()))?;
        Ok(Self { store, alone })
    }

    /// What the store says; `None` when it does not answer.
    pub(super) async fn join(
        &self,
        pass: &Pass,
        seats: &[Seat],
        most: u32,
    ) -> Option<Result<(), Duration>> {
        let joined = self.store.join(&stream(pass, seats), places(most)).await;
        joined.inspect_err(|error| self.failed(error)).ok()
    }

    /// Tells of streams, and how many seconds ago each was used.
    pub(super) async fn tell(&self, used: Vec<(Arc<Pass>, Vec<Seat>, u64)>, most: u32) {
        let used = used
            .iter()
            .map(|(pass, seats, since)| (stream(pass, seats), Duration::from_secs(*since)));
        let used: Vec<_> = used.collect();
        if used.is_empty() {
            return;
        }
        if let Err(error) = self.store.used(&used, places(most)).await {
            self.failed(&error);
        }
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        self.alone.inc();
        let error = crate::ports::causes(error);
        tracing::debug!(error, "a replica counts streams alone");
    }
}

/// What was used just after a word is told with the next one, so a stream rests that much later.
fn places(most: u32) -> Places {
    Places {
        most,
        rests: Duration::from_secs(RESTS.unsigned_abs() + TELLS),
    }
}

/// The handle is a secret: the store gets a hash of it.
fn stream(pass: &Pass, seats: &[Seat]) -> Stream {
    Stream {
        id: hex::encode(&Sha256::digest(pass.handle.as_bytes())[..16]),
        seats: seats.iter().map(Seat::name).collect(),
    }
}
