//! How the roles are spread over pods, and what they share when they are: a database, a store that
//! counts limits, numbers of replicas.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the roles are spread over pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Topology {
    /// All roles in one pod.
    #[default]
    Compact,
    /// Pods of its own for each role; needs S3 and PostgreSQL.
    Distributed,
}

/// The database: a SQLite file on the data volume, or PostgreSQL when `postgres` is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// A PostgreSQL server. Without it, the database is a file on the data volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Postgres>,
}

/// A PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Postgres {
    /// Secret in the StreamGate's namespace that holds the server's URL,
    /// `postgresql://user:password@host/database?sslmode=verify-full`. It is mounted, never read by
    /// the operator.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
    /// Key of the Secret. Default url; CloudNativePG writes uri.
    #[serde(default = "default_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
    /// Connections each pod may open at most; the server must take as many from all pods together.
    /// Default 8.
    #[serde(default = "default_connections")]
    #[schemars(range(min = 2, max = 100))]
    pub connections_per_pod: u32,
}

/// A Redis or Valkey (6.2 or newer) in which replicas count together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharedStore {
    /// Secret in the StreamGate's namespace that holds the server's URL,
    /// `redis://user:password@host/0`. It is mounted, never read by the operator.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
    /// Key of the Secret. Default url.
    #[serde(default = "default_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

fn default_key() -> String {
    "url".to_owned()
}

fn default_connections() -> u32 {
    8
}

/// How many pods a role has, by the load on their processors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "self.minReplicas <= self.maxReplicas",
    "message": "minReplicas is above maxReplicas: lower one or raise the other"
}]))]
pub struct Autoscaling {
    /// Pods at least. Default 2.
    #[serde(default = "default_min_replicas")]
    #[schemars(range(min = 1, max = 1_000))]
    pub min_replicas: i32,
    /// Pods at most.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_replicas: i32,
    /// Share of the requested processor time, in percent, that the pods are to use on average.
    /// Default 70.
    #[serde(default = "default_cpu_percent")]
    #[schemars(range(min = 1, max = 1_000))]
    pub cpu_percent: i32,
}

fn default_min_replicas() -> i32 {
    2
}

fn default_cpu_percent() -> i32 {
    70
}
