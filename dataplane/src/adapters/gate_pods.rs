//! Pods and TranscodeJobs of a StreamGate in a Kubernetes cluster. Lists may be a moment old:
//! they come from the API server's own cache.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ListParams};
use streamgate_contract::labels::{COMPONENT, INSTANCE};
use streamgate_contract::roles::ADMIN_PORT;
use streamgate_crds::TranscodeJob;

use crate::ports::scrape::{Gate, GateError, JobFigures, Target};

/// The pods of one gate, and the TranscodeJobs of its namespace.
pub struct GatePods {
    client: Client,
    namespace: String,
    gate: String,
}

impl GatePods {
    /// Of this gate.
    pub fn new(client: Client, namespace: &str, gate: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            gate: gate.to_owned(),
        }
    }
}

#[async_trait]
impl Gate for GatePods {
    async fn targets(&self) -> Result<Vec<Target>, GateError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let selector = format!("{INSTANCE}={}", self.gate);
        let params = ListParams::default().labels(&selector).match_any();
        let pods = api.list(&params).await.map_err(|e| GateError {
            what: "pods",
            source: e.into(),
        })?;
        Ok(pods.items.iter().filter_map(target).collect())
    }

    async fn jobs(&self) -> Result<JobFigures, GateError> {
        let api: Api<TranscodeJob> = Api::namespaced(self.client.clone(), &self.namespace);
        let params = ListParams::default().match_any();
        let jobs = api.list(&params).await.map_err(|e| GateError {
            what: "TranscodeJobs",
            source: e.into(),
        })?;
        let own = |job: &&TranscodeJob| job.spec.stream_gate_ref.name == self.gate;
        Ok(figures(jobs.items.iter().filter(own)))
    }
}

/// A pod that runs, is not on its way out, and is one of the data plane; job pods show no metrics.
fn target(pod: &Pod) -> Option<Target> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = pod.status.as_ref()?;
    let running = status.phase.as_deref() == Some("Running");
    let address = status.pod_ip.as_deref().filter(|_| running)?;
    let component = pod.metadata.labels.as_ref()?.get(COMPONENT)?;
    let address = match address.contains(':') {
        true => format!("[{address}]"),
        false => address.to_owned(),
    };
    (component != "job").then_some(Target {
        pod: pod.metadata.name.clone()?,
        job: component.clone(),
        instance: format!("{address}:{ADMIN_PORT}"),
    })
}

fn figures<'a>(jobs: impl Iterator<Item = &'a TranscodeJob>) -> JobFigures {
    let mut figures = JobFigures::default();
    for status in jobs.map(|job| job.status.clone().unwrap_or_default()) {
        let phase = format!("{:?}", status.phase.unwrap_or_default());
        *figures.phases.entry(phase).or_default() += 1;
        let spans = status.spans.unwrap_or_default();
        figures.failed_spans += count(&spans.failed);
        figures.active_spans += u64::try_from(spans.active).unwrap_or(0);
    }
    figures
}

/// How many indexes ranges such as `0-2,4` name.
fn count(ranges: &str) -> u64 {
    let length = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.trim().parse::<u64>(), last.trim().parse::<u64>());
        let (first, last) = first.ok().zip(last.ok())?;
        last.checked_sub(first)?.checked_add(1)
    };
    ranges
        .split(',')
        .filter_map(length)
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_are_counted() {
        for (ranges, expected) in [("", 0), ("0", 1), ("0-2,4", 4), ("3-1", 0), ("x,7", 1)] {
            assert_eq!(count(ranges), expected, "{ranges}");
        }
    }

    #[test]
    fn jobs_are_counted_by_phase_with_their_spans() {
        let job = |status: serde_json::Value| -> TranscodeJob {
            serde_json::from_value(json!({
                "apiVersion": "streamgate.io/v1alpha1", "kind": "TranscodeJob",
                "metadata": {"name": "j"},
                "spec": {"streamGateRef": {"name": "g"}, "source": {"upload": {"id": "u"}}},
                "status": status,
            }))
            .unwrap()
        };
        let spans = json!({"active": 2, "completed": "", "failed": "1,3-4"});
        let jobs = [
            job(json!({"phase": "Encoding", "spans": spans})),
            job(json!({"phase": "Encoding"})),
            job(json!({})),
        ];
        let figures = figures(jobs.iter());
        assert_eq!((figures.failed_spans, figures.active_spans), (3, 2));
        assert_eq!(figures.phases["Encoding"], 2);
        assert_eq!(figures.phases["Pending"], 1);
    }

    #[test]
    fn only_running_pods_of_the_data_plane_are_read() {
        let pod = |phase: &str, component: &str, ip: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"name": "p", "labels": {COMPONENT: component}},
                "status": {"phase": phase, "podIP": ip},
            }))
            .unwrap()
        };
        let instance = |pod: &Pod| target(pod).map(|t| t.instance);
        assert_eq!(
            instance(&pod("Running", "all", "10.0.0.1")).unwrap(),
            "10.0.0.1:9090"
        );
        assert_eq!(
            instance(&pod("Running", "all", "fd00::1")).unwrap(),
            "[fd00::1]:9090"
        );
        assert_eq!(instance(&pod("Pending", "all", "10.0.0.1")), None);
        assert_eq!(instance(&pod("Running", "job", "10.0.0.1")), None);
    }
}
