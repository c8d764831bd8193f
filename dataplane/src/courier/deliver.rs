//! The delivering half of a courier's life: looks at the folder again and again, hears what the
//! engine says, takes finished segments away a few at a time, reports progress, and ends by
//! telling the transcoder that everything is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use streamgate_contract::job_api::{Object, ProgressReport};
use streamgate_contract::job_files::{
    COMMITTED, MAX_SEGMENT_BYTES, OUT, SegmentName, Usage, WHOLE,
};
use streamgate_contract::plan::Plan;
use streamgate_contract::quality::TrackQuality;
use tokio_util::sync::CancellationToken;

use super::events::Tail;
use super::expected::{Expected, Name};
use super::folder::Folder;
use super::halt::Halt;
use super::send::Hashed;
use super::worker::Worker;

/// Deliveries at once.
pub(super) const PARALLEL: usize = 4;
/// How often the folder is looked at.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// Least time between two reports.
const REPORT: Duration = Duration::from_secs(2);

/// Deliveries from a folder to a worker.
pub(super) struct Delivery<'a> {
    pub(super) folder: &'a Folder,
    pub(super) worker: &'a Worker,
    pub(super) stop: &'a CancellationToken,
    taken: Taken,
    tail: Tail,
    reported: Option<(Instant, ProgressReport)>,
    report: FuturesUnordered<BoxFuture<'a, ()>>,
}

/// What the pod took before it began to deliver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// When it began.
    pub(super) began: Instant,
    /// Bytes of the source it fetched.
    pub(super) fetched: u64,
}

type Underway<'a> = FuturesUnordered<BoxFuture<'a, (SegmentName, Result<(), Halt>)>>;

/// Segments by what is happening to them.
#[derive(Default)]
struct Ledger {
    committed: BTreeSet<SegmentName>,
    underway: BTreeSet<SegmentName>,
    waiting: BTreeMap<SegmentName, String>,
}

