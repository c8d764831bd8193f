//! Figures of clusters. An endpoint is its place in `rpcUrls`, from 0: addresses hold keys.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::endpoint::Fault;

/// The families.
pub(super) struct Families {
    requests: IntCounterVec,
    disagreements: IntCounterVec,
    left_alone: IntGaugeVec,
    without_quorum: IntCounterVec,
}

/// Those of an endpoint, bound to its labels.
pub(super) struct EndpointMetrics {
    ok: IntCounter,
    failed: IntCounter,
    behind: IntCounter,
    refused: IntCounter,
    pub(super) disagrees: IntCounter,
    left_alone: IntGauge,
}

impl Families {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let family = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let left_alone = Opts::new(
            "streamgate_solana_endpoint_left_alone",
            "1 while an endpoint gets no questions because it failed several times in a row.",
        );
        let left_alone = IntGaugeVec::new(left_alone, &["cluster", "endpoint"])?;
        registry.register(Box::new(left_alone.clone()))?;
        Ok(Self {
            requests: counter(
                "streamgate_solana_requests_total",
                "Questions to the endpoints of clusters, by place in rpcUrls and outcome.",
                &["cluster", "endpoint", "outcome"],
            )?,
            disagreements: counter(
                "streamgate_solana_disagreements_total",
                "Findings of an endpoint that differ from what the quorum finds.",
                &["cluster", "endpoint"],
            )?,
            without_quorum: counter(
                "streamgate_solana_without_quorum_total",
                "Questions refused because too few endpoints found the same.",
                &["cluster"],
            )?,
            left_alone,
        })
    }

    /// Decisions of a cluster for which too few endpoints agreed.
    pub(super) fn without_quorum(&self, cluster: &str) -> IntCounter {
        self.without_quorum.with_label_values(&[cluster])
    }

    pub(super) fn endpoint(&self, cluster: &str, place: usize) -> EndpointMetrics {
        let place = place.to_string();
        let labels = [cluster, place.as_str()];
        let requests = |outcome| {
            let labels = [labels[0], labels[1], outcome];
            self.requests.with_label_values(&labels)
        };
        EndpointMetrics {
            ok: requests("ok"),
            failed: requests("failed"),
            behind: requests("behind"),
            refused: requests("refused"),
            disagrees: self.disagreements.with_label_values(&labels),
            left_alone: self.left_alone.with_label_values(&labels),
        }
    }
}

impl EndpointMetrics {
    /// An answer came, if only that there is none to this question.
    pub(super) fn answered(&self, fault: Option<&Fault>) {
        match fault {
            Some(Fault::Behind) => self.behind.inc(),
            Some(Fault::Refused(_) | Fault::TooMany) => self.refused.inc(),
            _ => self.ok.inc(),
        }
        self.left_alone.set(0);
    }

    pub(super) fn failed(&self, left_alone: bool) {
        self.failed.inc();
        self.left_alone.set(left_alone.into());
    }
}
