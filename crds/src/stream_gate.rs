//! `StreamGate`: one gated video platform in a namespace. What each field does when it changes
//! is the last sentence of its description: live, rollout, immutable or migration.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use streamgate_contract::audit::AuditSettings;
use streamgate_contract::config::{Finality, Webhooks};
use streamgate_contract::limits::{LimitMode, RoleLimit};
use streamgate_contract::playback::PlaybackSettings;
use streamgate_contract::rules::GateRule;
use streamgate_contract::uploads::UploadLimits;

mod auth;
mod keys;
mod solana;
mod topology;
mod transcode;

pub use auth::{Auth, OidcProvider};
pub use keys::{KeyState, KeyUse, Keys, SigningKey};
pub use solana::SolanaCluster;
pub use topology::{Autoscaling, Database, Postgres, SharedStore, Topology};
pub use transcode::{Sandbox, TranscodeDefaults};

/// What a StreamGate is to be.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "streamgate.io",
    version = "v1alpha1",
    kind = "StreamGate",
    plural = "streamgates",
    shortname = "sg",
    category = "streamgate-all",
    namespaced,
    status = "StreamGateStatus",
    derive = "PartialEq",
    doc = "A token-gated video platform: sign-in, uploads, transcoding and guarded playback.",
    validation = Rule::new("size(self.metadata.name) <= 50").message("metadata.name is too long: use at most 50 characters, so that the names of its children fit"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.publicUrl"),
    printcolumn(name = "Topology", type_ = "string", json_path = ".spec.topology", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.defaultRule) || self.rules.exists(r, r.name == self.defaultRule)").message("defaultRule must be the name of one of spec.rules"))]
#[x_kube(validation = Rule::new("!has(self.people.creatorRule) || self.rules.exists(r, r.name == self.people.creatorRule)").message("people.creatorRule must be the name of one of spec.rules"))]
#[x_kube(validation = Rule::new("!has(self.people.adminRule) || self.rules.exists(r, r.name == self.people.adminRule)").message("people.adminRule must be the name of one of spec.rules"))]
#[x_kube(validation = Rule::new("self.rules.all(r, !has(r.erc721) || self.chains.exists(c, c.name == r.erc721.chain))").message("each rule's erc721.chain must be the name of one of spec.chains"))]
#[x_kube(validation = Rule::new("self.rules.all(r, !has(r.erc1155) || self.chains.exists(c, c.name == r.erc1155.chain))").message("each rule's erc1155.chain must be the name of one of spec.chains"))]
#[x_kube(validation = Rule::new("self.rules.all(r, !has(r.erc20) || self.chains.exists(c, c.name == r.erc20.chain))").message("each rule's erc20.chain must be the name of one of spec.chains"))]
#[x_kube(validation = Rule::new("self.rules.all(r, !has(r.native) || self.chains.exists(c, c.name == r.native.chain))").message("each rule's native.chain must be the name of one of spec.chains"))]
#[x_kube(validation = Rule::new("self.rules.all(r, !has(r.call) || self.chains.exists(c, c.name == r.call.chain))").message("each rule's call.chain must be the name of one of spec.chains"))]
#[x_kube(validation = Rule::new("self.rules.all(r, !has(r.splToken) || self.solana.exists(c, c.name == r.splToken.cluster))").message("each rule's splToken.cluster must be the name of one of spec.solana"))]
#[x_kube(validation = Rule::new("self.rules.all(r, !has(r.metaplexNft) || self.solana.exists(c, c.name == r.metaplexNft.cluster))").message("each rule's metaplexNft.cluster must be the name of one of spec.solana"))]
#[x_kube(validation = Rule::new("self.rules.all(r, !has(r.oidcClaim) || self.auth.oidc.exists(p, p.name == r.oidcClaim.provider))").message("each rule's oidcClaim.provider must be the name of one of spec.auth.oidc"))]
#[x_kube(validation = Rule::new("self.rules.all(r, !has(r.webhook) || self.webhooks.hosts.exists(h, r.webhook.url.split('/')[2] == h))").message("the host of each rule's webhook.url must stand in spec.webhooks.hosts, with its port where the URL has one"))]
#[x_kube(validation = Rule::new("self.rules.all(i, r, !has(r.allOf) || r.allOf.all(n, self.rules.exists(j, o, j < i && o.name == n)))").message("each rule's allOf must name rules that are listed above it in spec.rules"))]
#[x_kube(validation = Rule::new("self.rules.all(i, r, !has(r.anyOf) || r.anyOf.all(n, self.rules.exists(j, o, j < i && o.name == n)))").message("each rule's anyOf must name rules that are listed above it in spec.rules"))]
#[x_kube(validation = Rule::new("self.rules.all(i, r, !has(r.not) || self.rules.exists(j, o, j < i && o.name == r.not))").message("each rule's not must name a rule that is listed above it in spec.rules"))]
#[x_kube(validation = Rule::new("self.topology != 'Compact' || self.components.all(role, role == 'all' && !has(self.components[role].replicas) && !has(self.components[role].autoscaling))").message("topology Compact runs every role in one pod: use only the key 'all' in spec.components, without replicas and autoscaling"))]
#[x_kube(validation = Rule::new("self.topology != 'Distributed' || self.components.all(role, role in ['gateway', 'auth', 'upload', 'metadata', 'streaming', 'cache', 'worker', 'monitor'])").message("topology Distributed runs each role in pods of its own: the keys of spec.components are gateway, auth, upload, metadata, streaming, cache, worker and monitor"))]
#[x_kube(validation = Rule::new("self.topology != 'Distributed' || self.components.all(role, !(role in ['cache', 'worker', 'monitor']) || (!has(self.components[role].autoscaling) && (!has(self.components[role].replicas) || self.components[role].replicas == 1)))").message("cache, worker and monitor have one pod each: remove replicas and autoscaling of those roles"))]
#[x_kube(validation = Rule::new("self.topology != 'Distributed' || (has(self.storage.s3) && has(self.database.postgres))").message("topology Distributed needs storage.s3 and database.postgres, which pods can share: set both, or use topology Compact"))]
#[x_kube(validation = Rule::new("self.topology == oldSelf.topology || (has(self.storage.s3) && has(oldSelf.storage.s3) && has(self.database.postgres) && has(oldSelf.database.postgres))").message("topology can change only while storage.s3 and database.postgres hold all data: make a new StreamGate"))]
pub struct StreamGateSpec {
    /// Version of the data plane, an image tag. When absent, the operator's own version at the
    /// time the StreamGate was created, kept in status.version. Rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    )]
    pub version: Option<String>,

    /// How the roles are spread over pods. Compact: all in one pod. Distributed: each in pods of its
    /// own; needs storage.s3 and database.postgres. Rollout, while both hold all data; otherwise
    /// immutable.
    #[serde(default)]
    pub topology: Topology,

    /// The volume that holds the database, the objects when storage is a filesystem, and the audit log;
    /// topology Distributed has none.
    #[serde(default)]
    pub volume: Volume,

    /// Where contents, sessions and jobs are kept. The kind is immutable.
    #[serde(default)]
    #[x_kube(validation = Rule::new("has(self.postgres) == has(oldSelf.postgres)").message("the kind of database cannot be changed while the StreamGate exists: make a new StreamGate"))]
    pub database: Database,

    /// Where objects (uploads, segments) are kept. The kind is immutable.
    #[serde(default)]
    #[x_kube(validation = Rule::new("has(self.s3) == has(oldSelf.s3)").message("the kind of storage cannot be changed while the StreamGate exists: make a new StreamGate"))]
    pub storage: Storage,

    /// EVM chains that rules may name. Rollout.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub chains: Vec<Chain>,

    /// Clusters of Solana that rules may name. Rollout.
    #[serde(default)]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub solana: Vec<SolanaCluster>,

    /// Services that rules may ask. Rollout.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self.privateNetworks.all(n, isCIDR(n))").message("webhooks.privateNetworks must be networks in CIDR notation, such as 10.96.0.0/12"))]
    pub webhooks: Webhooks,

    /// Rules that contents may name: who may watch. A rule may combine rules listed above it.
    /// Rollout.
    #[serde(default)]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub rules: Vec<GateRule>,

    /// Rule of contents that name none. Without it, such a content is playable by its owner only.
    /// Rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub default_rule: Option<String>,

    /// Sign-in, sessions and entitlement. Rollout.
    #[serde(default)]
    pub auth: Auth,

    /// Who may upload and administrate. Rollout.
    #[serde(default)]
    pub people: People,

    /// Limits of requests and uploads. Rollout.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self.trustedProxies.all(n, isCIDR(n))").message("limits.trustedProxies must be networks in CIDR notation, such as 10.0.0.0/8 or fd00::/8"))]
    pub limits: Limits,

    /// The audit log: what is recorded and for how long it is kept. Rollout.
    #[serde(default)]
    pub audit: AuditSettings,

    /// What viewings are held to, besides the rule of their content. Rollout.
    #[serde(default)]
    #[x_kube(validation = Rule::new("!self.bind.exists(b, b == 'Country') || has(self.countryHeader)").message("playback.bind Country needs playback.countryHeader: name the header in which a trusted proxy tells the country"))]
    pub playback: PlaybackSettings,

    /// Settings of pods by role; in topology Compact only `all`. Rollout; replicas and autoscaling live.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 9))]
    pub components: BTreeMap<String, Component>,

    /// How viewers reach the gate. Live; publicUrl and tlsSecretName rollout.
    #[serde(default)]
    pub exposure: Exposure,

    /// Defaults of TranscodeJobs that refer to this gate. Taken when a job is planned.
    #[serde(default)]
    pub transcode: TranscodeDefaults,

    /// Namespaces, besides the StreamGate's own, whose TranscodeJobs may refer to it. Rollout.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_namespaces: Vec<String>,

    /// Log filter in the words of tracing, such as `info` or `info,streamgate_dataplane=debug`.
    /// Rollout.
    #[serde(default = "default_log")]
    #[schemars(length(min = 1, max = 256))]
    pub log: String,

    /// What happens to volume and keys when the StreamGate is deleted: Retain keeps both, Delete
    /// removes both. Live.
    #[serde(default)]
    pub data_policy: DataPolicy,

    /// The operator leaves everything of this StreamGate as it is. Live.
    #[serde(default)]
    pub paused: bool,
}

fn default_log() -> String {
    "info".to_owned()
}

/// What happens to data on deletion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DataPolicy {
    /// Volume and keys stay.
    #[default]
    Retain,
    /// Volume and keys go.
    Delete,
}