impl Ledger {
    fn is_quiet(&self) -> bool {
        self.underway.is_empty() && self.waiting.is_empty()
    }
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        folder: &'a Folder,
        worker: &'a Worker,
        stop: &'a CancellationToken,
        taken: Taken,
    ) -> Self {
        Self {
            taken,
            folder,
            worker,
            stop,
            tail: Tail::default(),
            reported: None,
            report: FuturesUnordered::new(),
        }
    }

    /// More of the source was fetched.
    pub(super) fn fetched(&mut self, bytes: u64) {
        self.taken.fetched += bytes;
    }

    /// Delivers every expected segment that `committed` lacks, then says so. After the stop what
    /// lies there finished is still delivered.
    pub(super) async fn segments(
        &mut self,
        plan: &Plan,
        expected: &Expected,
        committed: Vec<SegmentName>,
    ) -> Result<(), Halt> {
        let mut underway = Underway::new();
        let mut ledger = Ledger {
            committed: committed.into_iter().collect(),
            ..Ledger::default()
        };
        while expected.missing(&ledger.committed) > 0 {
            self.listen()?;
            self.look(plan, expected, &mut ledger)?;
            if ledger.is_quiet() && self.stop.is_cancelled() {
                return Ok(());
            }
            if ledger.is_quiet() && self.tail.news.done {
                let missing = expected.missing(&ledger.committed);
                return Err(Halt::Unfinished { missing });
            }
            self.start(&mut ledger, &underway);
            self.step(&mut ledger, &mut underway).await?;
        }
        self.tell_usage().await?;
        let nothing_left = Expected::whole(plan).missing(&ledger.committed) == 0;
        let word = if nothing_left { WHOLE } else { b"" };
        self.folder.place(COMMITTED, word)
    }

    /// Says what this pod took, before its transcoder is let go: Publish adds it all up.
    async fn tell_usage(&mut self) -> Result<(), Halt> {
        self.tail.read(self.folder)?;
        let usage = Usage {
            cpu_milliseconds: self.tail.news.cpu_milliseconds,
            pod_milliseconds: milliseconds(self.taken.began.elapsed()),
            fetched_bytes: self.taken.fetched,
        };
        if self.worker.usage(&usage).await.is_err() {
            tracing::warn!(
                "what this pod took is missing in the job's cost: the worker did not answer"
            );
        }
        let news = std::mem::take(&mut self.tail.news.quality).into_iter();
        let quality: Vec<_> = news
            .map(|(track, nearness)| TrackQuality { track, nearness })
            .collect();
        if !quality.is_empty() && self.worker.quality(&quality).await.is_err() {
            tracing::warn!("this pod is missing in the quality report: the worker did not answer");
        }
        Ok(())
    }

    /// Hears the engine and passes its progress on.
    pub(super) fn listen(&mut self) -> Result<(), Halt> {
        self.tail.read(self.folder)?;
        if let Some(news) = self.tail.news.progress.clone()
            && self.report.is_empty()
            && is_due(self.reported.as_ref(), &news)
        {
            self.reported = Some((Instant::now(), news.clone()));
            let worker = self.worker;
            let report = async move {
                // Losing a report is harmless: the next one says more.
                drop(worker.progress(&news).await);
            };
            self.report.push(Box::pin(report));
        }
        Ok(())
    }

    /// Finds what is finished; what is committed already goes.
    fn look(&self, plan: &Plan, expected: &Expected, ledger: &mut Ledger) -> Result<(), Halt> {
        for name in self.folder.names()? {
            match expected.name(&name, plan) {
                Name::Other => {}
                Name::Unknown => {
                    return Err(Halt::FileRefused {
                        name: format!("a file in {OUT}"),
                        why: "the plan does not know its name",
                    });
                }
                Name::Segment(segment) if ledger.committed.contains(&segment) => {
                    self.folder.remove_out(&name)?;
                }
                Name::Segment(segment) if ledger.underway.contains(&segment) => {}
                Name::Segment(segment) => drop(ledger.waiting.insert(segment, name)),
            }
        }
        Ok(())
    }

    /// Starts as many deliveries as may run at once.
    fn start(&self, ledger: &mut Ledger, underway: &Underway<'a>) {
        while underway.len() < PARALLEL
            && let Some((segment, name)) = ledger.waiting.pop_first()
        {
            ledger.underway.insert(segment.clone());
            let (folder, worker) = (self.folder, self.worker);
            underway.push(Box::pin(async move {
                let delivered = deliver(folder, worker, &segment, &name).await;
                (segment, delivered)
            }));
        }
    }

    /// Waits for something to happen.
    async fn step(&mut self, ledger: &mut Ledger, underway: &mut Underway<'a>) -> Result<(), Halt> {
        tokio::select! {
            Some((segment, delivered)) = underway.next() => {
                ledger.underway.remove(&segment);
                delivered?;
                ledger.committed.insert(segment);
            }
            () = self.pause() => {}
        }
        Ok(())
    }

    /// Waits a tick, while a report may be on its way.
    pub(super) async fn pause(&mut self) {
        let tick = tokio::time::sleep(TICK);
        tokio::pin!(tick);
        loop {
            tokio::select! {
                () = &mut tick => return,
                Some(()) = self.report.next() => {}
            }
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Something new to tell, and not too soon.
fn is_due(last: Option<&(Instant, ProgressReport)>, news: &ProgressReport) -> bool {
    last.is_none_or(|(at, told)| at.elapsed() >= REPORT && told != news)
}

async fn deliver(
    folder: &Folder,
    worker: &Worker,
    segment: &SegmentName,
    name: &str,
) -> Result<(), Halt> {
    let path = format!("{OUT}/{name}");
    let Some(found) = folder.find(&path, MAX_SEGMENT_BYTES)? else {
        return Err(Halt::FileRefused {
            name: path,
            why: "it went away",
        });
    };
    let object = Object::Segment {
        track: segment.track.clone(),
        number: segment.number,
    };
    Hashed::new(found).await?.deliver(&object, worker).await?;
    folder.remove_out(name)
}
