//! TranscodeJobs and pod tokens of a Kubernetes cluster: jobs are watched, so looking one up asks
//! nobody; progress is written by server-side apply; tokens are verified with the cluster's
//! published keys.

use async_trait::async_trait;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use serde_json::json;
use streamgate_contract::labels::MANAGER_WORKER;
use streamgate_crds::transcode_job::Progress;
use streamgate_crds::{TranscodeJob, TranscodeJobSpec};
use tokio_util::sync::CancellationToken;

use crate::ports::jobs::{Job, Jobs, JobsError, Made, Written};

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

/// The job changed, went or was made anew since it was seen.
fn is_stale(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict() || status.is_not_found())
}

#[async_trait]
impl Jobs for Kubernetes {
    async fn job(&self, namespace: &str, uid: &str) -> Result<Option<Job>, JobsError> {
        let watched = self.watched.iter().find(|w| w.namespace() == namespace);
        let job = watched.and_then(|w| w.job(uid));
        job.ok_or_else(|| JobsError::Unknown(namespace.to_owned()))
    }

    async fn create(
        &self,
        namespace: &str,
        name: &str,
        spec: &TranscodeJobSpec,
    ) -> Result<Made, JobsError> {
        let api = self.api(namespace);
        let wanted = TranscodeJob::new(name, spec.clone());
        match api.create(&PostParams::default(), &wanted).await {
            Ok(_) => return Ok(Made::Created),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => return Err(unavailable("create a TranscodeJob")(error)),
        }
        let found = api.get(name).await;
        let found = found.map_err(unavailable("read a TranscodeJob"))?.spec;
        let same = found.source == spec.source && found.stream_gate_ref == spec.stream_gate_ref;
        let taken = || JobsError::Taken {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        same.then_some(Made::Existed).ok_or_else(taken)
    }

    async fn write_progress(&self, job: &Job, progress: &Progress) -> Result<Written, JobsError> {
        // The version is a precondition: a write never lands on a job that ended since it was
        // seen, nor on one that was made anew, whose versions are all newer. The UID would prove
        // nothing: the API server does not look at it in a patch of the status.
        let patch = json!({
            "apiVersion": TranscodeJob::api_version(&()),
            "kind": TranscodeJob::kind(&()),
            "metadata": {"resourceVersion": job.version},
            "status": {"progress": progress},
        });
        let params = PatchParams::apply(MANAGER_WORKER).force();
        let api = self.api(&job.namespace);
        match api
            .patch_status(&job.name, &params, &Patch::Apply(&patch))
            .await
        {
            Ok(_) => Ok(Written::Done),
            Err(error) if is_stale(&error) => Ok(Written::Stale),
            Err(error) => Err(unavailable("write the progress of a TranscodeJob")(error)),
        }
    }
}
