//! The pods of a gate and the figures they show.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Source;

/// Label that carries a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// Labels of a series, the metric's name among them; an empty value is no label.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// The value of a label; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Without the metric's name.
    pub fn nameless(mut self) -> Self {
        self.0.remove(METRIC_NAME);
        self
    }

    /// Only these labels.
    pub fn only(&self, names: &[String]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| names.contains(name));
        Self(kept.map(|(n, v)| (n.clone(), v.clone())).collect())
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// As a plain map.
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(n, v)| (n.into(), v.into()));
        Self(pairs.filter(|(_, v): &(_, String)| !v.is_empty()).collect())
    }
}

/// Something that shows metrics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Name of the pod.
    pub pod: String,
    /// What runs in it; the label `job`.
    pub job: String,
    /// Address and port; the label `instance`.
    pub instance: String,
}

/// One sample as a target shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Labels with the metric's name.
    pub labels: Labels,
    /// Value.
    pub value: f64,
    /// Milliseconds since 1970, where the target says it itself.
    pub timestamp: Option<i64>,
}

/// What a target says of a family of metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// `counter`, `gauge`, `histogram`, `summary`, or `unknown` when it does not say.
    pub kind: String,
    /// Text for people.
    pub help: String,
}

impl Default for Family {
    fn default() -> Self {
        Self {
            kind: "unknown".to_owned(),
            help: String::new(),
        }
    }
}

/// What a target shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// Its samples.
    pub samples: Vec<Shown>,
    /// What it says of its families, by name.
    pub families: BTreeMap<String, Family>,
    /// Lines that were skipped because they are no sample.
    pub malformed: u64,
}

/// Why a target could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// It answered with an error status.
    #[error("the target answered {0}; check its log")]
    Status(u16),
    /// It shows more than is read.
    #[error("the target shows more than {0} bytes; let it show fewer series")]
    TooLarge(usize),
    /// No answer.
    #[error("the target does not answer; check that the pod runs")]
    Unreachable(#[source] Source),
}

/// Reads what targets show.
#[async_trait]
pub trait Scraper: Send + Sync {
    /// Reads one target.
    async fn scrape(&self, target: &Target) -> Result<Exposition, ScrapeError>;
}

/// TranscodeJobs in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFigures {
    /// How many are in each phase.
    pub phases: BTreeMap<String, u64>,
    /// Failed spans over all.
    pub failed_spans: u64,
    /// Spans at work over all.
    pub active_spans: u64,
}

/// Why the cluster did not say.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {what}; check the API server and the data plane's rights")]
pub struct GateError {
    /// What was asked.
    pub what: &'static str,
    /// What the cluster said.
    pub source: Source,
}

/// What belongs to the gate now.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Its pods that may be scraped.
    async fn targets(&self) -> Result<Vec<Target>, GateError>;
    /// Its TranscodeJobs, counted.
    async fn jobs(&self) -> Result<JobFigures, GateError>;
}
