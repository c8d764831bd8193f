//! The courier of a job pod: brings the transcoder its order and its source, takes finished
//! segments away as they appear, and says when all of it is committed. It holds the pod's only
//! credential and shares a folder with a process that parses hostile media.

mod boxes;
mod deliver;
mod events;
mod expected;
mod folder;
mod halt;
mod plan;
mod publish;
mod retry;
mod send;
mod source;
mod worker;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use streamgate_contract::job_api::{Assignment, SourceAccess};
use streamgate_contract::job_files::{COMMITTED, GIVE_UP, ORDER, Order, PROTECTION, SOURCE};
use tokio_util::sync::CancellationToken;

use deliver::{Delivery, Taken};
use expected::Expected;
use folder::Folder;
use halt::{Doing, Halt};
use plan::Fetched;
use source::{Arrival, Hashing};
use worker::Worker;

pub use publish::{PublishArgs, publish};

/// How long deliveries may go on after SIGTERM; less than the pod's grace period.
const DRAIN: Duration = Duration::from_secs(20);

/// Command line of the courier.
#[derive(Args, Clone, Debug)]
pub struct CourierArgs {
    /// Folder shared with the transcoder.
    #[arg(long)]
    pub work: PathBuf,
    /// Origin of the worker.
    #[arg(long)]
    pub worker_url: String,
    /// File with the service-account token for the worker.
    #[arg(long)]
    pub token: PathBuf,
    /// Folder where the claim with the source is mounted.
    #[arg(long)]
    pub mounted: Option<PathBuf>,
    /// Seconds without success after which the pod ends with exit code 75, to be tried again.
    #[arg(long, default_value_t = 300)]
    pub patience_seconds: u64,
}

