//! TranscodeJobs and pod tokens of a Kubernetes cluster: jobs are watched, so looking one up asks
//! nobody; progress is written by server-side apply; tokens are verified with the cluster's
//! published keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use serde_json::{Value, json};
use streamgate_contract::labels::{
    JOB_CONTENT, JOB_OWNER, JOB_REQUEST, MANAGER_DESK, MANAGER_WORKER,
};
use streamgate_crds::transcode_job::{Asked, Progress};
use streamgate_crds::{TranscodeJob, TranscodeJobSpec};
use tokio_util::sync::CancellationToken;

use crate::ports::jobs::{Job, Jobs, JobsError, Made, Marks, Written};

mod keys;
pub mod peers;
pub mod tokens;
mod watch;

use watch::Watched;

/// The TranscodeJobs of some namespaces.
pub struct Kubernetes {
    client: Client,
    watched: Vec<Watched>,
}

impl Kubernetes {
    /// Knows nothing until [`Kubernetes::run`] watches.
    pub fn new(client: Client, namespaces: impl IntoIterator<Item = String>) -> Self {
        let mut namespaces: Vec<String> = namespaces.into_iter().collect();
        namespaces.sort();
        namespaces.dedup();
        Self {
            watched: namespaces.into_iter().map(Watched::new).collect(),
            client,
        }
    }

    /// Watches every namespace until `stop`; one that cannot be watched disturbs no other.
    pub async fn run(&self, stop: CancellationToken) {
        let watches = self.watched.iter().map(|watched| {
            let api = Api::namespaced(self.client.clone(), watched.namespace());
            watched.follow(api)
        });
        let all = futures::future::join_all(watches);
        stop.run_until_cancelled(all).await;
    }

    /// What is known of a namespace; nothing is asked of others.
    fn watched(&self, namespace: &str) -> Result<&Watched, JobsError> {
        let watched = self.watched.iter().find(|w| w.namespace() == namespace);
        watched.ok_or_else(|| JobsError::Unknown(namespace.to_owned()))
    }

    fn api(&self, namespace: &str) -> Api<TranscodeJob> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

fn unavailable(action: &'static str) -> impl FnOnce(kube::Error) -> JobsError {
    move |e| JobsError::Unavailable {
        action,
        source: e.into(),
    }
}

/// What the gate notes on a job.
fn annotations(marks: &Marks) -> BTreeMap<String, String> {
    let all = [
        (JOB_OWNER, marks.owner.clone()),
        (JOB_CONTENT, marks.content.as_ref().map(ToString::to_string)),
        (JOB_REQUEST, marks.request.clone()),
    ];
    let noted = |(key, value): (&str, Option<String>)| Some((key.to_owned(), value?));
    all.into_iter().filter_map(noted).collect()
}

/// An object with everything that the API server gives to each.
fn whole(action: &'static str, found: TranscodeJob) -> Result<Job, JobsError> {
    watch::job(found).ok_or_else(|| JobsError::Unavailable {
        action,
        source: "the API server sent an object without an identity".into(),
    })
}

/// Refused for what it asks, which no repetition changes.
fn is_refusal(code: u16, message: &str) -> bool {
    code == 422 || (code == 403 && message.contains("exceeded quota"))
}

/// The job changed, went or was made anew since it was seen.
fn is_stale(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict() || status.is_not_found())
}

#[async_trait]
impl Jobs for Kubernetes {
    async fn job(&self, namespace: &str, uid: &str) -> Result<Option<Job>, JobsError> {
        let job = self.watched(namespace)?.job(uid);
        job.ok_or_else(|| JobsError::Unknown(namespace.to_owned()))
    }

