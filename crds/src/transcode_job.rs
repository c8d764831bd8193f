//! `TranscodeJob`: one video becomes one output, chunk by chunk, on as many pods as there are.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use streamgate_contract::encryption::EncryptionSettings;
use streamgate_contract::ids::{ContentId, UploadId};
use streamgate_contract::renditions::{AudioSettings, GridSettings, Ladder, Rendition};

use crate::StreamGateRef;

/// What is to be transcoded, and how. Everything but `suspend`, `parallelism`,
/// `priorityClassName`, `activeDeadlineSeconds` and `ttlSecondsAfterFinished` is immutable.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "streamgate.io",
    version = "v1alpha1",
    kind = "TranscodeJob",
    plural = "transcodejobs",
    shortname = "tj",
    category = "streamgate-all",
    namespaced,
    status = "TranscodeJobStatus",
    derive = "PartialEq",
    doc = "Turns one video into a streamable output of a StreamGate.",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "Progress",
        type_ = "integer",
        json_path = ".status.progress.percent",
        description = "Percent of segments committed"
    ),
    printcolumn(
        name = "Segments",
        type_ = "string",
        json_path = ".status.progress.segments",
        description = "Committed/all"
    ),
    printcolumn(
        name = "Speed",
        type_ = "string",
        json_path = ".status.progress.speed",
        description = "Media time per wall time"
    ),
    printcolumn(
        name = "ETA",
        type_ = "integer",
        json_path = ".status.progress.etaSeconds",
        description = "Seconds until encoded"
    ),
    printcolumn(name = "Active", type_ = "integer", json_path = ".status.spans.active"),
    printcolumn(name = "Failed", type_ = "string", json_path = ".status.spans.failed"),
    printcolumn(
        name = "Content",
        type_ = "string",
        json_path = ".status.output.content"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.reason",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.message",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.encryption) || self.encryption.scheme == 'AES-128' || !has(self.renditions) || self.renditions.all(r, r.codec in ['H264', 'HEVC'])").message("encryption cbcs and cenc are for H264 and HEVC: use renditions of these or scheme AES-128"))]
#[x_kube(validation = Rule::new("self.streamGateRef == oldSelf.streamGateRef && self.source == oldSelf.source && has(self.grid) == has(oldSelf.grid) && has(self.content) == has(oldSelf.content) && has(self.renditions) == has(oldSelf.renditions) && has(self.audio) == has(oldSelf.audio) && has(self.encryption) == has(oldSelf.encryption) && has(self.profile) == has(oldSelf.profile) && has(self.ladder) == has(oldSelf.ladder) && has(self.subtitles) == has(oldSelf.subtitles)").message("source, content, profile, renditions, ladder, audio, subtitles, encryption, grid and streamGateRef cannot be changed: delete the TranscodeJob and make a new one"))]
#[x_kube(validation = Rule::new("!has(self.subtitles) || self.subtitles.all(s, s.source.persistentVolumeClaim.claimName == (has(self.source.persistentVolumeClaim) ? self.source.persistentVolumeClaim.claimName : self.subtitles[0].source.persistentVolumeClaim.claimName))").message("subtitles must lie in one claim, that of the source if it has one: copy the files there"))]
pub struct TranscodeJobSpec {
    /// StreamGate that gets the output.
    pub stream_gate_ref: StreamGateRef,

    /// Where the video is; exactly one kind.
    #[x_kube(validation = Rule::new("[has(self.upload), has(self.persistentVolumeClaim)].filter(x, x).size() == 1").message("set exactly one of source.upload and source.persistentVolumeClaim"))]
    pub source: Source,

    /// Which content gets the output. Needed for every source but `upload`, which brings its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("content cannot be changed: delete the TranscodeJob and make a new one"))]
    pub content: Option<Content>,

    /// Profile: standard, auto, mobile, hevc, av1, vp9, or one of the StreamGate's
    /// `transcode.profiles`. What is said below goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("profile cannot be changed: delete the TranscodeJob and make a new one"))]
    pub profile: Option<String>,

    /// Ladder, tallest first; the profile's when absent, else the StreamGate's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 12))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("renditions cannot be changed: delete the TranscodeJob and make a new one"))]
    pub renditions: Option<Vec<Rendition>>,

    /// Fixed makes every rung that does not enlarge the source; Auto encodes samples first and leaves
    /// out a rung that looks like its neighbours, and those below one that goes through the lowest
    /// rung's cap. The profile's when absent, else the StreamGate's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("ladder cannot be changed: delete the TranscodeJob and make a new one"))]
    pub ladder: Option<Ladder>,

    /// Audio; the StreamGate's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("audio cannot be changed: delete the TranscodeJob and make a new one"))]
    pub audio: Option<AudioSettings>,

