//! A source that is objects of the store: ranges of them over HTTP, a few at a time. Addresses
//! expire; then the assignment is asked for anew, once for everybody.

use std::fs::File;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Response;
use streamgate_contract::job_api::{SourceAccess, SourcePart};
use streamgate_contract::plan::ByteRange;
use tokio::sync::Mutex;

use super::pieces::{Piece, pieces};
use crate::courier::halt::Halt;
use crate::courier::retry::Miss;
use crate::courier::worker::{Worker, unanswered};

/// Requests at once.
const PARALLEL: usize = 4;
/// Bytes gathered before they are written.
const GATHER: usize = 1 << 20;
/// Answers that an object is not there before that is believed.
const GONE: u32 = 3;

/// Fetches `wanted` of the objects into `target`.
pub(super) async fn fetch(
    parts: &[SourcePart],
    wanted: &[ByteRange],
    worker: &Worker,
    target: &Arc<File>,
) -> Result<(), Halt> {
    let sizes: Vec<u64> = parts.iter().map(|p| p.bytes).collect();
    let pieces = pieces(&sizes, wanted)?;
    let parts = Parts {
        worker,
        current: Mutex::new((0, parts.to_vec())),
    };
    stream::iter(pieces)
        .map(|piece| parts.piece(piece, target))
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
}

/// The objects, with the addresses that are valid now.
struct Parts<'a> {
    worker: &'a Worker,
    current: Mutex<(u32, Vec<SourcePart>)>,
}

impl Parts<'_> {
    async fn piece(&self, piece: Piece, target: &Arc<File>) -> Result<(), Halt> {
        let (mut retry, mut gone) = (self.worker.retry(), 0);
        loop {
            let (edition, part) = self.part(piece.part).await;
            let miss = match attempt(self.worker, &part, piece, target).await {
                Ok(()) => return Ok(()),
                Err(miss) => miss,
            };
            match status(&miss) {
                Some(416) => return Err(truncated(&part, piece)),
                Some(404 | 410) => gone += 1,
                _ => {}
            }
            if gone == GONE {
                return Err(Halt::SourceNotFound("object of this upload".to_owned()));
            }
            let renew = matches!(status(&miss), Some(401 | 403 | 404 | 410));
            retry.after(miss).await?;
            if renew {
                self.renew(edition).await?;
            }
        }
    }

    async fn part(&self, index: usize) -> (u32, SourcePart) {
        let current = self.current.lock().await;
        (current.0, current.1[index].clone())
    }

    /// Asks for new addresses, unless somebody did since `edition` was read.
    async fn renew(&self, edition: u32) -> Result<(), Halt> {
        let mut current = self.current.lock().await;
        if current.0 != edition {
            return Ok(());
        }
        let SourceAccess::Parts { parts } = self.worker.assignment().await?.source else {
            return Err(Halt::SourceNotFound("object of this upload".to_owned()));
        };
        let sizes = |parts: &[SourcePart]| parts.iter().map(|p| p.bytes).collect::<Vec<_>>();
        let (old, new) = (sizes(&current.1), sizes(&parts));
        if old != new {
            return Err(Halt::SourceTruncated {
                has: super::total(&parts),
                wanted: super::total(&current.1).saturating_sub(1),
            });
        }
        *current = (edition + 1, parts);
        Ok(())
    }
}

/// One attempt at a piece of an object.
pub(super) async fn attempt(
    worker: &Worker,
    part: &SourcePart,
    piece: Piece,
    target: &Arc<File>,
) -> Result<(), Miss> {
    let response = worker.range(&part.url, piece.range, part.bytes).await?;
    store(response, piece, target).await
}

fn status(miss: &Miss) -> Option<u16> {
    match miss {
        Miss::Again { status, .. } => *status,
        Miss::Halt(_) => None,
    }
}

fn truncated(part: &SourcePart, piece: Piece) -> Halt {
    Halt::SourceTruncated {
        has: part.bytes,
        wanted: piece.at,
    }
}

/// Writes an answer's body, which must be exactly the piece.
async fn store(mut response: Response, piece: Piece, target: &Arc<File>) -> Result<(), Miss> {
    let mut left = piece.range.end - piece.range.start;
    let (mut at, mut gathered) = (piece.at, Vec::new());
    let broken = |e: reqwest::Error| unanswered("source", &e);
    while let Some(bytes) = response.chunk().await.map_err(broken)? {
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| Miss::unanswered("source: the answer is too long"))?;
        gathered.extend_from_slice(&bytes);
        if gathered.len() >= GATHER || left == 0 {
            let length = gathered.len() as u64;
            super::write_at(target, std::mem::take(&mut gathered), at).await?;
            at += length;
        }
    }
    match left {
        0 => Ok(()),
        _ => Err(Miss::unanswered("source: the answer is too short")),
    }
}
