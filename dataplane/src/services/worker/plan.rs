//! Takes the plan that Plan made, stores it as an output of the job's content and answers what is
//! stored: the first plan of an attempt stays, whatever a repeated Plan pod sends.

use std::sync::Arc;

use streamgate_contract::OutputId;
use streamgate_contract::job_api::Assignment;
use streamgate_contract::names::Step;
use streamgate_contract::plan::Plan;

use super::Worker;
use super::admit::Task;
use super::error::WorkerError;
use super::planned::Planned;
use crate::ports::catalog::Output;
use crate::ports::jobs::Pod;

mod validate;

impl Worker {
    /// Stores a plan and answers the assignment of the stored one. `source_sha256` is the hash of the
    /// source, if the courier says it.
    ///
    /// # Errors
    /// When the pod is no Plan pod, the plan does not hold together, or the content is another's.
    pub async fn plan(
        &self,
        pod: &Pod,
        plan: Plan,
        source_sha256: Option<&str>,
    ) -> Result<Assignment, WorkerError> {
        let task = self.task(pod).await?;
        if task.pod.step != Step::Plan {
            return Err(WorkerError::NotAssigned("plans".into()));
        }
        self.check(&task, &plan).await?;
        let content = self.ensure_content(&task).await?;
        let output = Output {
            id: output_id(&task)?,
            content,
            job: task.key(),
            plan,
            complete: false,
        };
        let stored = self.catalog.plan_output(&output).await?;
        let planned = Arc::new(Planned::of(&stored));
        self.planned.insert(task.key(), planned.clone()).await;
        let entry = self.entry(&task, &planned).await?;
        self.take_over(&stored, &planned, &entry, source_sha256)
            .await;
        let order = self.encode_order(&task, stored).await?;
        self.assign(&task, order).await
    }

    async fn check(&self, task: &Task, plan: &Plan) -> Result<(), WorkerError> {
        validate::plan(plan, &self.transcode.limits).map_err(|wrong| {
            WorkerError::internal(format!("the plan does not hold together: {wrong}"))
        })?;
        let protection = self.protection(task).await?;
        if plan.protected != protection.map(|p| p.public()) {
            return Err(WorkerError::internal(
                "the plan is not encrypted as the job says",
            ));
        }
        if task.job.spec.source.upload.is_none() {
            return Ok(());
        }
        match self.finished_upload(task).await?.offset() == plan.source.bytes {
            true => Ok(()),
            false => Err(WorkerError::internal(
                "the plan is of another source than the upload",
            )),
        }
    }

    /// What is at hand of the job's stored plan.
    pub(super) async fn planned(&self, task: &Task) -> Result<Arc<Planned>, WorkerError> {
        let key = task.key();
        if let Some(planned) = self.planned.get(&key).await {
            return Ok(planned);
        }
        let output = self.catalog.output_of_job(&key).await?;
        let output = output.ok_or(WorkerError::NotPlanned)?;
        let planned = Arc::new(Planned::of(&output));
        self.planned.insert(key, planned.clone()).await;
        Ok(planned)
    }
}

/// One output for each attempt of a job: repeating Plan names the same one.
fn output_id(task: &Task) -> Result<OutputId, WorkerError> {
    let id = format!("{}-{}", task.pod.transcode_job_uid, task.pod.attempt);
    let invalid = |e| WorkerError::internal(format!("{e}"));
    id.to_lowercase().parse().map_err(invalid)
}