    /// Files with subtitles beside those that the source holds itself, in the order in which
    /// players list them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("subtitles cannot be changed: delete the TranscodeJob and make a new one"))]
    #[x_kube(validation = Rule::new("self.filter(s, has(s.default) && s.default).size() <= 1").message("at most one of the subtitles can be the default"))]
    pub subtitles: Option<Vec<Subtitles>>,

    /// Grid; the StreamGate's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("grid cannot be changed: delete the TranscodeJob and make a new one"))]
    pub grid: Option<GridSettings>,

    /// Encryption of the whole output; none when absent. cbcs and cenc are for H264 and HEVC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("encryption cannot be changed: delete the TranscodeJob and make a new one"))]
    pub encryption: Option<EncryptionSettings>,

    /// Job pods at once; the StreamGate's default when absent. Live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub parallelism: Option<i32>,

    /// How often one span is tried again before the job fails. Default 3.
    #[serde(default = "default_backoff_limit_per_index")]
    #[schemars(range(min = 0, max = 20))]
    pub backoff_limit_per_index: i32,

    /// Seconds after which an unfinished job fails with reason DeadlineExceeded. Live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_592_000))]
    pub active_deadline_seconds: Option<i64>,

    /// Seconds after which a finished TranscodeJob is deleted; its output stays. Never when
    /// absent. Live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: Option<i64>,

    /// PriorityClass of the job's pods; the StreamGate's default when absent. A change holds for
    /// the steps that have not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,

    /// Stop the job's pods; what is committed stays. Live.
    #[serde(default)]
    pub suspend: bool,
}

fn default_backoff_limit_per_index() -> i32 {
    3
}

/// Where the video is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// An upload of the same StreamGate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadSource>,
    /// A file of a PersistentVolumeClaim in the TranscodeJob's namespace; mounted read-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimSource>,
}

/// An upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadSource {
    /// Id of the upload.
    pub id: UploadId,
    /// Begin while the upload still runs; else it has to be finished. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub while_uploading: bool,
}

/// A file of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSource {
    /// Name of the claim.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// Path of the file below the volume's root, relative, without `..`.
    #[schemars(length(min = 1, max = 1_024), regex(pattern = r"^[^/].*$"))]
    pub path: String,
}

/// A file with subtitles: SubRip, WebVTT or TTML in UTF-8 or UTF-16, at most 4 MiB. Its times count
/// from the first picture of the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subtitles {
    /// Language (BCP 47), such as `en` or `pt-BR`.
    #[schemars(
        length(min = 1, max = 35),
        regex(pattern = r"^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*$")
    )]
    pub language: String,
    /// Name that players show; the language when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r#"^[^"\x00-\x1f\x7f]+$"#))]
    pub label: Option<String>,
    /// Shown unless the viewer chooses otherwise. Default false.
    #[serde(default)]
    pub default: bool,
    /// Only what has to be read whatever the viewer understands, such as signs. Default false.
    #[serde(default)]
    pub forced: bool,
    /// Says sounds and speakers, too. Default false.
    #[serde(default)]
    pub hearing_impaired: bool,
    /// Where the file is.
    pub source: SubtitlesSource,
}

/// Where a file with subtitles is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubtitlesSource {
    /// A file of a PersistentVolumeClaim in the TranscodeJob's namespace; mounted read-only.
    pub persistent_volume_claim: ClaimSource,
}

impl TranscodeJobSpec {
    /// The claim that the job's pods mount: that of the source, else of the subtitles.
    pub fn claim_name(&self) -> Option<&str> {
        let subtitles = self.subtitles.iter().flatten();
        let beside = subtitles.map(|file| &file.source.persistent_volume_claim);
        let source = self.source.persistent_volume_claim.iter();
        let first = source.chain(beside).next();
        first.map(|claim| claim.claim_name.as_str())
    }
}

/// Which content gets the output. A content that does not exist is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Id of the content. A content made by another namespace or creator is refused.
    pub id: ContentId,
    /// Title for people, when the content is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub title: Option<String>,
    /// Wallet of the owner, when the content is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^0x[0-9a-fA-F]{40}$"))]
    pub owner: Option<String>,
    /// Name of a rule of the StreamGate, when the content is made; its defaultRule when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub rule: Option<String>,
}

/// One word for where a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Not begun: waits for its StreamGate or its turn.
    #[default]
    Pending,
    /// The upload still runs; what has arrived of it is being encoded where its layout allows.
    WaitingForSource,
    /// The source is probed and cut.
    Planning,
    /// Spans are encoded.
    Encoding,
    /// The output is closed.
    Publishing,
    /// Suspended.
    Suspended,
    /// Playable. Terminal.
    Succeeded,
    /// Given up. Terminal.
    Failed,
}

impl Phase {
    /// Whether nothing moves any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Phase::Succeeded | Phase::Failed)
    }
}

