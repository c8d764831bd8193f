//! Brings the source: just the bytes a step reads, into a sparse file that the transcoder sees
//! when all of them are there, unless the source itself is still arriving.

mod arrival;
mod hashing;
mod mounted;
mod parts;
mod pieces;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use streamgate_contract::job_api::{Assignment, SourceAccess, SourcePart};
use streamgate_contract::job_files::{Order, side_name};
use streamgate_contract::plan::ByteRange;
use streamgate_contract::reasons::job;
use streamgate_contract::text::MAX_SIDE_BYTES;

use super::folder::Folder;
use super::halt::{Doing, Halt};
use super::worker::Worker;

pub(super) use arrival::{Arrival, arriving};
pub(super) use hashing::Hashing;

/// Fetches what `assignment` needs into the folder; the file, and how many bytes that were.
pub(super) async fn fetch(
    assignment: &Assignment,
    folder: &Folder,
    worker: &Worker,
    mount: Option<&Path>,
) -> Result<(Arc<File>, u64), Halt> {
    let target = Arc::new(folder.create_source()?);
    let wanted = match &assignment.source {
        SourceAccess::Parts { parts } => {
            let wanted = wanted(&assignment.order, total(parts))?;
            size(&target, &assignment.order, &wanted)?;
            parts::fetch(parts, &wanted, worker, &target).await?;
            wanted
        }
        SourceAccess::Mounted { path } => {
            let file = mounted::open(mount, path)?;
            let bytes = file.metadata().doing("inspect the source")?.len();
            let wanted = wanted(&assignment.order, bytes)?;
            size(&target, &assignment.order, &wanted)?;
            mounted::copy(&Arc::new(file), bytes, &wanted, &target).await?;
            wanted
        }
    };
    folder.finish_source()?;
    let bytes = |range: &ByteRange| range.end.saturating_sub(range.start);
    Ok((target, wanted.iter().map(bytes).sum()))
}

/// Puts an empty source in place that will grow.
pub(super) fn begin(folder: &Folder) -> Result<Arc<File>, Halt> {
    let target = Arc::new(folder.create_source()?);
    folder.finish_source()?;
    Ok(target)
}

/// Lays down files with subtitles beside the source; how many bytes they have.
pub(super) fn subtitles(
    paths: &[String],
    folder: &Folder,
    mount: Option<&Path>,
) -> Result<u64, Halt> {
    let mut all = 0;
    for (number, path) in paths.iter().enumerate() {
        let file = mounted::open(mount, path)?;
        let mut bytes = Vec::new();
        let read = file.take(MAX_SIDE_BYTES + 1).read_to_end(&mut bytes);
        let read = read.doing("read a file with subtitles")? as u64;
        if read > MAX_SIDE_BYTES {
            return Err(Halt::Refused {
                reason: job::SUBTITLES_REFUSED.to_owned(),
                detail: format!(
                    "subtitle file {number} of the job has more than {MAX_SIDE_BYTES} bytes; use a smaller one"
                ),
            });
        }
        folder.place(&side_name(number), &bytes)?;
        all += read;
    }
    Ok(all)
}

/// The bytes a step reads of a source that has `bytes` bytes now.
fn wanted(order: &Order, bytes: u64) -> Result<Vec<ByteRange>, Halt> {
    match order {
        Order::Plan { .. } => Ok(vec![ByteRange {
            start: 0,
            end: bytes,
        }]),
        Order::Encode { plan, .. } if plan.source.bytes > bytes => Err(Halt::SourceTruncated {
            has: bytes,
            wanted: plan.source.bytes - 1,
        }),
        Order::Encode { bytes, .. } => Ok(bytes.clone()),
    }
}

/// Bytes of the objects together.
pub(super) fn total(parts: &[SourcePart]) -> u64 {
    parts.iter().fold(0, |sum, p| sum.saturating_add(p.bytes))
}

/// Gives the file its full length; what is not fetched stays a hole.
fn size(target: &File, order: &Order, wanted: &[ByteRange]) -> Result<(), Halt> {
    let bytes = match order {
        Order::Plan { .. } => wanted.last().map_or(0, |range| range.end),
        Order::Encode { plan, .. } => plan.source.bytes,
    };
    target.set_len(bytes).doing("give the source its length")
}

/// Writes off the async threads.
async fn write_at(target: &Arc<File>, bytes: Vec<u8>, at: u64) -> Result<(), Halt> {
    let target = target.clone();
    blocking(move || target.write_all_at(&bytes, at))
        .await
        .doing("write the source")
}

/// Runs file work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
}
