//! Tickets, commits, progress and Publish: how an output grows and is closed.

use std::sync::Arc;

use streamgate_contract::job_api::{
    CommitRequest, CommitResult, Object, ProgressReport, Ticket, TicketRequest,
};
use streamgate_contract::job_files::{Published, Usage};
use streamgate_contract::names::Step;
use streamgate_contract::quality::TrackQuality;

use super::Worker;
use super::admit::Task;
use super::error::WorkerError;
use super::planned::Planned;
use super::progress::Entry;
use super::signature::{CONTENT_DIGEST, Grant, content_digest, is_sha256};
use crate::ports::catalog::{CatalogError, Segment};
use crate::ports::jobs::Pod;
use crate::ports::objects::ObjectKey;

/// Seconds a ticket is good for.
const TICKET_SECONDS: u32 = 900;
/// Most that is believed of a pod: cores, a month, and a hundred terabytes.
const MOST_CORES: u64 = 1_024;
const MOST_MILLISECONDS: u64 = 31 * 24 * 3_600 * 1_000;
const MOST_FETCHED: u64 = 100 << 40;
/// Most pictures that a pod says it compared.
const MOST_COMPARED: u64 = 1_000_000;
/// Tracks of a termination message, which has little room.
const MOST_TOLD: usize = 24;

impl Worker {
    /// Where to put an object.
    ///
    /// # Errors
    /// When the pod does not make this object, or not of this size.
    pub async fn ticket(&self, pod: &Pod, ask: &TicketRequest) -> Result<Ticket, WorkerError> {
        let task = self.task(pod).await?;
        let planned = self.planned(&task).await?;
        let key = admissible(&task, &planned, &ask.object, &ask.sha256, ask.bytes)?;
        let (bytes, sha256) = (ask.bytes, ask.sha256.as_str());
        let signed = self.objects.sign_put(&key, bytes, sha256, TICKET_SECONDS);
        self.metrics.tickets.inc();
        if let Some(signed) = signed.await? {
            return Ok(Ticket {
                key: key.to_string(),
                url: signed.url,
                headers: signed.headers,
            });
        }
        let grant = Grant {
            key: &key,
            expires: self.clock.now() + i64::from(TICKET_SECONDS),
            body: Some((bytes, sha256)),
        };
        Ok(Ticket {
            url: self.url_key.sign(&grant),
            headers: vec![(CONTENT_DIGEST.to_owned(), content_digest(sha256))],
            key: key.to_string(),
        })
    }

    /// Commits a delivered object; the first writer wins.
    ///
    /// # Errors
    /// When the pod does not make this object, or it is not in the store as announced.
    pub async fn commit(&self, pod: &Pod, ask: CommitRequest) -> Result<CommitResult, WorkerError> {
        let outcome = self.try_commit(pod, ask).await;
        match &outcome {
            Ok(CommitResult { first: true }) => self.metrics.commits_first.inc(),
            Ok(CommitResult { first: false }) => self.metrics.commits_repeated.inc(),
            Err(_) => self.metrics.commits_refused.inc(),
        }
        outcome
    }

    async fn try_commit(&self, pod: &Pod, ask: CommitRequest) -> Result<CommitResult, WorkerError> {
        let task = self.task(pod).await?;
        let planned = self.planned(&task).await?;
        let key = admissible(&task, &planned, &ask.object, &ask.sha256, ask.bytes)?;
        if key.as_str() != ask.key || self.objects.head(&key).await? != Some(ask.bytes) {
            return Err(WorkerError::NotDelivered(name(&ask.object)));
        }
        // The entry counts what is in the catalog when it is made, so it must be made before.
        let entry = self.entry(&task, &planned).await?;
        let segment = segment(ask);
        let first = self.catalog.commit(&planned.output, &segment).await?;
        if first {
            entry.committed(&planned, &segment, self.board.now());
        }
        Ok(CommitResult { first })
    }

    /// Notes how far a pod is.
    ///
    /// # Errors
    /// When the pod may not ask.
    pub async fn report(&self, pod: &Pod, report: &ProgressReport) -> Result<(), WorkerError> {
        let task = self.task(pod).await?;
        let planned = match self.planned(&task).await {
            // A Plan pod that has not handed in its plan yet.
            Err(WorkerError::NotPlanned) => return Ok(()),
            planned => planned?,
        };
        if let Some(lane) = planned.lane_of(&task.pod) {
            let entry = self.entry(&task, &planned).await?;
            entry.reported(lane, report.frames, report.fps, self.board.now());
        }
        Ok(())
    }

    /// Notes what a pod took for its output.
    ///
    /// # Errors
    /// When the pod may not ask.
    pub async fn note_usage(&self, pod: &Pod, usage: &Usage) -> Result<(), WorkerError> {
        let task = self.task(pod).await?;
        let planned = self.planned(&task).await?;
        let usage = plausible(usage);
        self.catalog
            .note_usage(&planned.output, &pod.name, &usage)
            .await?;
        Ok(())
    }

