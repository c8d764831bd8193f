//! Bodies of the desk.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use streamgate_contract::renditions::{AudioSettings, GridSettings, Ladder, Rendition};
use streamgate_crds::transcode_job::{Asked, Phase};
use utoipa::ToSchema;

use crate::ports::jobs;
use crate::services::worker::desk::profiles::Offer;
use crate::services::worker::desk::{Desk, JobId, Listing, queue};

/// A job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Name of its TranscodeJob, after `NAMESPACE:` where that is not the gate's.
    #[schema(value_type = String)]
    id: JobId,
    /// Wallet of whose it is; absent for jobs that were applied without an owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Content that gets the output, where it is known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// Upload that is encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    upload: Option<String>,
    /// Profile it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// Where it is: Pending, WaitingForSource, Planning, Encoding, Publishing, Suspended, Succeeded or Failed.
    #[schema(value_type = String)]
    phase: Phase,
    /// Stable word for why it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// A sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Attempt, from 0.
    attempt: u32,
    /// What was asked of it here last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    asked: Option<Asked>,
    /// When it was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When its attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    /// What it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Output>,
    /// What its pods took, when it has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
    /// Conditions of the TranscodeJob.
    conditions: Vec<Condition>,
}

/// How far a job is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Percent of segments committed.
    percent: i32,
    /// Committed and all segments, such as `12/30`.
    segments: String,
    /// Media time encoded per wall time, such as `3.2x`.
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<String>,
    /// Seconds until everything is encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<i64>,
    /// Bytes committed.
    bytes: i64,
}

/// What a job made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Identifier.
    id: String,
    /// Segments.
    segments: i32,
    /// Bytes.
    bytes: i64,
}

/// What the pods of a job took.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// CPU time in seconds.
    cpu_seconds: i64,
    /// Time of pods at work in seconds.
    pod_seconds: i64,
    /// Bytes of the source that were fetched.
    fetched_bytes: i64,
}

/// A condition.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Ready, Reconciling, Stalled, Complete, Failed or Suspended.
    r#type: String,
    /// `True`, `False` or `Unknown`.
    status: String,
    /// Stable word.
    reason: String,
    /// A sentence for people.
    message: String,
}

impl Job {
    /// A job as people see it.
    pub fn of(desk: &Desk, job: &jobs::Job) -> Self {
        let (spec, status) = (&job.spec, &job.status);
        Self {
            id: desk.id(job),
            owner: job.owner().map(str::to_owned),
            content: job.content().map(str::to_owned),
            upload: spec.source.upload.as_ref().map(|u| u.id.to_string()),
            profile: spec.profile.clone(),
            phase: job.phase,
            reason: status.reason.clone(),
            message: status.message.clone(),
            attempt: job.attempt,
            asked: status.asked,
            created_at: Timestamp::from_second(job.created_at).ok(),
            started_at: status.start_time.as_ref().and_then(moment),
            ended_at: status.completion_time.as_ref().and_then(moment),
            progress: status.progress.as_ref().map(|p| Progress {
                percent: p.percent,
                segments: p.segments.clone(),
                speed: p.speed.clone(),
                eta_seconds: p.eta_seconds,
                bytes: p.bytes,
            }),
            output: status.output.as_ref().map(|o| Output {
                id: o.id.clone(),
                segments: o.segments,
                bytes: o.bytes,
            }),
            cost: status.cost.as_ref().map(|c| Cost {
                cpu_seconds: c.cpu_seconds,
                pod_seconds: c.pod_seconds,
                fetched_bytes: c.fetched_bytes,
            }),
            conditions: status.conditions.iter().map(Condition::from).collect(),
        }
    }
}

/// The client of Kubernetes may know times of another version.
fn moment(time: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time) -> Option<Timestamp> {
    Timestamp::from_second(time.0.as_second()).ok()
}

impl From<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> for Condition {
    fn from(condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition) -> Self {
        Self {
            r#type: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        }
    }
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub struct Jobs {
    /// The jobs, newest first.
    jobs: Vec<Job>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Jobs {
    /// A page as people see it.
    pub fn of(desk: &Desk, listing: Listing) -> Self {
        Self {
            jobs: listing.jobs.iter().map(|job| Job::of(desk, job)).collect(),
            next: listing.next,
        }
    }
}

/// How many jobs there are.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// Jobs that have not begun.
    queued: u64,
    /// Jobs at work.
    running: u64,
    /// Jobs that are told to wait.
    suspended: u64,
    /// Jobs that have ended and are still there, by reason.
    #[schema(value_type = Object)]
    finished: BTreeMap<&'static str, u64>,
    /// For how many seconds the job has waited that waits longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_wait_seconds: Option<i64>,
}

impl From<queue::Queue> for Queue {
    fn from(queue: queue::Queue) -> Self {
        Self {
            queued: queue.queued,
            running: queue.running,
            suspended: queue.suspended,
            finished: queue.finished,
            oldest_wait_seconds: queue.oldest_wait,
        }
    }
}

/// What a job is encoded to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Ladder, tallest first.
    #[schema(value_type = Vec<Object>)]
    renditions: Vec<Rendition>,
    /// `Fixed` makes every rung, `Auto` those that are worth their bits.
    #[schema(value_type = String)]
    ladder: Ladder,
    /// Audio.
    #[schema(value_type = Object)]
    audio: AudioSettings,
    /// Lengths of groups of pictures, segments and spans.
    #[schema(value_type = Object)]
    grid: GridSettings,
}

/// A profile.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EncodingProfile)]
pub struct Profile {
    /// What a job says to get it.
    name: String,
    /// Every gate has it; others are this gate's own.
    built_in: bool,
    /// What it stands for.
    #[serde(flatten)]
    settings: Settings,
}

/// Every profile.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profiles {
    /// What a job gets that names none.
    default: Settings,
    /// In order of their names.
    profiles: Vec<Profile>,
}

impl From<Vec<Offer>> for Profiles {
    fn from(offers: Vec<Offer>) -> Self {
        let mut default = Settings {
            renditions: Vec::new(),
            ladder: Ladder::default(),
            audio: AudioSettings::default(),
            grid: GridSettings::default(),
        };
        let mut profiles = Vec::new();
        for offer in offers {
            let settings = Settings {
                renditions: offer.renditions,
                ladder: offer.ladder,
                audio: offer.audio,
                grid: offer.grid,
            };
            match offer.name {
                None => default = settings,
                Some(name) => profiles.push(Profile {
                    name,
                    built_in: offer.built_in,
                    settings,
                }),
            }
        }
        Self { default, profiles }
    }
}