    async fn create(
        &self,
        namespace: &str,
        name: &str,
        spec: &TranscodeJobSpec,
        marks: &Marks,
    ) -> Result<(Made, Job), JobsError> {
        const ACTION: &str = "create a TranscodeJob";
        let api = self.api(namespace);
        let mut wanted = TranscodeJob::new(name, spec.clone());
        wanted.metadata.annotations = Some(annotations(marks)).filter(|all| !all.is_empty());
        match api.create(&PostParams::default(), &wanted).await {
            Ok(made) => return Ok((Made::Created, whole(ACTION, made)?)),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(kube::Error::Api(status)) if is_refusal(status.code, &status.message) => {
                return Err(JobsError::Refused(status.message.clone()));
            }
            Err(error) => return Err(unavailable(ACTION)(error)),
        }
        let found = api.get(name).await;
        let found = found.map_err(unavailable("read a TranscodeJob"))?;
        let (is, must) = (&found.spec, spec);
        let same = is.source == must.source && is.stream_gate_ref == must.stream_gate_ref;
        let taken = || JobsError::Taken {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        same.then_some(()).ok_or_else(taken)?;
        Ok((Made::Existed, whole(ACTION, found)?))
    }

    async fn check(&self, namespace: &str, spec: &TranscodeJobSpec) -> Result<(), JobsError> {
        let mut wanted = TranscodeJob::new("", spec.clone());
        (wanted.metadata.name, wanted.metadata.generate_name) = (None, Some("check-".to_owned()));
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        match self.api(namespace).create(&params, &wanted).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if is_refusal(status.code, &status.message) => {
                Err(JobsError::Refused(status.message.clone()))
            }
            Err(error) => Err(unavailable("check a TranscodeJob")(error)),
        }
    }

    async fn read(&self, namespace: &str, name: &str) -> Result<Option<Job>, JobsError> {
        self.watched(namespace)?;
        let found = self.api(namespace).get_opt(name).await;
        let found = found.map_err(unavailable("read a TranscodeJob"))?;
        Ok(found.and_then(watch::job))
    }

    async fn named(&self, namespace: &str, name: &str) -> Result<Option<Job>, JobsError> {
        match self.watched(namespace)?.named(name) {
            Some(job) => Ok(Some(job)),
            None => self.read(namespace, name).await,
        }
    }

    async fn all(&self) -> Result<Vec<Arc<Job>>, JobsError> {
        let mut all = Vec::new();
        for watched in &self.watched {
            let unknown = || JobsError::Unknown(watched.namespace().to_owned());
            all.extend(watched.all().ok_or_else(unknown)?);
        }
        Ok(all)
    }

    async fn ask(&self, job: &Job, asked: Asked) -> Result<Written, JobsError> {
        const ACTION: &str = "write what is asked of a TranscodeJob";
        let status = json!({"asked": asked});
        self.write_status(job, MANAGER_DESK, status, ACTION).await
    }

    async fn write_progress(&self, job: &Job, progress: &Progress) -> Result<Written, JobsError> {
        const ACTION: &str = "write the progress of a TranscodeJob";
        let status = json!({"progress": progress});
        self.write_status(job, MANAGER_WORKER, status, ACTION).await
    }
}

impl Kubernetes {
    /// Applies fields of the status under the name of their manager.
    async fn write_status(
        &self,
        job: &Job,
        manager: &str,
        status: Value,
        action: &'static str,
    ) -> Result<Written, JobsError> {
        // The version is a precondition: a write never lands on a job that ended since it was
        // seen, nor on one that was made anew, whose versions are all newer. The UID would prove
        // nothing: the API server does not look at it in a patch of the status.
        let patch = json!({
            "apiVersion": TranscodeJob::api_version(&()),
            "kind": TranscodeJob::kind(&()),
            "metadata": {"resourceVersion": job.version},
            "status": status,
        });
        let params = PatchParams::apply(manager).force();
        let api = self.api(&job.namespace);
        match api
            .patch_status(&job.name, &params, &Patch::Apply(&patch))
            .await
        {
            Ok(_) => Ok(Written::Done),
            Err(error) if is_stale(&error) => Ok(Written::Stale),
            Err(error) => Err(unavailable(action)(error)),
        }
    }
}
