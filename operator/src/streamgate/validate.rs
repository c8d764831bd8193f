//! What the schema cannot say about a StreamGate. Every problem is found in one pass and names its
//! field and what to write instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource;
use streamgate_contract::renditions::Rendition;
use streamgate_contract::{ContentId, knobs};
use streamgate_crds::scheduling::{Scheduling, TolerationOperator};
use streamgate_crds::stream_gate::{Chain, Resources, ServiceType, TranscodeDefaults};
use streamgate_crds::{StreamGate, StreamGateSpec};

use super::quantity;

mod rules;
mod topology;

/// A StreamGate whose spec holds no contradiction, with what its children need of its metadata.
#[derive(Clone, Debug)]
pub struct ValidatedGate {
    /// Namespace.
    pub namespace: String,
    /// Name: a DNS label that begins with a letter.
    pub name: String,
    /// UID.
    pub uid: String,
    /// Makes the garbage collector delete a child with the gate.
    pub owner: OwnerReference,
    /// The spec, as it was checked.
    pub spec: StreamGateSpec,
    /// Version asked for by the spec, else the one kept in the status; neither on the first pass.
    pub version: Option<String>,
}

/// Every problem of a spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", sentences(.0))]
pub struct Invalid(pub Vec<Problem>);

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field.
    pub field: String,
    /// What is wrong and what to write instead.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

fn sentences(problems: &[Problem]) -> String {
    let all: Vec<_> = problems.iter().map(Problem::to_string).collect();
    all.join("; ")
}

/// Collects problems.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, field: impl Into<String>, text: impl Into<String>) {
        let (field, text) = (field.into(), text.into());
        self.0.push(Problem { field, text });
    }

    fn unless(&mut self, fine: bool, field: &str, text: impl Into<String>) {
        if !fine {
            self.add(field, text);
        }
    }
}

/// Checks a StreamGate.
///
/// # Errors
/// Every problem of the spec at once.
pub fn validate(gate: &StreamGate) -> Result<ValidatedGate, Invalid> {
    let spec = &gate.spec;
    let name = gate.metadata.name.clone().unwrap_or_default();
    let mut problems = Problems::default();
    problems.unless(
        is_service_name(&name),
        "metadata.name",
        "must begin with a letter and hold only lower-case letters, digits and '-', because Services are named after it",
    );
    chains(&spec.chains, &mut problems);
    for (i, cluster) in spec.solana.iter().enumerate() {
        endpoints(
            &format!("spec.solana[{i}]"),
            &cluster.rpc_urls,
            &mut problems,
        );
    }
    rules::check(&spec.rules, &mut problems);
    ladders(&spec.transcode, &mut problems);
    exposure(spec, &mut problems);
    sign_in(spec, &mut problems);
    storage(spec, &mut problems);
    components(spec, &mut problems);
    topology::check(spec, &mut problems);
    namespaces(&spec.allowed_namespaces, &mut problems);
    log_filter(&spec.log, &mut problems);
    let owner = gate.controller_owner_ref(&());
    match (problems.0.is_empty(), owner) {
        (true, Some(owner)) => Ok(ValidatedGate {
            namespace: gate.metadata.namespace.clone().unwrap_or_default(),
            uid: owner.uid.clone(),
            name,
            owner,
            spec: spec.clone(),
            version: spec.version.clone().or_else(|| kept_version(gate)),
        }),
        (_, None) => {
            problems.add("metadata.uid", "is missing: apply the object to a cluster");
            Err(Invalid(problems.0))
        }
        (false, _) => Err(Invalid(problems.0)),
    }
}

fn kept_version(gate: &StreamGate) -> Option<String> {
    gate.status.as_ref().and_then(|s| s.version.clone())
}

