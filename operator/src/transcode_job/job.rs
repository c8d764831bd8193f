//! The Job of each step of a TranscodeJob, built from values alone.

use k8s_openapi::api::batch::v1::Job;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};
use streamgate_contract::names::{self, Step as Stage};
use streamgate_contract::{exit, labels, roles};
use streamgate_crds::scheduling::Scheduling;
use streamgate_crds::stream_gate::{Resources, Sandbox, StreamGate, TranscodeDefaults};
use streamgate_crds::{TranscodeJob, TranscodeJobSpec};

use super::seen::VERSION;
use crate::context::Settings;
use crate::error::{Error, Result};

/// Annotation with the name of the TranscodeJob: a name may be longer than a label's value.
pub const TRANSCODE_JOB: &str = "streamgate.io/transcode-job";
/// Most the shared folder of a job pod may hold. The operator does not know how large a source
/// is, so the bound is for the largest that one span needs.
const WORK_SIZE: &str = "20Gi";
/// Life of the courier's token; kubelet renews it in time.
const TOKEN_SECONDS: u32 = 3_600;
/// Users of the two containers and the group of the folder they share.
const COURIER_USER: u32 = 10_001;
const TRANSCODER_USER: u32 = 10_002;
const GROUP: u32 = 10_000;
/// Where the token is mounted, in the container that talks to the worker alone.
const TOKEN_FOLDER: &str = "/var/run/streamgate";

/// What a job needs to know of its StreamGate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateFacts {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// UID: the audience of the couriers' tokens.
    pub uid: String,
    /// Version of the data plane.
    pub version: String,
    /// Defaults of jobs.
    pub transcode: TranscodeDefaults,
}

impl GateFacts {
    /// The facts of a StreamGate that was read from the API server and has a version.
    pub fn of(gate: &StreamGate) -> Option<Self> {
        Some(Self {
            name: gate.name_any(),
            namespace: gate.namespace()?,
            uid: gate.uid()?,
            version: gate.status.as_ref()?.version.clone()?,
            transcode: gate.spec.transcode.clone(),
        })
    }
}

/// Everything a Job is built from.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The TranscodeJob.
    pub owner: &'a TranscodeJob,
    /// Attempt, from 0.
    pub attempt: u32,
    /// Step.
    pub stage: Stage,
    /// Completions of Encode.
    pub spans: i32,
    /// Image tag: the one Plan ran with, else the StreamGate's.
    pub version: &'a str,
    /// The StreamGate.
    pub gate: &'a GateFacts,
    /// Images.
    pub settings: &'a Settings,
}

/// Pods of Encode at once.
pub fn parallelism(spec: &TranscodeJobSpec, gate: &GateFacts, spans: i32) -> i32 {
    let wanted = spec.parallelism.unwrap_or(gate.transcode.parallelism);
    wanted.min(spans).max(1)
}

/// The Job of one step.
///
/// # Errors
/// `Incomplete` when the TranscodeJob was not read from the API server.
pub fn job(recipe: &Recipe<'_>) -> Result<Job> {
    let owner = recipe.owner;
    let incomplete = |field| Error::Incomplete {
        kind: TranscodeJob::kind(&()).into_owned(),
        field,
    };
    let uid = owner.uid().ok_or_else(|| incomplete("uid"))?;
    let namespace = owner.namespace().ok_or_else(|| incomplete("namespace"))?;
    let reference = owner
        .controller_owner_ref(&())
        .ok_or_else(|| incomplete("name"))?;
    let labels = labels_of(recipe, &uid);
    let (completions, parallelism) = match recipe.stage {
        Stage::Encode => (
            recipe.spans,
            parallelism(&owner.spec, recipe.gate, recipe.spans),
        ),
        Stage::Plan | Stage::Publish => (1, 1),
    };
    let job = json!({
        "metadata": {
            "name": names::job(&uid, recipe.attempt, recipe.stage),
            "namespace": namespace,
            "labels": labels,
            "annotations": {TRANSCODE_JOB: owner.name_any()},
            "ownerReferences": [reference],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": completions,
            "parallelism": parallelism,
            "suspend": false,
            "backoffLimitPerIndex": owner.spec.backoff_limit_per_index,
            // An output without one of its spans is none: the first span that is given up ends it.
            "maxFailedIndexes": 0,
            "podFailurePolicy": failure_policy(main_container(recipe.stage)),
            "template": {
                "metadata": {"labels": labels, "annotations": {TRANSCODE_JOB: owner.name_any()}},
                "spec": pod(recipe),
            },
        },
    });
    serde_json::from_value(job).map_err(|source| Error::Json {
        doing: format!("the Job of {}", recipe.stage.name()),
        source,
    })
}