    /// Notes how near a pod's pictures come to the source.
    ///
    /// # Errors
    /// When the pod may not ask, or names a track that is not in the plan.
    pub async fn note_quality(
        &self,
        pod: &Pod,
        quality: Vec<TrackQuality>,
    ) -> Result<(), WorkerError> {
        let task = self.task(pod).await?;
        let planned = self.planned(&task).await?;
        for TrackQuality { track, nearness } in quality {
            if !planned.has_pictures(&track) {
                return Err(WorkerError::NotAssigned(format!("pictures of {track}")));
            }
            let nearness = nearness.possible(MOST_COMPARED);
            let quality = TrackQuality { track, nearness };
            self.catalog
                .note_quality(&planned.output, &pod.name, &quality)
                .await?;
        }
        Ok(())
    }

    /// Closes the output and makes it what its content plays.
    ///
    /// # Errors
    /// When the pod is no Publish pod, or something is not committed.
    pub async fn publish(&self, pod: &Pod) -> Result<Published, WorkerError> {
        let task = self.task(pod).await?;
        if task.pod.step != Step::Publish {
            return Err(WorkerError::NotAssigned("outputs playable".into()));
        }
        let planned = self.planned(&task).await?;
        // Publish runs when every span is done; a hole is therefore ours, and may close by itself
        // (a late commit, a restored catalog). So it is tried again rather than failing the job.
        match self.catalog.publish(&planned.output).await {
            Err(CatalogError::Conflict { .. }) => return Err(WorkerError::Incomplete),
            done => done?,
        }
        let segments = self.catalog.segments(&planned.output).await?;
        let entry = self.entry(&task, &planned).await?;
        self.finish(&entry).await;
        let media = segments.iter().filter(|s| s.number.is_some()).count();
        Ok(Published {
            content: planned.content.to_string(),
            output: planned.output.to_string(),
            segments: u32::try_from(media).unwrap_or(u32::MAX),
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            cost: self.catalog.usage(&planned.output).await?,
            quality: self.quality(&planned).await?,
            taken_from: self
                .catalog
                .taken_from(&planned.output)
                .await?
                .map(Into::into),
        })
    }

    async fn quality(&self, planned: &Planned) -> Result<Vec<TrackQuality>, WorkerError> {
        let mut quality = self.catalog.quality(&planned.output).await?;
        quality.truncate(MOST_TOLD);
        Ok(quality)
    }

    /// The job's place on the board.
    pub(super) async fn entry(
        &self,
        task: &Task,
        planned: &Planned,
    ) -> Result<Arc<Entry>, WorkerError> {
        let key = task.key();
        if let Some(entry) = self.board.find(&key) {
            return Ok(entry);
        }
        // One at a time: no commit may fall between counting and adding.
        let _one = self.counting.lock().await;
        if let Some(entry) = self.board.find(&key) {
            return Ok(entry);
        }
        let committed = self.catalog.segments(&planned.output).await?;
        let entry = Entry::new(task, planned, &committed);
        Ok(self.board.add(key, entry))
    }
}

/// What a pod may have taken: its CPU time comes from a process that parses hostile media.
fn plausible(usage: &Usage) -> Usage {
    let most = usage.pod_milliseconds.saturating_mul(MOST_CORES);
    Usage {
        cpu_milliseconds: usage.cpu_milliseconds.min(most),
        pod_milliseconds: usage.pod_milliseconds.min(MOST_MILLISECONDS),
        fetched_bytes: usage.fetched_bytes.min(MOST_FETCHED),
    }
}

/// The key of an object that this pod may deliver.
fn admissible(
    task: &Task,
    planned: &Planned,
    object: &Object,
    sha256: &str,
    bytes: u64,
) -> Result<ObjectKey, WorkerError> {
    if !planned.is_made_by(&task.pod, object) {
        return Err(WorkerError::NotAssigned(name(object)));
    }
    if !is_sha256(sha256) || !planned.fits(object, sha256, bytes) {
        return Err(WorkerError::Misfit(name(object)));
    }
    Ok(ObjectKey::parse(&planned.key(object, sha256))?)
}

/// An object for people.
fn name(object: &Object) -> String {
    match object {
        Object::Init { track } => format!("the init segment of {track}"),
        Object::Segment { track, number } => format!("segment {number} of {track}"),
        Object::Text { track } => format!("the text of {track}"),
        Object::Still { still } => format!("the {}", still.name()),
    }
}

fn segment(ask: CommitRequest) -> Segment {
    let (track, number) = match ask.object {
        Object::Init { track } | Object::Text { track } => (track, None),
        Object::Segment { track, number } => (track, Some(number)),
        Object::Still { still } => (still.track(), None),
    };
    Segment {
        track,
        number,
        key: ask.key,
        bytes: ask.bytes,
        sha256: ask.sha256,
        head_bytes: ask.head_bytes.filter(|head| *head <= ask.bytes),
    }
}
