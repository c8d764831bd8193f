//! TranscodeJobs and pod tokens in memory, for tests of what stands on the ports.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use streamgate_crds::TranscodeJobSpec;
use streamgate_crds::transcode_job::{Asked, Phase, Progress, TranscodeJobStatus};

use super::{Job, Jobs, JobsError, Made, Marks, Pod, PodTokens, TokenError, Written};

/// Jobs by UID, progress writes by job name, in order. A token is `namespace/pod`.
#[derive(Default)]
pub struct MemoryJobs {
    /// What there is.
    pub jobs: Mutex<BTreeMap<String, Job>>,
    /// What was written.
    pub writes: Mutex<Vec<(String, Progress)>>,
    /// Nothing can be made.
    pub away: AtomicBool,
}

impl MemoryJobs {
    /// Adds or replaces a job.
    pub fn put(&self, job: Job) {
        self.jobs.lock().unwrap().insert(job.uid.clone(), job);
    }

    /// Changes a job's phase, as the operator would.
    pub fn phase(&self, uid: &str, phase: Phase) {
        let mut jobs = self.jobs.lock().unwrap();
        let job = jobs.get_mut(uid).unwrap();
        job.phase = phase;
        job.version.push('x');
    }

    /// Changes a job's status, as the operator would.
    pub fn status(&self, name: &str, change: impl FnOnce(&mut TranscodeJobStatus)) {
        let mut jobs = self.jobs.lock().unwrap();
        let job = jobs.values_mut().find(|job| job.name == name).unwrap();
        change(Arc::make_mut(&mut job.status));
        job.phase = job.status.phase.unwrap_or_default();
        job.attempt = u32::try_from(job.status.attempt.unwrap_or(0)).unwrap();
        job.version.push('x');
    }
}

#[async_trait]
impl Jobs for MemoryJobs {
    async fn job(&self, namespace: &str, uid: &str) -> Result<Option<Job>, JobsError> {
        let job = self.jobs.lock().unwrap().get(uid).cloned();
        Ok(job.filter(|job| job.namespace == namespace))
    }

    async fn create(
        &self,
        namespace: &str,
        name: &str,
        spec: &TranscodeJobSpec,
        marks: &Marks,
    ) -> Result<(Made, Job), JobsError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(JobsError::Unavailable {
                action: "create a TranscodeJob",
                source: "it is away".into(),
            });
        }
        let mut jobs = self.jobs.lock().unwrap();
        match jobs.values().find(|job| job.name == name) {
            Some(job) if job.spec.source == spec.source => {
                return Ok((Made::Existed, job.clone()));
            }
            Some(_) => {
                let (namespace, name) = (namespace.to_owned(), name.to_owned());
                return Err(JobsError::Taken { namespace, name });
            }
            None => {}
        }
        let job = Job {
            uid: format!("uid-of-{name}"),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: "1".into(),
            spec: Arc::new(spec.clone()),
            phase: Phase::Pending,
            attempt: 0,
            deleted: false,
            marks: marks.clone(),
            // In the order in which they were made.
            created_at: i64::try_from(jobs.len()).unwrap(),
            status: Arc::default(),
        };
        jobs.insert(job.uid.clone(), job.clone());
        Ok((Made::Created, job))
    }

    async fn read(&self, namespace: &str, name: &str) -> Result<Option<Job>, JobsError> {
        let jobs = self.jobs.lock().unwrap();
        let found = jobs
            .values()
            .find(|job| job.namespace == namespace && job.name == name);
        Ok(found.cloned())
    }

    async fn named(&self, namespace: &str, name: &str) -> Result<Option<Job>, JobsError> {
        self.read(namespace, name).await
    }

    async fn all(&self) -> Result<Vec<Arc<Job>>, JobsError> {
        let jobs = self.jobs.lock().unwrap();
        Ok(jobs.values().cloned().map(Arc::new).collect())
    }

    async fn check(&self, _: &str, spec: &TranscodeJobSpec) -> Result<(), JobsError> {
        let rungs = spec.renditions.iter().flatten();
        match rungs.into_iter().find(|rung| rung.height < 144) {
            Some(rung) => Err(JobsError::Refused(format!("height {}", rung.height))),
            None => Ok(()),
        }
    }

    async fn ask(&self, job: &Job, asked: Asked) -> Result<Written, JobsError> {
        let mut jobs = self.jobs.lock().unwrap();
        let Some(kept) = jobs.get_mut(&job.uid).filter(|j| j.version == job.version) else {
            return Ok(Written::Stale);
        };
        kept.version.push('a');
        Arc::make_mut(&mut kept.status).asked = Some(asked);
        Ok(Written::Done)
    }

    async fn write_progress(&self, job: &Job, progress: &Progress) -> Result<Written, JobsError> {
        let mut jobs = self.jobs.lock().unwrap();
        let Some(kept) = jobs.get_mut(&job.uid).filter(|j| j.version == job.version) else {
            return Ok(Written::Stale);
        };
        kept.version.push('p');
        let written = (job.name.clone(), progress.clone());
        self.writes.lock().unwrap().push(written);
        Ok(Written::Done)
    }
}

#[async_trait]
impl PodTokens for MemoryJobs {
    async fn verify(&self, token: &str) -> Result<Pod, TokenError> {
        let (namespace, name) = token
            .split_once('/')
            .ok_or(TokenError::Refused("it is malformed"))?;
        Ok(Pod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }
}