fn chains(chains: &[Chain], problems: &mut Problems) {
    let mut seen = BTreeMap::new();
    for (i, chain) in chains.iter().enumerate() {
        endpoints(&format!("spec.chains[{i}]"), &chain.rpc_urls, problems);
        if let Some(first) = seen.insert(chain.chain_id, &chain.name) {
            problems.add(
                format!("spec.chains[{i}].chainId"),
                format!(
                    "{} is the id of chain {first:?} already: keep one entry and list all endpoints in its rpcUrls",
                    chain.chain_id
                ),
            );
        }
    }
}

fn endpoints(field: &str, urls: &[String], problems: &mut Problems) {
    let once: BTreeSet<_> = urls.iter().collect();
    problems.unless(
        once.len() == urls.len(),
        &format!("{field}.rpcUrls"),
        "lists an endpoint twice, which would count twice towards the quorum: remove one",
    );
}

fn ladders(transcode: &TranscodeDefaults, problems: &mut Problems) {
    ladder("spec.transcode", &transcode.renditions, problems);
    for (name, profile) in &transcode.profiles {
        let field = format!("spec.transcode.profiles[{name}]");
        problems.unless(
            ContentId::try_from(name.clone()).is_ok(),
            &field,
            "is no name of a profile: write 1 to 63 of a-z, 0-9 and '-'",
        );
        ladder(
            &field,
            profile.renditions.as_deref().unwrap_or_default(),
            problems,
        );
    }
}

fn ladder(field: &str, rungs: &[Rendition], problems: &mut Problems) {
    let mut heights = BTreeSet::new();
    for (i, rung) in rungs.iter().enumerate() {
        if let Err(wrong) = knobs::check(rung.codec, &rung.options) {
            problems.add(
                format!("{field}.renditions[{i}].options"),
                wrong.to_string(),
            );
        }
        let field = format!("{field}.renditions[{i}].height");
        if rung.height % 2 == 1 {
            problems.add(
                &field,
                format!("{} is odd: write an even height", rung.height),
            );
        }
        if !heights.insert((rung.codec, rung.height)) {
            problems.add(
                &field,
                format!("{} is there twice: remove one", rung.height),
            );
        }
    }
}

fn exposure(spec: &StreamGateSpec, problems: &mut Problems) {
    let exposure = &spec.exposure;
    problems.unless(
        exposure.node_port.is_none() || exposure.service_type != ServiceType::ClusterIP,
        "spec.exposure.nodePort",
        "is only for serviceType NodePort or LoadBalancer: set one of them or remove nodePort",
    );
    let authority = exposure.public_url.as_deref().map(authority);
    problems.unless(
        authority.is_none_or(is_authority),
        "spec.exposure.publicUrl",
        "must name a host and nothing secret: write scheme://host[:port][/path]",
    );
    let plain = exposure.public_url.as_deref();
    problems.unless(
        exposure.tls_secret_name.is_none() || plain.is_none_or(|url| url.starts_with("https://")),
        "spec.exposure.publicUrl",
        "must begin with https:// when tlsSecretName is set, for the gate speaks TLS alone then",
    );
}

fn sign_in(spec: &StreamGateSpec, problems: &mut Problems) {
    problems.unless(
        spec.auth.domain.as_deref().is_none_or(is_authority),
        "spec.auth.domain",
        "must be a host with an optional port, such as watch.example.com",
    );
}

fn storage(spec: &StreamGateSpec, problems: &mut Problems) {
    problems.unless(
        quantity::parse(&spec.volume.size).is_some(),
        "spec.volume.size",
        "is no quantity: write for example 10Gi",
    );
    let Some(s3) = &spec.storage.s3 else { return };
    problems.unless(
        is_bucket(&s3.bucket),
        "spec.storage.s3.bucket",
        "must hold only lower-case letters, digits, '.' and '-'",
    );
    problems.unless(
        is_subdomain(&s3.credentials_secret_name),
        "spec.storage.s3.credentialsSecretName",
        "must be the name of a Secret: lower-case letters, digits, '.' and '-'",
    );
    problems.unless(
        s3.endpoint
            .as_deref()
            .map(authority)
            .is_none_or(is_authority),
        "spec.storage.s3.endpoint",
        "must name a host and nothing secret: write scheme://host[:port]",
    );
}