/// Why a courier cannot work at all. What goes wrong with the job itself is told to the
/// transcoder instead, whose exit code and message carry it on.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The shared folder cannot be used.
    #[error("cannot use the work folder: {0}; mount it into both containers, writable")]
    Folder(#[source] io::Error),
    /// The transcoder cannot be told to end.
    #[error("cannot leave word for the transcoder: {0}")]
    GiveUp(String),
    /// The address of the worker is none.
    #[error("the worker's URL is not valid; use http://HOST:PORT or https://HOST:PORT")]
    WorkerUrl,
    /// No HTTP client can be made.
    #[error("cannot make an HTTP client: {0}; the image needs a bundle of CA certificates")]
    Http(#[source] reqwest::Error),
}

/// Runs until `shutdown`: does the job, then waits, since a sidecar that ends is started again.
/// After `shutdown` what is finished already is still delivered, for a while.
pub async fn run(
    args: CourierArgs,
    shutdown: impl Future<Output = ()>,
) -> Result<(), CourierError> {
    let courier = Courier::open(&args)?;
    let stop = CancellationToken::new();
    let mut shutdown = pin!(shutdown);
    let mut work = pin!(courier.work(&stop));
    let ended = tokio::select! {
        ended = &mut work => ended,
        () = &mut shutdown => {
            stop.cancel();
            let drained = tokio::time::timeout(DRAIN, work).await;
            report(drained.unwrap_or(Ok(())).err().as_ref());
            return Ok(());
        }
    };
    report(ended.as_ref().err());
    if let Err(halt) = ended {
        courier.give_up(&halt)?;
    }
    shutdown.await;
    Ok(())
}

fn report(halt: Option<&Halt>) {
    if let Some(halt) = halt {
        let failure = halt.failure();
        tracing::error!(reason = failure.reason, "{}", failure.detail);
    }
}

/// What a pod's work begins with.
struct Prepared {
    assignment: Assignment,
    /// Bytes of the source and beside it that were fetched.
    fetched: u64,
    source: Brought,
}

/// How much of the source is there.
enum Brought {
    /// All that the step reads; of a Plan pod's it may be hashed.
    Whole(Hashing),
    /// The rest is still being uploaded.
    Begun(Arc<File>),
}

/// What a courier works with.
struct Courier {
    folder: Folder,
    worker: Worker,
    mounted: Option<PathBuf>,
}

impl Courier {
    fn open(args: &CourierArgs) -> Result<Self, CourierError> {
        let patience = Duration::from_secs(args.patience_seconds);
        Ok(Self {
            folder: Folder::open(&args.work).map_err(CourierError::Folder)?,
            worker: Worker::new(&args.worker_url, &args.token, patience)?,
            mounted: args.mounted.clone(),
        })
    }

    async fn work(&self, stop: &CancellationToken) -> Result<(), Halt> {
        if self.folder.has(COMMITTED) || self.folder.has(GIVE_UP) {
            return Ok(());
        }
        let began = Instant::now();
        let Prepared {
            assignment,
            fetched,
            source,
        } = tokio::select! {
            prepared = self.prepare() => prepared?,
            () = stop.cancelled() => return Ok(()),
        };
        let taken = Taken { began, fetched };
        let mut delivery = Delivery::new(&self.folder, &self.worker, stop, taken);
        match &assignment.order {
            Order::Plan { committed, .. } => {
                let source = self.source(&assignment, source, stop);
                let Some(planned) = delivery.plan(committed.clone(), source).await? else {
                    return Ok(());
                };
                let expected = match planned.plan.encodes_at_once() {
                    true => Expected::whole(&planned.plan),
                    false => Expected::default(),
                };
                delivery
                    .segments(&planned.plan, &expected, planned.committed)
                    .await?;
            }
            Order::Encode {
                plan,
                work,
                committed,
                ..
            } => {
                let expected = Expected::span(plan, *work);
                let committed = committed.clone();
                delivery.segments(plan, &expected, committed).await?;
            }
        }
        Ok(())
    }

    /// All of the source, hashed. What is still arriving is fetched until it is here or the pod stops.
    async fn source(
        &self,
        assignment: &Assignment,
        source: Brought,
        stop: &CancellationToken,
    ) -> Result<Fetched, Halt> {
        let file = match source {
            Brought::Whole(hashing) => return Ok(Fetched { bytes: 0, hashing }),
            Brought::Begun(file) => file,
        };
        let arrival = Arrival::new(&self.worker, file.clone()).follow(assignment);
        match stop.run_until_cancelled(arrival).await.transpose()? {
            Some(bytes) => Ok(Fetched {
                bytes,
                hashing: Hashing::begin(file),
            }),
            None => Ok(Fetched {
                bytes: 0,
                hashing: Hashing::none(),
            }),
        }
    }

    /// Brings source and order, and says how many bytes it fetched. A courier that was started
    /// again finds the order in place and leaves the transcoder alone.
    async fn prepare(&self) -> Result<Prepared, Halt> {
        let (assignment, mut fetched) = (self.worker.assignment().await?, 0);
        let mut source = Brought::Whole(Hashing::none());
        if self.folder.has(ORDER) {
            self.is_whole(&assignment)?;
        } else {
            let mounted = self.mounted.as_deref();
            if source::arriving(&assignment.order).is_some() {
                source = Brought::Begun(source::begin(&self.folder)?);
            } else {
                let (file, bytes) =
                    source::fetch(&assignment, &self.folder, &self.worker, mounted).await?;
                fetched = bytes;
                if matches!(assignment.order, Order::Plan { .. }) {
                    source = Brought::Whole(Hashing::begin(file));
                }
            }
            fetched += source::subtitles(&assignment.subtitles, &self.folder, mounted)?;
            if let Some(protection) = &assignment.protection {
                let text = serde_json::to_vec(protection).map_err(io::Error::other);
                self.folder
                    .place(PROTECTION, &text.doing("write the protection")?)?;
            }
            let order = serde_json::to_vec(&assignment.order).map_err(io::Error::other);
            self.folder.place(ORDER, &order.doing("write the order")?)?;
        }
        Ok(Prepared {
            assignment,
            fetched,
            source,
        })
    }

    /// Whether the courier before this one had brought all of the source. What it had not cannot be
    /// added by another: only its own descriptor is sure to be of the file it made.
    fn is_whole(&self, assignment: &Assignment) -> Result<(), Halt> {
        let (Order::Plan { .. }, SourceAccess::Parts { parts }) =
            (&assignment.order, &assignment.source)
        else {
            return Ok(());
        };
        let here = self.folder.find(SOURCE, u64::MAX)?.map_or(0, |f| f.bytes);
        let whole = source::arriving(&assignment.order).unwrap_or(source::total(parts));
        if here < whole {
            return Err(Halt::Interrupted);
        }
        Ok(())
    }

    fn give_up(&self, halt: &Halt) -> Result<(), CourierError> {
        let text =
            serde_json::to_vec(&halt.give_up()).map_err(|e| CourierError::GiveUp(e.to_string()))?;
        self.folder
            .place(GIVE_UP, &text)
            .map_err(|e| CourierError::GiveUp(e.to_string()))
    }
}
