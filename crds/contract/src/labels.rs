//! Label keys, field managers and other strings that more than one component writes or selects by.

/// Standard name label.
pub const NAME: &str = "app.kubernetes.io/name";
/// Standard instance label: the StreamGate's name.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Standard component label: a role or `job`.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Standard managed-by label.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`] on everything the operator makes.
pub const OPERATOR: &str = "streamgate-operator";
/// UID of the TranscodeJob a Job or pod works for.
pub const TRANSCODE_JOB_UID: &str = "streamgate.io/transcode-job-uid";
/// Name of the StreamGate a Job, pod or child belongs to.
pub const STREAM_GATE: &str = "streamgate.io/stream-gate";
/// UID of the StreamGate an object in another namespace belongs to: owner references end at the
/// namespace.
pub const STREAM_GATE_UID: &str = "streamgate.io/stream-gate-uid";
/// Step of a job pod: `plan`, `encode` or `publish`.
pub const STEP: &str = "streamgate.io/step";
/// Annotation on a StreamGate's pods: hash of the configuration they run with.
pub const CONFIG_HASH: &str = "streamgate.io/config-hash";
/// Annotation on a TranscodeJob: a new value runs a failed job again.
pub const RETRY: &str = "streamgate.io/retry";
/// Annotation on a TranscodeJob that the gate made: wallet of whose it is.
pub const JOB_OWNER: &str = "streamgate.io/owner";
/// Annotation on a TranscodeJob that the gate made: content that gets the output.
pub const JOB_CONTENT: &str = "streamgate.io/content";
/// Annotation on a TranscodeJob that the gate made: names the request, so that a repeated one is known.
pub const JOB_REQUEST: &str = "streamgate.io/request";

/// Field manager of the operator.
pub const MANAGER_OPERATOR: &str = "streamgate-operator";
/// Field manager of the operator for the replicas of a Deployment that an autoscaler is to take over.
pub const MANAGER_REPLICAS: &str = "streamgate-operator-replicas";
/// Field manager of the worker: `TranscodeJob.status.progress`.
pub const MANAGER_WORKER: &str = "streamgate-worker";
/// Field manager of the worker for what people ask of a job: `TranscodeJob.status.asked`. One of its
/// own, for whoever applies under a name takes back what it applied before.
pub const MANAGER_DESK: &str = "streamgate-desk";
/// Field manager of the monitor: `AlertPolicy.status.evaluation`, `StreamGate.status.dataPlane`.
pub const MANAGER_MONITOR: &str = "streamgate-monitor";