fn components(spec: &StreamGateSpec, problems: &mut Problems) {
    for (role, component) in &spec.components {
        let field = format!("spec.components.{role}");
        node_selector(&component.node_selector, &field, problems);
        resources(component.resources.as_ref(), &field, problems);
    }
    resources(
        spec.transcode.resources.as_ref(),
        "spec.transcode",
        problems,
    );
    scheduling(&spec.transcode.scheduling, problems);
}

fn scheduling(scheduling: &Scheduling, problems: &mut Problems) {
    let field = "spec.transcode.scheduling";
    node_selector(&scheduling.node_selector, field, problems);
    for (at, toleration) in scheduling.tolerations.iter().enumerate() {
        let field = format!("{field}.tolerations[{at}]");
        let exists = toleration.operator == TolerationOperator::Exists;
        problems.unless(
            toleration.key.as_deref().map_or(exists, is_label_key),
            &format!("{field}.key"),
            "must be the key of a taint; without a key write operator: Exists",
        );
        let value = toleration.value.as_deref().unwrap_or_default();
        problems.unless(
            is_label_value(value) && (value.is_empty() || !exists),
            &format!("{field}.value"),
            "must be the value of a taint, and absent with operator: Exists",
        );
    }
}

fn node_selector(selector: &BTreeMap<String, String>, field: &str, problems: &mut Problems) {
    problems.unless(
        selector
            .iter()
            .all(|(k, v)| is_label_key(k) && is_label_value(v)),
        &format!("{field}.nodeSelector"),
        "holds a key or value that no node label can have",
    );
}

fn resources(resources: Option<&Resources>, field: &str, problems: &mut Problems) {
    let Some(Resources { requests, limits }) = resources else {
        return;
    };
    for (part, quantities) in [("requests", requests), ("limits", limits)] {
        for (name, text) in quantities {
            let field = format!("{field}.resources.{part}.{name}");
            let fine = is_label_key(name) && quantity::parse(text).is_some_and(|q| q >= 0);
            problems.unless(
                fine,
                &field,
                format!("{text:?} is no quantity: write for example 500m or 1Gi"),
            );
        }
    }
    for (name, limit) in limits {
        let above = requests
            .get(name)
            .is_some_and(|request| quantity::parse(request) > quantity::parse(limit));
        let field = format!("{field}.resources.requests.{name}");
        problems.unless(
            !above,
            &field,
            format!("is above the limit of {limit}: lower it or raise the limit"),
        );
    }
}

fn namespaces(namespaces: &[String], problems: &mut Problems) {
    for (i, namespace) in namespaces.iter().enumerate() {
        problems.unless(
            is_label(namespace),
            &format!("spec.allowedNamespaces[{i}]"),
            format!("{namespace:?} is no name of a namespace: write one name for each entry"),
        );
    }
}

fn log_filter(filter: &str, problems: &mut Problems) {
    if let Err(error) = tracing_subscriber::EnvFilter::builder().parse(filter) {
        problems.add(
            "spec.log",
            format!("{error}: write for example info or info,streamgate_dataplane=debug"),
        );
    }
}

/// The authority of a URL: what stands between the scheme and the path.
pub(super) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_authority(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    !text.is_empty() && text.chars().all(allowed)
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = |c: Option<char>| c.is_some_and(|c| c != '-');
    text.len() <= 63
        && text.chars().all(inner)
        && edge(text.chars().next())
        && edge(text.chars().last())
}

fn is_service_name(text: &str) -> bool {
    is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Bucket names are dotted labels too; S3 keeps them below 64 characters, which the schema checks.
fn is_bucket(text: &str) -> bool {
    is_subdomain(text)
}

fn is_label_value(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.chars().all(inner)
        && edge(text.chars().next())
        && edge(text.chars().last())
}

fn is_label_key(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    prefix.is_none_or(is_subdomain) && !name.is_empty() && is_label_value(name)
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