/// The data volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Size as a quantity. Can grow where the storage class allows it. Live.
    #[schemars(length(max = 32), regex(pattern = r"^[1-9][0-9]*(Mi|Gi|Ti|M|G|T)$"))]
    pub size: String,
    /// Storage class; the cluster's default when absent. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}

impl Default for Volume {
    fn default() -> Self {
        Self {
            size: "10Gi".to_owned(),
            storage_class_name: None,
        }
    }
}

/// Object storage: the data volume, or S3 when `s3` is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// An S3 bucket. Without it, objects live on the data volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Storage>,
}

/// An S3 bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Storage {
    /// Bucket name.
    #[schemars(length(min = 3, max = 63))]
    pub bucket: String,
    /// Region. Default us-east-1.
    #[serde(default = "default_region")]
    #[schemars(length(min = 1, max = 63))]
    pub region: String,
    /// Endpoint URL of an S3-compatible server; AWS's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^https?://"))]
    pub endpoint: Option<String>,
    /// Put the bucket into the path instead of the host name. Default false.
    #[serde(default)]
    pub force_path_style: bool,
    /// Secret in the StreamGate's namespace with the keys `accessKeyId` and `secretAccessKey`.
    /// It is mounted, never read by the operator.
    #[schemars(length(min = 1, max = 253))]
    pub credentials_secret_name: String,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

