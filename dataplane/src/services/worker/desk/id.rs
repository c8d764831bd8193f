//! How people name a job: as its TranscodeJob is named, with its namespace in front where that is not
//! the gate's own. Names of Kubernetes hold no colon.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name of an object and of a namespace. Source: RFC 1123, as Kubernetes reads it.
const LONGEST_NAME: usize = 253;
const LONGEST_NAMESPACE: usize = 63;

/// `NAME`, or `NAMESPACE:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId {
    namespace: Option<String>,
    name: String,
}

/// A text that names no job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a job; use NAME, or NAMESPACE:NAME for a job of another namespace")]
pub struct InvalidJobId;

impl JobId {
    /// The job of this name, seen from the gate's namespace.
    pub fn of(gate: &str, namespace: &str, name: &str) -> Self {
        Self {
            namespace: (namespace != gate).then(|| namespace.to_owned()),
            name: name.to_owned(),
        }
    }

    /// Its namespace, when it is said.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Name of the TranscodeJob.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn is_name(text: &str, longest: usize, dots: bool) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= longest
        && text.bytes().all(|b| inner(b) || (dots && b == b'.'))
        && edge(text.bytes().next())
        && edge(text.bytes().last())
}

impl TryFrom<String> for JobId {
    type Error = InvalidJobId;

    fn try_from(text: String) -> Result<Self, InvalidJobId> {
        let (namespace, name) = match text.split_once(':') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text.as_str()),
        };
        let known = namespace.is_none_or(|n| is_name(n, LONGEST_NAMESPACE, false));
        if !known || !is_name(name, LONGEST_NAME, true) {
            return Err(InvalidJobId);
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}:{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Result<JobId, InvalidJobId> {
        JobId::try_from(text.to_owned())
    }

    #[test]
    fn a_name_says_its_namespace_where_it_is_not_the_gates() {
        for (namespace, text) in [("media", "clip.a"), ("tenant", "tenant:clip.a")] {
            let named = JobId::of("media", namespace, "clip.a");
            assert_eq!(named.to_string(), text);
            assert_eq!(id(text), Ok(named));
        }
        for text in [
            "", ":", "a:", ":a", "A", "a:b:c", "a.b:c", "-a", "a-", "a/b", "é",
        ] {
            assert_eq!(id(text), Err(InvalidJobId), "{text:?}");
        }
        assert_eq!(id(&"a".repeat(254)), Err(InvalidJobId));
    }
}