fn labels_of(recipe: &Recipe<'_>, uid: &str) -> Value {
    json!({
        labels::NAME: "streamgate",
        labels::INSTANCE: recipe.gate.name,
        labels::COMPONENT: "job",
        labels::MANAGED_BY: labels::OPERATOR,
        labels::STREAM_GATE: recipe.gate.name,
        labels::TRANSCODE_JOB_UID: uid,
        labels::STEP: recipe.stage.name(),
        VERSION: recipe.version,
    })
}

fn main_container(stage: Stage) -> &'static str {
    match stage {
        Stage::Plan | Stage::Encode => "transcoder",
        Stage::Publish => "publish",
    }
}

/// Refusals end the Job at once; what is nobody's fault costs no retry.
fn failure_policy(main: &str) -> Value {
    json!({"rules": [
        {"action": "FailJob", "onExitCodes": {"containerName": main, "operator": "In", "values": [exit::SOURCE_REFUSED, exit::SETTINGS_REFUSED]}},
        {"action": "Ignore", "onExitCodes": {"containerName": main, "operator": "In", "values": [exit::OUT_OF_REACH]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]})
}

fn pod(recipe: &Recipe<'_>) -> Value {
    let mut pod = json!({
        "restartPolicy": "Never",
        "serviceAccountName": "default",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": true,
            // Runtimes make the sandbox itself with these two, and refuse a group without a user.
            "runAsUser": TRANSCODER_USER,
            "runAsGroup": GROUP,
            "fsGroup": GROUP,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    place(&mut pod, recipe);
    let token = json!({"name": "token", "projected": {
        "defaultMode": 0o440,
        "sources": [{"serviceAccountToken": {
            "audience": recipe.gate.uid,
            "expirationSeconds": TOKEN_SECONDS,
            "path": "token",
        }}],
    }});
    match recipe.stage {
        Stage::Plan | Stage::Encode => {
            pod["initContainers"] = json!([courier(recipe)]);
            pod["containers"] = json!([transcoder(recipe)]);
            pod["volumes"] = json!([{"name": "work", "emptyDir": {"sizeLimit": WORK_SIZE}}, token]);
            if let (Some(claim), Some(volumes)) = (claim(recipe), pod["volumes"].as_array_mut()) {
                volumes.push(json!({"name": "source", "persistentVolumeClaim": {"claimName": claim, "readOnly": true}}));
            }
        }
        Stage::Publish => {
            pod["containers"] = json!([publish(recipe)]);
            pod["volumes"] = json!([token]);
        }
    }
    pod
}

/// Where the pod may run and how soon: the job's own class goes before the gate's.
fn place(pod: &mut Value, recipe: &Recipe<'_>) {
    let Scheduling {
        node_selector,
        tolerations,
        priority_class_name,
    } = &recipe.gate.transcode.scheduling;
    if !node_selector.is_empty() {
        pod["nodeSelector"] = json!(node_selector);
    }
    if !tolerations.is_empty() {
        pod["tolerations"] = json!(tolerations);
    }
    let own = recipe.owner.spec.priority_class_name.as_ref();
    if let Some(class) = own.or(priority_class_name.as_ref()) {
        pod["priorityClassName"] = json!(class);
    }
}

/// The claim that the step reads: subtitles are read by Plan alone, and a claim may be for one node.
fn claim<'a>(recipe: &'a Recipe<'_>) -> Option<&'a str> {
    let spec = &recipe.owner.spec;
    let reads = recipe.stage == Stage::Plan || spec.source.persistent_volume_claim.is_some();
    spec.claim_name().filter(|_| reads)
}

/// Talks to the worker and moves bytes. A native sidecar: it starts first and ends last.
fn courier(recipe: &Recipe<'_>) -> Value {
    let mut args = vec!["courier", "--work", "/work"];
    let url = worker_url(recipe.gate);
    let token = format!("{TOKEN_FOLDER}/token");
    args.extend(["--worker-url", &url, "--token", &token]);
    let mut mounts = vec![
        json!({"name": "work", "mountPath": "/work"}),
        json!({"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": true}),
    ];
    if claim(recipe).is_some() {
        args.extend(["--mounted", "/source"]);
        mounts.push(json!({"name": "source", "mountPath": "/source", "readOnly": true}));
    }
    let image = image(&recipe.settings.dataplane_image, recipe);
    let mut container = container("courier", &image, &args, COURIER_USER, recipe);
    container["restartPolicy"] = json!("Always");
    container["resources"] = small();
    container["volumeMounts"] = json!(mounts);
    container
}

/// Parses hostile media: no token, no network of its own, its folder alone.
fn transcoder(recipe: &Recipe<'_>) -> Value {
    let sandbox = match recipe.gate.transcode.sandbox {
        Sandbox::Required => "required",
        Sandbox::BestEffort => "best-effort",
    };
    let args = ["--work", "/work", "--sandbox", sandbox];
    let image = image(&recipe.settings.transcoder_image, recipe);
    let mut container = container("transcoder", &image, &args, TRANSCODER_USER, recipe);
    container["resources"] = resources(recipe.gate.transcode.resources.as_ref());
    container["volumeMounts"] = json!([{"name": "work", "mountPath": "/work"}]);
    // SVT-AV1 would log every encoder it opens; 1 leaves errors. Encoders come and go with each chunk, on a
    // thread each: one heap for all gives the next what the last gave back.
    container["env"] = json!([
        {"name": "SVT_LOG", "value": "1"},
        {"name": "MALLOC_ARENA_MAX", "value": "1"},
    ]);
    container
}

/// Asks the worker to close the output.
fn publish(recipe: &Recipe<'_>) -> Value {
    let url = worker_url(recipe.gate);
    let token = format!("{TOKEN_FOLDER}/token");
    let args = ["publish", "--worker-url", &url, "--token", &token];
    let image = image(&recipe.settings.dataplane_image, recipe);
    let mut container = container("publish", &image, &args, COURIER_USER, recipe);
    container["resources"] = small();
    container["volumeMounts"] =
        json!([{"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": true}]);
    container
}

fn container(name: &str, image: &str, args: &[&str], user: u32, recipe: &Recipe<'_>) -> Value {
    json!({
        "name": name,
        "image": image,
        "imagePullPolicy": recipe.settings.image_pull_policy,
        "args": args,
        "securityContext": {
            "runAsUser": user,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    })
}

fn image(repository: &str, recipe: &Recipe<'_>) -> String {
    format!("{repository}:{}", recipe.version)
}

fn worker_url(gate: &GateFacts) -> String {
    format!(
        "http://{}-worker.{}.svc:{}",
        gate.name,
        gate.namespace,
        roles::INTERNAL_PORT
    )
}

/// Courier and publish move bytes and hold few of them.
fn small() -> Value {
    json!({"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}})
}

/// No CPU limit: an encoder that waits for its quota keeps its memory all the longer.
fn resources(wanted: Option<&Resources>) -> Value {
    match wanted {
        Some(wanted) => json!(wanted),
        None => {
            json!({"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

    fn owner(source: Value) -> TranscodeJob {
        serde_json::from_value(json!({
            "apiVersion": "streamgate.io/v1alpha1",
            "kind": "TranscodeJob",
            "metadata": {"name": "clip", "namespace": "films", "uid": UID},
            "spec": {"streamGateRef": {"name": "demo", "namespace": "media"}, "source": source},
        }))
        .unwrap()
    }

    fn gate() -> GateFacts {
        GateFacts {
            name: "demo".into(),
            namespace: "media".into(),
            uid: "gate-uid".into(),
            version: "2.0.0".into(),
            transcode: TranscodeDefaults::default(),
        }
    }

    fn built(stage: Stage, source: Value) -> Job {
        job_of(&owner(source), &gate(), stage)
    }

    fn job_of(owner: &TranscodeJob, gate: &GateFacts, stage: Stage) -> Job {
        let settings = Settings {
            dataplane_image: "streamgate-dataplane".into(),
            transcoder_image: "streamgate-transcoder".into(),
            image_pull_policy: "IfNotPresent".into(),
            default_version: "2.0.0".into(),
            watch_namespace: None,
        };
        job(&Recipe {
            owner,
            attempt: 0,
            stage,
            spans: 4,
            version: "1.0.0",
            gate,
            settings: &settings,
        })
        .unwrap()
    }

    /// Compares with a file of `operator/golden`; `UPDATE_GOLDEN=1` writes it.
    fn is_golden(file: &str, job: &Job) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("golden")
            .join(file);
        let made = serde_yaml::to_string(job).unwrap();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == made, "{} differs from:\n{made}", path.display());
    }

    #[test]
    fn the_three_jobs_are_as_kept() {
        let claim = json!({"persistentVolumeClaim": {"claimName": "reels", "path": "a.mp4"}});
        let upload = json!({"upload": {"id": "u1"}});
        is_golden("plan.yaml", &built(Stage::Plan, claim.clone()));
        is_golden("encode.yaml", &built(Stage::Encode, upload.clone()));
        is_golden("publish.yaml", &built(Stage::Publish, claim));
    }

    #[test]
    fn a_claim_with_subtitles_alone_is_mounted_for_plan() {
        let mut owner = owner(json!({"upload": {"id": "u1"}}));
        let source = json!({"persistentVolumeClaim": {"claimName": "texts", "path": "a.srt"}});
        let files = json!([{"language": "en", "source": source}]);
        owner.spec.subtitles = serde_json::from_value(files).unwrap();
        let claims = |stage| {
            let pod = job_of(&owner, &gate(), stage).spec.unwrap().template.spec;
            let volumes = pod.unwrap().volumes.unwrap();
            let named = volumes
                .into_iter()
                .filter_map(|v| v.persistent_volume_claim);
            named.map(|claim| claim.claim_name).collect::<Vec<_>>()
        };
        assert_eq!(claims(Stage::Plan), ["texts"]);
        assert!(claims(Stage::Encode).is_empty());
    }

    #[test]
    fn pods_go_where_the_gate_says_and_in_the_order_the_job_says() {
        let spot = json!({"key": "spot", "operator": "Exists", "effect": "NoSchedule"});
        let scheduling = json!({"nodeSelector": {"encoders": "yes"}, "tolerations": [spot],
            "priorityClassName": "batch"});
        let pod = |class: Option<&str>| {
            let mut gate = gate();
            gate.transcode.scheduling = serde_json::from_value(scheduling.clone()).unwrap();
            let mut owner = owner(json!({"upload": {"id": "u1"}}));
            owner.spec.priority_class_name = class.map(str::to_owned);
            let job = job_of(&owner, &gate, Stage::Publish);
            job.spec.unwrap().template.spec.unwrap()
        };
        let usual = pod(None);
        assert_eq!(usual.priority_class_name.as_deref(), Some("batch"));
        assert_eq!(usual.node_selector.unwrap()["encoders"], "yes");
        assert_eq!(json!(usual.tolerations.unwrap()), json!([spot]));
        assert_eq!(pod(Some("now")).priority_class_name.as_deref(), Some("now"));
    }

    #[test]
    fn only_who_talks_to_the_worker_holds_a_token() {
        let job = built(Stage::Encode, json!({"upload": {"id": "u1"}}));
        let pod = job.spec.unwrap().template.spec.unwrap();
        let mounts = |c: &k8s_openapi::api::core::v1::Container| {
            let mounts = c.volume_mounts.clone().unwrap_or_default();
            mounts.into_iter().map(|m| m.name).collect::<Vec<_>>()
        };
        assert_eq!(pod.automount_service_account_token, Some(false));
        assert_eq!(mounts(&pod.containers[0]), ["work"]);
        assert_eq!(mounts(&pod.init_containers.unwrap()[0]), ["work", "token"]);
    }
}
