//! Does what a step decided. Everything here may be done twice.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use serde_json::json;
use streamgate_contract::names::Step as Stage;
use streamgate_crds::TranscodeJob;

use super::fresh::Wrote;
use super::job::{self, GateFacts, Recipe};
use super::observe::{Stores, attempt};
use super::seen::VERSION;
use super::step::{Action, GateSeen, Observed, Step};
use crate::context::Context;
use crate::error::Result;

/// One pass' hands.
pub struct Hands<'a> {
    /// The writer and the settings.
    pub context: &'a Context,
    /// To find the objects that actions name.
    pub stores: &'a Stores,
    /// The TranscodeJob.
    pub owner: &'a TranscodeJob,
    /// What the decision went by.
    pub seen: &'a Observed,
}

impl Hands<'_> {
    /// Does everything, in order; returns what the watches have to catch up with.
    ///
    /// # Errors
    /// See [`crate::error::Error`].
    pub async fn act(&self, step: &Step) -> Result<Wrote> {
        let mut wrote = Wrote::default();
        for action in &step.actions {
            match action {
                Action::Create(stage) => self.create(*stage, step, &mut wrote).await?,
                Action::Suspend(stage, suspend) => {
                    let fields = json!({"spec": {"suspend": suspend}});
                    self.change(*stage, fields, &mut wrote).await?;
                }
                Action::Parallelism(stage, pods) => {
                    let fields = json!({"spec": {"parallelism": pods}});
                    self.change(*stage, fields, &mut wrote).await?;
                }
                Action::Delete(stage) => self.delete(*stage, &mut wrote).await?,
                Action::DeleteSelf => self.context.apply.delete(self.owner).await?,
            }
        }
        Ok(wrote)
    }

    async fn create(&self, stage: Stage, step: &Step, wrote: &mut Wrote) -> Result<()> {
        // A stage is begun only when its gate is ready.
        let GateSeen::Ready(gate) = &self.seen.gate else {
            return Ok(());
        };
        let spans = step.status.plan.as_ref().map_or(0, |plan| plan.spans);
        let job = job::job(&Recipe {
            owner: self.owner,
            attempt: attempt(self.owner),
            stage,
            spans,
            version: &self.version(gate),
            gate,
            settings: &self.context.settings,
        })?;
        let made = self.context.apply.create(&job).await?;
        wrote.job(made.and_then(|job| job.resource_version()));
        Ok(())
    }

    /// Every step runs the version that Plan ran, whatever the StreamGate rolled to meanwhile.
    fn version(&self, gate: &GateFacts) -> String {
        let plan = self
            .stores
            .job(self.owner, attempt(self.owner), Stage::Plan);
        let planned = plan.and_then(|job| job.labels().get(VERSION).cloned());
        planned.unwrap_or_else(|| gate.version.clone())
    }

    async fn change(
        &self,
        stage: Stage,
        fields: serde_json::Value,
        wrote: &mut Wrote,
    ) -> Result<()> {
        if let Some(job) = self.job(stage) {
            let changed = self.context.apply.merge(job.as_ref(), fields).await?;
            wrote.job(changed.and_then(|job| job.resource_version()));
        }
        Ok(())
    }

    async fn delete(&self, stage: Stage, wrote: &mut Wrote) -> Result<()> {
        if let Some(job) = self.job(stage) {
            self.context.apply.delete(job.as_ref()).await?;
            wrote.deleted(job.name_any(), job.uid());
        }
        Ok(())
    }

    fn job(&self, stage: Stage) -> Option<std::sync::Arc<Job>> {
        self.stores.job(self.owner, attempt(self.owner), stage)
    }
}
