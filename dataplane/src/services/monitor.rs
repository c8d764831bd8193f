//! The role `monitor`: reads what the gate's pods show, evaluates AlertPolicies on it, tells
//! handlers what fires and what is over.
//!
//! **Told once.** A change is written into the policy's status first, with its version as
//! precondition, and told only when that is written. So a restarted monitor, or a second one,
//! knows that it was told and never tells it again; what it costs is that a monitor killed between
//! the write and the delivery has not told it at all. The status, the count in `kubectl get` and,
//! after an ordinary stop, a few seconds of grace for the deliveries stand against that.

mod alerts;
mod delivery;
mod evaluate;
mod history;
pub mod http;
mod lists;
mod metrics;
mod overview;
mod policy;
mod queries;
mod rate;
mod rules;
mod silences;
mod store;
mod view;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::ports::catalog::CatalogError;
use crate::ports::catalog::alarms::Alarms;
use crate::ports::clock::{Clock, UnixSeconds};
use crate::ports::notices::{Events, Webhooks};
use crate::ports::policies::{Policies, Policy};
use crate::ports::scrape::{Gate, Scraper, Target};
use crate::services::metadata::cursor::CursorKey;
use delivery::Deliveries;
use history::History;
use lists::SilenceError;
use metrics::Metrics;
use policy::Watched;
use rules::seconds as seconds_of;
use silences::Known;
pub use store::Bounds;
use store::Store;
use view::View;

/// Time between two reads of the pods.
pub const SCRAPE_INTERVAL: Duration = Duration::from_secs(15);
/// Time between two looks at which policies are due; no interval is shorter.
const TICK: Duration = Duration::from_secs(1);
/// Pods read at once.
const AT_ONCE: usize = 16;
/// Time between two looks at the silences, which another replica may have changed.
const LOOK: Duration = Duration::from_secs(15);
/// How long evaluations wait for the silences after a start; then somebody is told too much.
const WAIT: UnixSeconds = 60;
/// How long samples are kept at least, in milliseconds.
const RETENTION: i64 = 3_600 * 1_000;
/// How long deliveries may go on after a stop.
const GRACE: Duration = Duration::from_secs(5);

/// What the monitor stands on.
pub struct Parts {
    /// AlertPolicies.
    pub policies: Arc<dyn Policies>,
    /// Pods and TranscodeJobs.
    pub gate: Arc<dyn Gate>,
    /// Reads pods.
    pub scraper: Arc<dyn Scraper>,
    /// Delivers notices.
    pub webhooks: Arc<dyn Webhooks>,
    /// Records notices.
    pub events: Arc<dyn Events>,
    /// Keeps silences and the history of alerts.
    pub alarms: Arc<dyn Alarms>,
    /// Signs where lists go on.
    pub cursor_key: CursorKey,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Bounds of the store.
    pub bounds: Bounds,
    /// Time between two reads of the pods; [`SCRAPE_INTERVAL`].
    pub scrape_interval: Duration,
}

/// The samples, and since when they are collected.
struct Samples {
    store: Store,
    since: Option<i64>,
    /// Longest range of any rule, in milliseconds.
    range: i64,
}

/// The role.
pub struct Monitor {
    policies: Arc<dyn Policies>,
    gate: Arc<dyn Gate>,
    scraper: Arc<dyn Scraper>,
    events: Arc<dyn Events>,
    alarms: Arc<dyn Alarms>,
    cursor_key: CursorKey,
    clock: Arc<dyn Clock>,
    begun: UnixSeconds,
    silences: Known,
    /// Held while the silences are learnt.
    learning: Mutex<()>,
    history: History,
    view: View,
    /// Lets so many questions about samples be answered at once.
    turns: Arc<Semaphore>,
    deliveries: Deliveries,
    metrics: Arc<Metrics>,
    scrape_interval: Duration,
    samples: RwLock<Samples>,
    targets: Mutex<Vec<Target>>,
    watched: Mutex<HashMap<String, Watched>>,
}

impl Monitor {
    /// Does nothing until [`Monitor::run`].
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn new(parts: Parts, registry: &prometheus::Registry) -> Result<Self, prometheus::Error> {
        let metrics = Arc::new(Metrics::new(registry)?);
        let (webhooks, clock) = (parts.webhooks, parts.clock.clone());
        Ok(Self {
            deliveries: Deliveries::new(webhooks, clock, metrics.clone()),
            policies: parts.policies,
            gate: parts.gate,
            scraper: parts.scraper,
            events: parts.events,
            alarms: parts.alarms,
            cursor_key: parts.cursor_key,
            begun: parts.clock.now(),
            silences: Known::default(),
            learning: Mutex::default(),
            history: History::default(),
            view: View::default(),
            turns: Arc::new(Semaphore::new(queries::AT_ONCE)),
            clock: parts.clock,
            metrics,
            scrape_interval: parts.scrape_interval,
            samples: RwLock::new(Samples {
                store: Store::new(parts.bounds),
                since: None,
                range: 0,
            }),
            targets: Mutex::default(),
            watched: Mutex::default(),
        })
    }

