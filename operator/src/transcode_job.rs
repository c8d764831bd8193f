//! The TranscodeJob controller: observe → decide → act → report.

pub mod act;
pub mod fresh;
pub mod job;
pub mod observe;
pub mod seen;
pub mod status;
pub mod step;
pub mod wake;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use streamgate_crds::{TranscodeJob, TranscodeJobStatus};
use tokio::time::Instant;

use self::act::Hands;
use self::fresh::{Fresh, Wrote};
use self::observe::{Stores, observe};
use crate::context::Context;
use crate::drive::drive;
use crate::error::{Error, Result};
use crate::events::Notice;

/// When a refused write is tried again: its cause is seldom watched.
const REFUSED: Duration = Duration::from_secs(30);

/// What a pass works with.
struct Controller {
    context: Context,
    stores: Stores,
    fresh: Fresh,
}

/// Reconciles every TranscodeJob until `stop` ends.
pub async fn run(context: Context, stop: impl Future<Output = ()> + Send + 'static) {
    let world = wake::world(&context);
    let controller = Arc::new(Controller {
        fresh: Fresh::new(
            world.stores.jobs.clone(),
            world.job_version,
            world.own_version,
        ),
        stores: world.stores,
        context: context.clone(),
    });
    let queue = Box::pin(futures::StreamExt::take_until(world.queue, Box::pin(stop)));
    drive(world.own, queue, context.metrics, move |object| {
        let controller = controller.clone();
        async move { controller.pass(&object).await }
    })
    .await;
}

impl Controller {
    async fn pass(&self, object: &TranscodeJob) -> Result<Action> {
        if self.stores.ready().await.is_err() || object.metadata.deletion_timestamp.is_some() {
            return Ok(Action::await_change());
        }
        if let Some(left) = self.fresh.behind(object, Instant::now()) {
            return Ok(Action::requeue(left));
        }
        let old = object.status.clone().unwrap_or_default();
        let seen = observe(&self.stores, object);
        let step = step::step(&object.spec, &old, &seen, Timestamp::now());
        let hands = Hands {
            context: &self.context,
            stores: &self.stores,
            owner: object,
            seen: &seen,
        };
        match hands.act(&step).await {
            Ok(wrote) => {
                self.report(object, &old, &step.status, step.notice, wrote)
                    .await?;
                Ok(step
                    .wake_after
                    .map_or_else(Action::await_change, Action::requeue))
            }
            Err(Error::Refused { message, .. }) => self.refused(object, &old, &message).await,
            Err(error) => Err(error),
        }
    }

    async fn refused(
        &self,
        object: &TranscodeJob,
        old: &TranscodeJobStatus,
        words: &str,
    ) -> Result<Action> {
        let generation = object.metadata.generation;
        let (new, notice) = step::refused(old, words, generation, Timestamp::now());
        self.report(object, old, &new, notice, Wrote::default())
            .await?;
        Ok(Action::requeue(REFUSED))
    }

    /// Writes our part of the status and says what is new.
    async fn report(
        &self,
        object: &TranscodeJob,
        old: &TranscodeJobStatus,
        new: &TranscodeJobStatus,
        notice: Option<Notice>,
        mut wrote: Wrote,
    ) -> Result<()> {
        // What was acted is remembered even when the status cannot be written.
        self.fresh.wrote(object, wrote.clone(), Instant::now());
        let (old, new) = (status::ours(old), status::ours(new));
        let written = self.context.apply.status(object, &old, &new).await?;
        if let Some(notice) = notice {
            self.context.apply.event(object, notice);
        }
        wrote.status(written);
        self.fresh.wrote(object, wrote, Instant::now());
        Ok(())
    }
}
