//! Whether the gate's pod serves, and if not, why: the pod's own words rather than "not ready".

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use kube::ResourceExt;
use streamgate_contract::roles::Role;
use streamgate_crds::conditions::reason;

/// Where the Deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// The pod of the newest template serves.
    Available,
    /// It does not.
    Unavailable {
        /// A word of [`reason`].
        reason: &'static str,
        /// What holds it up.
        message: String,
    },
}

/// Where the Deployments of all roles are.
#[derive(Debug, Default)]
pub struct Rollouts {
    first: Option<(Role, &'static str, String)>,
}

impl Rollouts {
    /// Takes that of a role; those before count more.
    pub fn add(&mut self, role: Role, rollout: Rollout) {
        if let (None, Rollout::Unavailable { reason, message }) = (&self.first, rollout) {
            self.first = Some((role, reason, message));
        }
    }

    /// Is a role not well yet?
    pub fn waits(&self) -> bool {
        self.first.is_some()
    }

    /// All together: the first that is not well speaks for them.
    pub fn end(self) -> Rollout {
        match self.first {
            None => Rollout::Available,
            Some((Role::All, reason, message)) => Rollout::Unavailable { reason, message },
            Some((role, reason, message)) => Rollout::Unavailable {
                reason,
                message: format!("role {role}: {message}"),
            },
        }
    }
}

/// Where the Deployment is, by its status and its pods.
pub fn rollout<P: AsRef<Pod>>(deployment: Option<&Deployment>, pods: &[P]) -> Rollout {
    if deployment.is_some_and(is_available) {
        return Rollout::Available;
    }
    let (reason, message) = pods
        .iter()
        .find_map(|pod| trouble(pod.as_ref()))
        .or_else(|| deployment.and_then(refusal))
        .unwrap_or_else(|| {
            let message = "the data plane's pods are being started or rolled out";
            (reason::PROGRESSING, message.to_owned())
        });
    Rollout::Unavailable { reason, message }
}

/// The controller has seen the newest template, and its pod is there and available.
fn is_available(deployment: &Deployment) -> bool {
    let wanted = deployment
        .spec
        .as_ref()
        .and_then(|s| s.replicas)
        .unwrap_or(1);
    let Some(status) = &deployment.status else {
        return false;
    };
    status.observed_generation >= deployment.metadata.generation
        && status.updated_replicas.unwrap_or(0) >= wanted
        && status.available_replicas.unwrap_or(0) >= wanted
        && status.replicas == status.updated_replicas
}

/// Why the ReplicaSet gets no pod: a quota, a policy, a missing PriorityClass.
fn refusal(deployment: &Deployment) -> Option<(&'static str, String)> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions
        .iter()
        .find(|c| c.type_ == "ReplicaFailure" && c.status == "True")?;
    let message = failure.message.clone().unwrap_or_default();
    let reason = if message.contains("exceeded quota") {
        reason::QUOTA_EXCEEDED
    } else {
        reason::PROGRESSING
    };
    Some((reason, format!("the pod is refused: {message}")))
}

fn trouble(pod: &Pod) -> Option<(&'static str, String)> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = pod.status.as_ref()?;
    let name = pod.name_any();
    let conditions = status.conditions.iter().flatten();
    let homeless = conditions
        .filter(|c| c.type_ == "PodScheduled" && c.status == "False")
        .find_map(|c| c.message.clone());
    if let Some(message) = homeless {
        return Some((
            reason::UNSCHEDULABLE,
            format!("no node takes pod {name}: {message}"),
        ));
    }
    let mut containers = status.container_statuses.iter().flatten();
    containers.find_map(|container| container_trouble(&name, container))
}

fn container_trouble(pod: &str, container: &ContainerStatus) -> Option<(&'static str, String)> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let word = waiting.reason.as_deref()?;
    let message = waiting.message.clone().unwrap_or_default();
    match word {
        "ContainerCreating" | "PodInitializing" => None,
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" => Some((
            reason::IMAGE_UNAVAILABLE,
            format!(
                "pod {pod}: image {} cannot be had ({word}): {message}",
                container.image
            ),
        )),
        _ => {
            let ended = container
                .last_state
                .as_ref()
                .map(last_words)
                .unwrap_or_default();
            let text = format!("pod {pod} waits ({word}): {message}{ended}");
            Some((reason::PROGRESSING, text))
        }
    }
}

/// How the container ended before it was started again.
fn last_words(last: &ContainerState) -> String {
    let Some(ended) = &last.terminated else {
        return String::new();
    };
    let said = ended.message.as_deref().or(ended.reason.as_deref());
    let said = said.unwrap_or_default().trim();
    format!("; it ended with code {} {said}", ended.exit_code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn deployment(status: Value) -> Deployment {
        let object = json!({"metadata": {"generation": 2}, "spec": {"replicas": 1, "selector": {}, "template": {}}, "status": status});
        serde_json::from_value(object).unwrap()
    }

    fn pod(status: Value) -> Arc<Pod> {
        Arc::new(
            serde_json::from_value(json!({"metadata": {"name": "demo-all-x"}, "status": status}))
                .unwrap(),
        )
    }

    fn why(deployment: &Deployment, pods: &[Arc<Pod>]) -> (&'static str, String) {
        match rollout(Some(deployment), pods) {
            Rollout::Available => ("Available", String::new()),
            Rollout::Unavailable { reason, message } => (reason, message),
        }
    }

    fn waiting(reason: &str, message: &str) -> Arc<Pod> {
        pod(json!({"containerStatuses": [{
            "name": "streamgate", "image": "dp:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "bad config"}}
        }]}))
    }

    #[test]
    fn only_the_newest_template_counts() {
        let serving = json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1});
        assert_eq!(why(&deployment(serving.clone()), &[]).0, "Available");
        for (field, value) in [
            ("observedGeneration", 1),
            ("updatedReplicas", 0),
            ("availableReplicas", 0),
            ("replicas", 2),
        ] {
            let mut status = serving.clone();
            status[field] = value.into();
            assert_eq!(why(&deployment(status), &[]).0, "Progressing", "{field}");
        }
        assert_eq!(why(&deployment(json!({})), &[]).0, "Progressing");
    }

    #[test]
    fn the_pods_reason_is_told() {
        let none = deployment(json!({}));
        let (reason, message) = why(&none, &[waiting("ImagePullBackOff", "no such host")]);
        assert_eq!(reason, "ImageUnavailable");
        assert!(
            message.contains("dp:1") && message.contains("no such host"),
            "{message}"
        );
        let (_, message) = why(&none, &[waiting("CrashLoopBackOff", "back-off 10s")]);
        assert!(
            message.ends_with("back-off 10s; it ended with code 1 bad config"),
            "{message}"
        );
        assert_eq!(
            why(&none, &[waiting("ContainerCreating", "")]).0,
            "Progressing"
        );
        let homeless = pod(
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]}),
        );
        assert_eq!(why(&none, &[homeless]).0, "Unschedulable");
    }

    #[test]
    fn a_quota_that_refuses_the_pod_is_named() {
        let failure = json!({"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "pods is forbidden: exceeded quota: small"}]});
        assert_eq!(why(&deployment(failure), &[]).0, "QuotaExceeded");
    }
}