    /// Reads, evaluates and tells until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let scraping = every(self.scrape_interval, || self.scrape());
        let evaluating = every(TICK, || self.evaluate());
        let looking = every(LOOK, || self.look());
        let working = async { tokio::join!(scraping, evaluating, looking) };
        // What is being kept is not cut off.
        tokio::join!(stop.run_until_cancelled(working), self.keep_until(&stop));
        self.keep().await;
        self.deliveries.end(GRACE).await;
    }

    /// Reads every pod once.
    async fn scrape(&self) {
        let counted = self.count_jobs().await;
        let mut targets = self.targets.lock().await;
        match self.gate.targets().await {
            Ok(found) => *targets = found,
            // The pods known so far are read on: one failed list ends no series.
            Err(error) => tracing::warn!(error = chain(&error), "pods are not listed"),
        }
        let reads = targets.iter().map(|target| self.read(target));
        let reads = futures::stream::iter(reads.collect::<Vec<_>>());
        let read = reads.buffer_unordered(AT_ONCE).collect::<Vec<bool>>().await;
        // Until the first good look, absence proves nothing.
        self.tidy(&targets, counted && read.contains(&true));
    }

    async fn count_jobs(&self) -> bool {
        let figures = self.gate.jobs().await;
        match &figures {
            Ok(figures) => self.metrics.show_jobs(figures),
            Err(error) => tracing::warn!(error = chain(error), "TranscodeJobs are not counted"),
        }
        figures.is_ok()
    }

    /// Whether it was read.
    async fn read(&self, target: &Target) -> bool {
        let exposition = match self.scraper.scrape(target).await {
            Ok(exposition) => {
                self.metrics.scraped.inc();
                self.metrics.malformed.inc_by(exposition.malformed);
                Some(exposition)
            }
            Err(error) => {
                self.metrics.scrape_failed.inc();
                let pod = target.pod.as_str();
                tracing::debug!(pod, error = chain(&error), "a pod was not read");
                None
            }
        };
        let now = self.clock.now_milliseconds();
        let mut samples = self.samples.write().unwrap_or_else(PoisonError::into_inner);
        let read = exposition.is_some();
        samples.store.take(target, exposition, now);
        read
    }

    fn tidy(&self, targets: &[Target], good: bool) {
        let now = self.clock.now_milliseconds();
        let mut samples = self.samples.write().unwrap_or_else(PoisonError::into_inner);
        samples.since = samples.since.or(good.then_some(now));
        samples.store.keep_targets(targets, now);
        let (retention, before) = (RETENTION.max(samples.range), samples.store.dropped());
        samples.store.prune(retention, now);
        let dropped = samples.store.dropped();
        let known = self.metrics.samples_dropped.get();
        self.metrics
            .samples_dropped
            .inc_by(dropped.saturating_sub(known));
        if dropped > before {
            tracing::warn!("the store of samples is full; older samples were dropped");
        }
        let series = i64::try_from(samples.store.series()).unwrap_or(i64::MAX);
        self.metrics.series.set(series);
    }

    /// Evaluates every policy that is due.
    async fn evaluate(&self) {
        let Some(policies) = self.policies.all() else {
            return;
        };
        if self.silences.all().is_none() && self.clock.now() - self.begun < WAIT {
            return;
        }
        let mut watched = self.watched.lock().await;
        watched.retain(|uid, _| policies.iter().any(|policy| policy.uid == *uid));
        self.deliveries.keep(&policies);
        self.view.keep(&policies);
        for policy in policies.iter().filter(|policy| policy.ready) {
            let known = watched.entry(policy.uid.clone());
            let known = known.or_insert_with(|| self.take_up(policy));
            self.pass(policy, known).await;
        }
        let ranges = watched.values().map(Watched::longest_range);
        let range = ranges.max().unwrap_or(0);
        let mut samples = self.samples.write().unwrap_or_else(PoisonError::into_inner);
        samples.range = range;
    }

    fn take_up(&self, policy: &Policy) -> Watched {
        self.deliveries.restore(policy);
        Watched::restored(policy)
    }
}

impl Monitor {
    /// Learns the silences there are.
    async fn look(&self) {
        // Those known so far hold on.
        if let Err(error) = self.learn_silences().await {
            tracing::warn!(error = chain(&error), "silences are not read");
        }
    }

    /// One at a time, so that what was read earlier is never learnt later.
    async fn learn_silences(&self) -> Result<(), CatalogError> {
        let _turn = self.learning.lock().await;
        self.silences.set(self.alarms.silences().await?);
        Ok(())
    }

    /// Keeps what the history does not have yet; whether that went well.
    async fn keep(&self) -> bool {
        let kept = self.history.keep(self.alarms.as_ref()).await;
        if let Err(error) = &kept {
            tracing::warn!(error = chain(error), "the history of alerts is not kept");
        }
        kept.is_ok()
    }

    async fn keep_until(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let pause = if self.keep().await { TICK } else { LOOK };
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }
}

/// Calls `work` at each interval; a late one is not made up for.
async fn every<F: Future<Output = ()>>(interval: Duration, mut work: impl FnMut() -> F) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        work().await;
    }
}

/// An error with its causes, for the log.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests;