/// An EVM chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "self.quorum <= size(self.rpcUrls)",
    "message": "quorum cannot be met: list as many rpcUrls or lower quorum"
}, {
    "rule": "self.finality == 'Latest' || self.confirmations == 0",
    "message": "confirmations are blocks behind the latest one: use them with finality Latest, or remove them"
}]))]
pub struct Chain {
    /// Name that rules use.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,
    /// EIP-155 chain id.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    pub chain_id: u64,
    /// JSON-RPC endpoints, best first. Each counts once, so list one per provider.
    #[schemars(
        length(min = 1, max = 8),
        inner(length(max = 512), regex(pattern = r"^https?://"))
    )]
    pub rpc_urls: Vec<String>,
    /// Endpoints that must give the same answer for it to count; others are passed over and named
    /// in a metric. Default 1: the first that answers is believed.
    #[serde(default = "default_quorum")]
    #[schemars(range(min = 1, max = 8))]
    pub quorum: u32,
    /// Which block decides who may watch. Latest: the newest, so that buyers wait least. Safe and
    /// Finalized: as the chain says, so that nobody watches by a transfer that is undone.
    /// Default Latest.
    #[serde(default)]
    pub finality: Finality,
    /// Blocks to stay behind the latest one, with finality Latest. Default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_024))]
    pub confirmations: u32,
    /// Seconds after which the deciding block is too old, so that nobody is admitted by a chain
    /// that stands still. Default 3600.
    #[serde(default = "default_max_age_seconds")]
    #[schemars(range(min = 1, max = 31_536_000))]
    pub max_age_seconds: u32,
}

fn default_quorum() -> u32 {
    1
}

fn default_max_age_seconds() -> u32 {
    3_600
}

