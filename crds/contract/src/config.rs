//! The role configuration file: the operator writes it into a ConfigMap, every data-plane
//! process reads it once at start. Unknown fields are refused; secrets are never in it, only the
//! folders where they are mounted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::AuditSettings;
use crate::limits::{LimitMode, RoleLimit};
use crate::plan::SourceLimits;
use crate::playback::PlaybackSettings;
use crate::profiles::Profile;
use crate::renditions::{AudioSettings, GridSettings, Ladder, Rendition};
use crate::roles::Role;
use crate::rules::GateRule;
use crate::uploads::UploadLimits;

mod solana;

pub use solana::{Commitment, MAINNET_GENESIS, SolanaCluster};

/// Where the operator mounts the file.
pub const CONFIG_PATH: &str = "/etc/streamgate/config.yaml";
/// Where the operator mounts the generated keys (Secret `<gate>-keys`).
pub const KEYS_DIR: &str = "/etc/streamgate/keys";
/// Where the operator mounts the user's S3 credentials (`accessKeyId`, `secretAccessKey`).
pub const S3_CREDENTIALS_DIR: &str = "/etc/streamgate/s3";
/// Where the operator mounts the certificate of the public listener (Secret of type
/// `kubernetes.io/tls`: `tls.crt`, `tls.key`).
pub const TLS_DIR: &str = "/etc/streamgate/tls";
/// Where the operator mounts the secrets of OpenID clients, a folder for each provider.
pub const OIDC_SECRETS_DIR: &str = "/etc/streamgate/oidc";
/// Key of a user's Secret, and file, with the secret of an OpenID client.
pub const OIDC_SECRET: &str = "clientSecret";
/// Where the data volume is mounted; the only writable folder.
pub const DATA_DIR: &str = "/var/lib/streamgate";
/// Where the audit log is kept.
pub const AUDIT_DIR: &str = "/var/lib/streamgate/audit";

/// Key file in [`KEYS_DIR`]: Ed25519 private key (PKCS#8 PEM) that signs sessions.
pub const SESSION_KEY: &str = "session.pem";
/// Key file in [`KEYS_DIR`]: Ed25519 public keys (SPKI PEM) that verify sessions. A Secret made before
/// keys were rotated has none: then those of [`SESSION_KEY`] verify.
pub const SESSION_PUBLIC_KEY: &str = "session.pub.pem";
/// Key file in [`KEYS_DIR`]: Ed25519 private key (PKCS#8 PEM) that signs playback handles.
pub const PLAYBACK_KEY: &str = "playback.pem";
/// Key file in [`KEYS_DIR`]: Ed25519 public keys (SPKI PEM) that verify playback handles.
pub const PLAYBACK_PUBLIC_KEY: &str = "playback.pub.pem";
/// Key file in [`KEYS_DIR`]: 32 random bytes that sign internal object URLs.
pub const OBJECT_URL_KEY: &str = "object-url.key";
/// Every key file a process may read.
pub const KEY_FILES: [&str; 5] = [
    SESSION_KEY,
    SESSION_PUBLIC_KEY,
    PLAYBACK_KEY,
    PLAYBACK_PUBLIC_KEY,
    OBJECT_URL_KEY,
];

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleConfig {
    /// Which StreamGate this process belongs to.
    pub gate: GateIdentity,
    /// Base URL under which viewers reach the gate, without a trailing slash.
    pub public_url: String,
    /// The public listener speaks TLS, with the certificate in [`TLS_DIR`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub serve_tls: bool,
    /// Object storage.
    pub storage: Storage,
    /// Database.
    pub database: Database,
    /// Chains that rules may name.
    pub chains: Vec<Chain>,
    /// Clusters of Solana that rules may name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub solana: Vec<SolanaCluster>,
    /// Services that rules may ask.
    #[serde(default)]
    pub webhooks: Webhooks,
    /// Rules that contents may name.
    pub rules: Vec<GateRule>,
    /// Rule of contents that name none; without it such a content is its owner's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_rule: Option<String>,
    /// Sign-in and sessions.
    pub auth: Auth,
    /// Who may do what.
    pub people: People,
    /// Limits.
    pub limits: Limits,
    /// The audit log.
    #[serde(default)]
    pub audit: AuditSettings,
    /// Playback.
    #[serde(default)]
    pub playback: PlaybackSettings,
    /// Defaults of TranscodeJobs.
    pub transcode: Transcode,
    /// Base URLs of the internal listeners of roles that run in pods of their own; empty when every
    /// role runs in this process.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<Role, String>,
    /// Log filter, such as `info` or `info,streamgate_dataplane=debug`.
    pub log: String,
}

/// Identity of the StreamGate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateIdentity {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID: audience of job pods' tokens.
    pub uid: String,
    /// Namespaces, besides its own, whose TranscodeJobs may refer to the gate.
    pub allowed_namespaces: Vec<String>,
}

/// Object storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Storage {
    /// A folder of the data volume.
    Filesystem {
        /// Absolute path.
        path: String,
    },
    /// An S3 bucket; credentials in [`S3_CREDENTIALS_DIR`].
    #[serde(rename_all = "camelCase")]
    S3 {
        /// Bucket name.
        bucket: String,
        /// Region.
        region: String,
        /// Endpoint URL; AWS's own when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        /// Bucket in the path instead of the host name.
        force_path_style: bool,
    },
}

