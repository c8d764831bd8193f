//! A source that is still being uploaded: its bytes are fetched in order as they come, into a file that
//! is always as long as what is there. Its objects may be exchanged for longer ones meanwhile, so after
//! every failure the addresses are asked for anew.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use streamgate_contract::job_api::{Assignment, SourceAccess, SourcePart};
use streamgate_contract::job_files::Order;
use streamgate_contract::plan::ByteRange;
use streamgate_contract::reasons::job;

use super::parts;
use super::pieces::pieces;
use crate::courier::halt::Halt;
use crate::courier::retry::Retry;
use crate::courier::worker::Worker;

/// Longest time in which an upload may bring nothing: pods do not wait for people who have gone.
const STALL: Duration = Duration::from_secs(60);

/// Bytes that a source which is still arriving will have.
pub(in crate::courier) fn arriving(order: &Order) -> Option<u64> {
    match order {
        Order::Plan { arriving, .. } => *arriving,
        Order::Encode { .. } => None,
    }
}

/// An upload on its way.
pub(in crate::courier) struct Arrival<'a> {
    worker: &'a Worker,
    target: Arc<File>,
    /// Bytes that are in the file.
    at: u64,
    heard: Instant,
    retry: Retry,
}

impl<'a> Arrival<'a> {
    /// Nothing of it is here yet.
    pub(in crate::courier) fn new(worker: &'a Worker, target: Arc<File>) -> Self {
        Self {
            worker,
            target,
            at: 0,
            heard: Instant::now(),
            retry: worker.retry(),
        }
    }

    /// Fetches until the upload is complete and all of it is here; says how many bytes that are.
    pub(in crate::courier) async fn follow(mut self, first: &Assignment) -> Result<u64, Halt> {
        let bytes = arriving(&first.order);
        let mut now = first.clone();
        loop {
            let SourceAccess::Parts { parts } = &now.source else {
                return Err(Halt::SourceNotFound("object of this upload".to_owned()));
            };
            self.fetch(parts).await?;
            if arriving(&now.order).is_none() && self.at >= super::total(parts) {
                return whole(self.at, bytes);
            }
            if self.heard.elapsed() >= STALL {
                return Err(abandoned());
            }
            now = self.worker.more(self.at).await?;
        }
    }

    /// Fetches what of the objects is not here, up to the first failure.
    async fn fetch(&mut self, parts: &[SourcePart]) -> Result<(), Halt> {
        let sizes: Vec<u64> = parts.iter().map(|part| part.bytes).collect();
        let new = ByteRange {
            start: self.at,
            end: super::total(parts).max(self.at),
        };
        for piece in pieces(&sizes, &[new])? {
            match parts::attempt(self.worker, &parts[piece.part], piece, &self.target).await {
                Ok(()) => self.took(piece.at + piece.range.end - piece.range.start),
                Err(miss) => return self.retry.after(miss).await,
            }
        }
        Ok(())
    }

    fn took(&mut self, at: u64) {
        self.at = at;
        self.heard = Instant::now();
        self.retry = self.worker.retry();
    }
}

fn whole(has: u64, announced: Option<u64>) -> Result<u64, Halt> {
    match announced.filter(|bytes| *bytes != has) {
        None => Ok(has),
        Some(bytes) => Err(Halt::SourceTruncated {
            has,
            wanted: bytes.saturating_sub(1),
        }),
    }
}

fn abandoned() -> Halt {
    Halt::Refused {
        reason: job::SOURCE_ABANDONED.to_owned(),
        detail: format!(
            "the upload brought nothing for {} s; it is encoded when it is complete",
            STALL.as_secs()
        ),
    }
}
