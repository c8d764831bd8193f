//! Figures of chains. An endpoint is its place in `rpcUrls`, from 0: addresses hold keys.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::rpc::Fault;

/// The families.
pub(super) struct Families {
    requests: IntCounterVec,
    disagreements: IntCounterVec,
    left_alone: IntGaugeVec,
    without_quorum: IntCounterVec,
    block: IntGaugeVec,
}

/// Those of an endpoint, bound to its labels.
pub(super) struct EndpointMetrics {
    ok: IntCounter,
    failed: IntCounter,
    missing: IntCounter,
    refused: IntCounter,
    wrong_block: IntCounter,
    wrong_result: IntCounter,
    left_alone: IntGauge,
}

/// Those of a chain.
pub(super) struct ChainMetrics {
    /// Decisions for which too few endpoints agreed.
    pub without_quorum: IntCounter,
    /// Number of the block decisions rest on.
    pub block: IntGauge,
}

impl Families {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let family = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        Ok(Self {
            requests: counter(
                "streamgate_chain_requests_total",
                "Questions to the endpoints of chains, by place in rpcUrls and outcome.",
                &["chain", "endpoint", "outcome"],
            )?,
            disagreements: counter(
                "streamgate_chain_disagreements_total",
                "Answers of an endpoint that differ from what the quorum says, by what differs.",
                &["chain", "endpoint", "what"],
            )?,
            left_alone: gauge(
                "streamgate_chain_endpoint_left_alone",
                "1 while an endpoint gets no questions because it failed several times in a row.",
                &["chain", "endpoint"],
            )?,
            without_quorum: counter(
                "streamgate_chain_without_quorum_total",
                "Questions refused because too few endpoints gave the same answer.",
                &["chain"],
            )?,
            block: gauge(
                "streamgate_chain_block_number",
                "Number of the block the last decision rests on.",
                &["chain"],
            )?,
        })
    }

    pub(super) fn chain(&self, chain: &str) -> ChainMetrics {
        ChainMetrics {
            without_quorum: self.without_quorum.with_label_values(&[chain]),
            block: self.block.with_label_values(&[chain]),
        }
    }

    pub(super) fn endpoint(&self, chain: &str, place: usize) -> EndpointMetrics {
        let place = place.to_string();
        let requests = |outcome| {
            let labels = [chain, place.as_str(), outcome];
            self.requests.with_label_values(&labels)
        };
        let disagreements = |what| {
            let labels = [chain, place.as_str(), what];
            self.disagreements.with_label_values(&labels)
        };
        EndpointMetrics {
            ok: requests("ok"),
            failed: requests("failed"),
            missing: requests("missing"),
            refused: requests("refused"),
            wrong_block: disagreements("block"),
            wrong_result: disagreements("result"),
            left_alone: self.left_alone.with_label_values(&[chain, &place]),
        }
    }
}

impl EndpointMetrics {
    /// An answer came, if only that there is none to this question.
    pub(super) fn answered(&self, fault: Option<&Fault>) {
        match fault {
            Some(Fault::Missing) => self.missing.inc(),
            Some(Fault::Refused(_)) => self.refused.inc(),
            _ => self.ok.inc(),
        }
        self.left_alone.set(0);
    }

    pub(super) fn failed(&self, left_alone: bool) {
        self.failed.inc();
        self.left_alone.set(left_alone.into());
    }

    pub(super) fn wrong_block(&self) {
        self.wrong_block.inc();
    }

    pub(super) fn wrong_result(&self) {
        self.wrong_result.inc();
    }
}