/// Database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Database {
    /// A SQLite file of the data volume.
    Sqlite {
        /// Absolute path.
        path: String,
    },
    /// A PostgreSQL server.
    Postgres {
        /// File with its URL, which holds the password.
        url_file: String,
        /// Most connections of one process.
        #[serde(default = "default_connections")]
        connections: u32,
    },
}

fn default_connections() -> u32 {
    16
}

/// An EVM chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chain {
    /// Name that rules use.
    pub name: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// JSON-RPC endpoints, best first.
    pub rpc_urls: Vec<String>,
    /// Endpoints that must give the same answer.
    #[serde(default = "one")]
    pub quorum: usize,
    /// Which block counts as decided.
    #[serde(default)]
    pub finality: Finality,
    /// Blocks to stay behind it.
    #[serde(default)]
    pub confirmations: u64,
    /// Seconds after which a block is too old to decide by.
    #[serde(default = "hour")]
    pub max_age_seconds: u64,
}

/// Services that rules may ask, and where they may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Webhooks {
    /// Hosts that rules may name, each with its port where that is not the scheme's own.
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 259), regex(pattern = r"^[a-z0-9.:\[\]-]+$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub hosts: Vec<String>,
    /// Networks in CIDR notation that are not public and may be dialled all the same, such as that
    /// of a service in the cluster. Without them only public addresses are, and only with https.
    #[schemars(
        length(max = 32),
        inner(length(min = 2, max = 43), regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub private_networks: Vec<String>,
}

fn one() -> usize {
    1
}

fn hour() -> u64 {
    3_600
}

/// Which block of a chain counts as decided. Source: the block tags of the Ethereum JSON-RPC API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Finality {
    /// The newest block; it may be replaced by another.
    #[default]
    Latest,
    /// The newest block that is unlikely to be replaced.
    Safe,
    /// The newest block that cannot be replaced.
    Finalized,
}

impl Finality {
    /// The block tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Finality::Latest => "latest",
            Finality::Safe => "safe",
            Finality::Finalized => "finalized",
        }
    }
}

/// Sign-in and sessions. Durations in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth {
    /// EIP-4361 domain that a sign-in message must name.
    pub domain: String,
    /// Life of a challenge.
    pub challenge_seconds: u64,
    /// Life of a session.
    pub session_seconds: u64,
    /// Time after sign-in within which a session can be renewed.
    #[serde(default = "week")]
    pub refresh_seconds: u64,
    /// Life of an entitlement before the chain is asked again; at most 600.
    pub lease_seconds: u64,
    /// Pause allowance added to a content's duration for the absolute end of a playback handle.
    pub pause_allowance_seconds: u64,
    /// Providers people may sign in at.
    #[serde(default)]
    pub oidc: Vec<OpenIdProvider>,
}

/// An OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenIdProvider {
    /// Name in the paths of the sign-in, in rules and in [`OIDC_SECRETS_DIR`].
    pub name: String,
    /// Issuer identifier, a URL.
    pub issuer: String,
    /// What the provider calls this gate.
    pub client_id: String,
    /// The client has a secret: `<name>/clientSecret` in [`OIDC_SECRETS_DIR`].
    #[serde(default)]
    pub has_secret: bool,
    /// Scopes asked for; `openid` is among them.
    pub scopes: Vec<String>,
}

fn week() -> u64 {
    604_800
}

/// Who may do what: by wallet, or by what a rule asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct People {
    /// May upload.
    pub creators: Vec<String>,
    /// May do everything.
    pub admins: Vec<String>,
    /// Whom this rule admits may upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_rule: Option<String>,
    /// Whom this rule admits may do everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_rule: Option<String>,
}

/// Limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one upload.
    pub max_upload_bytes: u64,
    /// What uploads are held to besides.
    #[serde(default)]
    pub uploads: UploadLimits,
    /// Requests per second and address, refilled steadily.
    pub requests_per_second: u32,
    /// Requests an address may make at once.
    pub request_burst: u32,
    /// Seconds until a request without an answer is ended.
    pub request_timeout_seconds: u64,
    /// Limits of single roles that differ from the defaults.
    #[serde(default)]
    pub roles: Vec<RoleLimit>,
    /// What happens beyond a limit.
    #[serde(default)]
    pub mode: LimitMode,
    /// Networks (CIDR) of proxies whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// Requests in work at once, over all callers.
    #[serde(default = "default_concurrency")]
    pub max_concurrent_requests: u32,
    /// File with the URL of a Redis or Valkey in which replicas count together; without one each
    /// counts alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_store: Option<String>,
}

fn default_concurrency() -> u32 {
    4_096
}

/// Defaults of TranscodeJobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transcode {
    /// Ladder.
    pub renditions: Vec<Rendition>,
    /// How it is fitted to a source.
    #[serde(default)]
    pub ladder: Ladder,
    /// Whether encoding begins while an upload still runs. Left out when not: versions before do not
    /// know it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub while_uploading: bool,
    /// Profiles of this gate by name, beside the built-in ones.
    #[serde(default)]
    pub profiles: BTreeMap<String, Profile>,
    /// Audio.
    pub audio: AudioSettings,
    /// Grid.
    pub grid: GridSettings,
    /// What a source may be at most.
    pub limits: SourceLimits,
}