/// What became of a TranscodeJob. `progress` and `asked` are written by the worker, the rest by the
/// operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TranscodeJobStatus {
    /// Generation of the spec this status speaks of; -1 before the first pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Complete, Failed, Suspended.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// One word for where the job is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Stable word for why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub reason: Option<String>,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4_096))]
    pub message: Option<String>,
    /// Attempt, from 0; counts up when a failed job is run again by annotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i32>,
    /// Value of the retry annotation that this attempt answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub retried: Option<String>,
    /// How often a step of this attempt was run again because its result was lost; at most 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reruns: Option<i32>,
    /// When the operator took the job on, or went on with it after a suspension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// What Plan decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// Spans by state, as ranges of indexes like batch/v1 writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spans: Option<SpansStatus>,
    /// The output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputStatus>,
    /// How near the rungs come to what their encoders were given, when the job has succeeded; of a
    /// picture of each chunk, brightness alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    pub quality: Vec<QualityStatus>,
    /// What the pods of this attempt took, when it has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostStatus>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What was asked of the job through the gate's API; written by the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

impl TranscodeJobStatus {
    /// Whether this is asked of the attempt that the status speaks of.
    pub fn is_asked(&self, action: Ask) -> bool {
        let attempt = self.attempt.unwrap_or(0);
        self.asked == Some(Asked { action, attempt })
    }
}

/// What was asked of one attempt of a job. Of any other attempt it asks nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// What to do.
    pub action: Ask,
    /// The attempt it is asked of.
    pub attempt: i32,
}

/// What may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Ask {
    /// End the attempt, unless its output is being closed already.
    Cancel,
    /// Begin another attempt after this one failed.
    Retry,
}

/// What Plan decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Completion indexes of Encode; 0 when the Plan pod encoded everything itself.
    pub spans: i32,
    /// Segments over all tracks.
    pub segments: i32,
    /// Duration of the source in milliseconds.
    pub duration_milliseconds: i64,
    /// Tracks of the output.
    #[schemars(length(max = 64))]
    pub tracks: Vec<String>,
    /// What of the source is left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub notes: Vec<String>,
    /// Engine that made the plan and does the job.
    #[schemars(length(max = 256))]
    pub engine: String,
    /// Loudness of the sound, by track, when `audio.loudness` asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub loudness: Vec<LoudnessStatus>,
}

/// How loud the source of a track is (EBU R 128).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoudnessStatus {
    /// Track.
    #[schemars(length(max = 63))]
    pub track: String,
    /// Integrated loudness in LUFS, such as `-17.30`; absent for silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub lufs: Option<String>,
    /// True peak in dBTP; absent for silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub true_peak: Option<String>,
    /// Gain of the encode in dB.
    #[schemars(length(max = 16))]
    pub gain: String,
}

/// Spans by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpansStatus {
    /// Pods at work.
    pub active: i32,
    /// Ranges of finished indexes, such as `0-2,4`.
    #[schemars(length(max = 4_096))]
    pub completed: String,
    /// Ranges of failed indexes.
    #[schemars(length(max = 4_096))]
    pub failed: String,
}

/// The output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputStatus {
    /// Content that is playable.
    #[schemars(length(max = 63))]
    pub content: String,
    /// Output id.
    #[schemars(length(max = 63))]
    pub id: String,
    /// Segments.
    pub segments: i32,
    /// Bytes.
    pub bytes: i64,
    /// The output whose segments these are, if nothing was encoded: it is of the same source, made
    /// with the same settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub taken_from: Option<String>,
}

/// How near a rung comes to what its encoder was given: loss of the encode, not of the size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualityStatus {
    /// Track.
    #[schemars(length(max = 63))]
    pub track: String,
    /// Peak signal-to-noise ratio in dB, such as `41.20`; 100 when nothing differs.
    #[schemars(length(max = 16))]
    pub psnr: String,
    /// Structural similarity, such as `0.9874`; 1 when nothing differs.
    #[schemars(length(max = 16))]
    pub ssim: String,
    /// Pictures that were compared.
    pub pictures: i64,
}

/// What the pods of an attempt took. A pod that was killed is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostStatus {
    /// CPU time of the transcoders in seconds, rounded up.
    pub cpu_seconds: i64,
    /// Time of Plan's and Encode's pods at work in seconds, rounded up.
    pub pod_seconds: i64,
    /// Bytes of the source that all of them fetched together.
    pub fetched_bytes: i64,
}

/// How far a job is. Never goes back while an attempt lasts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Percent of segments committed, 0 to 100.
    pub percent: i32,
    /// Committed and all segments over all tracks, such as `12/30`.
    #[schemars(length(max = 32))]
    pub segments: String,
    /// Media time encoded per wall time, such as `3.2x`; absent before there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub speed: Option<String>,
    /// Seconds until everything is encoded; absent before there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_seconds: Option<i64>,
    /// Bytes committed.
    pub bytes: i64,
    /// When this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Time>,
}
