//! Takes over what is finished already: an output of the same source, byte for byte, and the very same
//! plan holds the very same segments. They are copied within the store, so that each output lives and
//! goes by itself; a job whose segments are all there has nothing to encode.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use super::Worker;
use super::error::WorkerError;
use super::planned::Planned;
use super::progress::Entry;
use super::signature::is_sha256;
use crate::ports::catalog::{Output, Segment};
use crate::ports::causes;
use crate::ports::objects::ObjectKey;

/// Copies at once.
const PARALLEL: usize = 16;
/// Longest time for all of them: the courier waits for an answer. What is missing then is encoded.
const PATIENCE: Duration = Duration::from_secs(20);

impl Worker {
    /// Fills an output with the segments of a finished one of the same source, if there is one. What goes
    /// wrong costs the time of encoding, nothing else.
    pub(super) async fn take_over(
        &self,
        output: &Output,
        planned: &Planned,
        entry: &Entry,
        source_sha256: Option<&str>,
    ) {
        let Some(sha256) = source_sha256.filter(|sha256| is_sha256(sha256)) else {
            return;
        };
        let taking = self.take(output, planned, entry, sha256);
        let ended = tokio::time::timeout(PATIENCE, taking).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = causes(&error);
                tracing::warn!(error, output = %output.id, "cannot take over a finished output");
            }
            Err(_) => {
                tracing::warn!(output = %output.id, "taking over a finished output takes long")
            }
        }
    }

    async fn take(
        &self,
        output: &Output,
        planned: &Planned,
        entry: &Entry,
        sha256: &str,
    ) -> Result<(), WorkerError> {
        if output.complete {
            return Ok(());
        }
        self.catalog.note_source(&output.id, sha256).await?;
        let Some(twin) = self.catalog.twin(&output.id).await? else {
            return Ok(());
        };
        let segments = self.catalog.segments(&twin.id).await?;
        stream::iter(segments)
            .map(|segment| self.take_one((&twin, output), planned, entry, segment))
            .buffer_unordered(PARALLEL)
            .try_collect::<()>()
            .await?;
        self.catalog.note_taken(&output.id, &twin.id).await?;
        tracing::info!(output = %output.id, from = %twin.id, "took over a finished output");
        Ok(())
    }

    async fn take_one(
        &self,
        (from, to): (&Output, &Output),
        planned: &Planned,
        entry: &Entry,
        segment: Segment,
    ) -> Result<(), WorkerError> {
        let key = moved(&segment.key, &folder(from), &folder(to)).ok_or_else(|| {
            WorkerError::internal(format!("{} is no key of output {}", segment.key, from.id))
        })?;
        let (old, new) = (ObjectKey::parse(&segment.key)?, ObjectKey::parse(&key)?);
        self.objects.copy(&old, &new).await?;
        let segment = Segment { key, ..segment };
        if self.catalog.commit(&to.id, &segment).await? {
            entry.committed(planned, &segment, self.board.now());
        }
        Ok(())
    }
}

/// Where the objects of an output are.
fn folder(output: &Output) -> String {
    format!("contents/{}/{}/", output.content, output.id)
}

/// A key below another folder.
fn moved(key: &str, from: &str, to: &str) -> Option<String> {
    Some(format!("{to}{}", key.strip_prefix(from)?))
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn a_key_keeps_its_place_below_the_output() {
        let key = "contents/a/o1/v720/000003-ff.m4s";
        let there = moved(key, "contents/a/o1/", "contents/b/o2/");
        assert_eq!(there.unwrap(), "contents/b/o2/v720/000003-ff.m4s");
        assert_eq!(moved(key, "contents/a/o/", "contents/b/o2/"), None);
    }
}