/// Who may do what. A contract wallet is written with its chain, as CAIP-10 says:
/// `eip155:1:0x…`, an account of Solana `solana:` and its address, a person of an OpenID provider
/// `oidc:` and what their profile shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct People {
    /// Wallets that may upload.
    #[schemars(
        length(max = 1_000),
        inner(
            regex(
                pattern = r"^((eip155:[1-9][0-9]{0,15}:)?0x[0-9a-fA-F]{40}|solana:[1-9A-HJ-NP-Za-km-z]{32,44}|oidc:[0-9a-f]{40})$"
            ),
            length(max = 66)
        )
    )]
    pub creators: Vec<String>,
    /// Wallets that may do everything.
    #[schemars(
        length(max = 100),
        inner(
            regex(
                pattern = r"^((eip155:[1-9][0-9]{0,15}:)?0x[0-9a-fA-F]{40}|solana:[1-9A-HJ-NP-Za-km-z]{32,44}|oidc:[0-9a-f]{40})$"
            ),
            length(max = 66)
        )
    )]
    pub admins: Vec<String>,
    /// Name of a rule; whom it admits may upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub creator_rule: Option<String>,
    /// Name of a rule; whom it admits may do everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub admin_rule: Option<String>,
}

/// Limits of requests and uploads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Bytes of one upload. Default 64 GiB.
    #[schemars(range(min = 1, max = 5_497_558_138_880_u64))]
    pub max_upload_bytes: u64,
    /// What uploads are held to besides.
    pub uploads: UploadLimits,
    /// Requests per second an address may make in the long run. Default 100.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_second: u32,
    /// Requests an address may make at once. Default 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub request_burst: u32,
    /// Seconds until a request without an answer is ended. Default 30.
    #[schemars(range(min = 1, max = 600))]
    pub request_timeout_seconds: u64,
    /// Limits of single roles per signed-in wallet, or per address where nobody is signed in.
    /// Defaults: streaming, cache, monitor 100 per second and 1000 at once; metadata 50 and 500;
    /// upload, worker 10 and 100; auth, jobs 5 and 50.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["role"]))]
    pub roles: Vec<RoleLimit>,
    /// Shadow counts requests beyond a limit and lets them pass. Default Enforce.
    pub mode: LimitMode,
    /// Networks in CIDR notation of the proxies in front of the gate. Only their X-Forwarded-For is
    /// believed; without them, the address of a caller is that of its connection.
    #[schemars(
        length(max = 32),
        inner(length(min = 2, max = 43), regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub trusted_proxies: Vec<String>,
    /// Requests in work at once, over all callers; the last tenths are kept for playback.
    /// Default 4096.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub max_concurrent_requests: u32,
    /// A Redis or Valkey in which replicas count requests of the API and streams together; without one,
    /// each pod counts alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_store: Option<SharedStore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_upload_bytes: 64 << 30,
            uploads: UploadLimits::default(),
            requests_per_second: 100,
            request_burst: 1_000,
            request_timeout_seconds: 30,
            roles: Vec::new(),
            mode: LimitMode::Enforce,
            trusted_proxies: Vec::new(),
            max_concurrent_requests: 4_096,
            shared_store: None,
        }
    }
}

/// Settings of a role's pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!has(self.replicas) || !has(self.autoscaling)",
    "message": "replicas are the autoscaler's to choose: remove replicas or autoscaling"
}]))]
pub struct Component {
    /// Pods, in topology Distributed. Default 2; cache, worker and monitor have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000))]
    pub replicas: Option<i32>,
    /// A number of pods that follows the load, in topology Distributed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Requests and limits; measured defaults when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Labels a node must have.
    #[schemars(extend("maxProperties" = 32))]
    pub node_selector: BTreeMap<String, String>,
    /// PriorityClass of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
}

/// Compute resources of a container, as quantities by resource name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// Guaranteed.
    #[schemars(extend("maxProperties" = 16))]
    pub requests: BTreeMap<String, String>,
    /// At most.
    #[schemars(extend("maxProperties" = 16))]
    pub limits: BTreeMap<String, String>,
}

/// How viewers reach the gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Exposure {
    /// Base URL viewers use, without a trailing slash; the Service's cluster-internal URL when
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^https?://[^/]+(/.*[^/])?$"))]
    pub public_url: Option<String>,
    /// Type of the public Service. Default ClusterIP.
    pub service_type: ServiceType,
    /// Node port of the public Service, for types NodePort and LoadBalancer; chosen by the
    /// cluster when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub node_port: Option<i32>,
    /// Secret of type `kubernetes.io/tls` in the StreamGate's namespace: the gate speaks TLS with its
    /// certificate, and serves a renewed one without a restart. Without it the gate speaks plain HTTP
    /// and something in front of it ends TLS. Mounted, never read by the operator. Rollout.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub tls_secret_name: Option<String>,
}

/// Type of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Reachable in the cluster.
    #[default]
    ClusterIP,
    /// Reachable on every node.
    NodePort,
    /// Reachable by a load balancer.
    LoadBalancer,
}

/// What a StreamGate is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamGateStatus {
    /// Generation of the spec this status speaks of; -1 before the first pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Version of the data plane that runs or is rolled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub version: Option<String>,
    /// Base URL viewers use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub public_url: Option<String>,
    /// Keys that sign sessions and handles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub keys: Vec<SigningKey>,
}
