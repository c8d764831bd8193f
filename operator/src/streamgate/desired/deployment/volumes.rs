//! What the pods of a role mount: configuration, keys, the user's credentials, certificate and URLs
//! as one read-only tree, room for data, and tokens to show to other roles.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource,
    ProjectedVolumeSource, SecretProjection, ServiceAccountTokenProjection, Volume, VolumeMount,
    VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use streamgate_contract::config::{
    DATA_DIR, KEYS_DIR, OBJECT_URL_KEY, OIDC_SECRET, OIDC_SECRETS_DIR, PLAYBACK_KEY,
    PLAYBACK_PUBLIC_KEY, S3_CREDENTIALS_DIR, SESSION_KEY, SESSION_PUBLIC_KEY, TLS_DIR,
};
use streamgate_contract::peers::{
    DATABASE_URL, ROLE_TOKENS_DIR, SHARED_STORE_URL, URLS_DIR, audience, callees,
};
use streamgate_contract::roles::Role;

use super::super::config_map::FILE;
use super::metadata;
use crate::streamgate::validate::ValidatedGate;

/// Mount point of the read-only tree.
const SETTINGS_DIR: &str = "/etc/streamgate";
/// Keys of the user's Secret with S3 credentials.
const CREDENTIALS: [&str; 2] = ["accessKeyId", "secretAccessKey"];
/// Keys of the user's Secret with a certificate.
const CERTIFICATE: [&str; 2] = ["tls.crt", "tls.key"];
/// Readable by owner and group, and by nobody else.
const MODE: i32 = 0o440;

const SETTINGS: &str = "settings";
const DATA: &str = "data";
const TOKENS: &str = "role-tokens";
/// Seconds a token for another role is good for; kubelet replaces it when most of them are over.
const TOKEN_SECONDS: i64 = 3_600;
/// What the audit log may take beyond its own bound, while a segment is closed.
const SPARE_BYTES: u64 = 64 << 20;

/// The volumes. One projected volume for settings, because a mount inside a read-only mount cannot
/// be made.
pub fn volumes(gate: &ValidatedGate, role: Role) -> Vec<Volume> {
    let settings = Volume {
        name: SETTINGS.to_owned(),
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(MODE),
            sources: Some(sources(gate, role)),
        }),
        ..Volume::default()
    };
    let more = [data(gate, role), tokens(gate, role)];
    std::iter::once(settings)
        .chain(more.into_iter().flatten())
        .collect()
}

/// Where they are mounted.
pub fn mounts(gate: &ValidatedGate, role: Role) -> Vec<VolumeMount> {
    let mount = |volume: &Volume| {
        let (path, read_only) = match volume.name.as_str() {
            DATA => (DATA_DIR, None),
            TOKENS => (ROLE_TOKENS_DIR, Some(true)),
            _ => (SETTINGS_DIR, Some(true)),
        };
        VolumeMount {
            name: volume.name.clone(),
            mount_path: path.to_owned(),
            read_only,
            ..VolumeMount::default()
        }
    };
    volumes(gate, role).iter().map(mount).collect()
}

/// The data volume; for roles that keep but an audit log, room that goes with the pod.
fn data(gate: &ValidatedGate, role: Role) -> Option<Volume> {
    let claim = || PersistentVolumeClaimVolumeSource {
        claim_name: metadata::data_name(gate),
        ..PersistentVolumeClaimVolumeSource::default()
    };
    let room = || EmptyDirVolumeSource {
        size_limit: Some(Quantity(
            (gate.spec.audit.max_bytes + SPARE_BYTES).to_string(),
        )),
        ..EmptyDirVolumeSource::default()
    };
    let (claim, room) = match role {
        Role::All => (Some(claim()), None),
        Role::Gateway | Role::Worker => (None, Some(room())),
        _ => return None,
    };
    Some(Volume {
        name: DATA.to_owned(),
        persistent_volume_claim: claim,
        empty_dir: room,
        ..Volume::default()
    })
}

/// A token for each role that this one asks.
fn tokens(gate: &ValidatedGate, role: Role) -> Option<Volume> {
    let token = |callee: Role| VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            audience: Some(audience(&gate.uid, callee)),
            expiration_seconds: Some(TOKEN_SECONDS),
            path: callee.name().to_owned(),
        }),
        ..VolumeProjection::default()
    };
    let tokens: Vec<_> = callees(role).map(token).collect();
    (!tokens.is_empty()).then(|| Volume {
        name: TOKENS.to_owned(),
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(MODE),
            sources: Some(tokens),
        }),
        ..Volume::default()
    })
}

/// What a role reads: of the keys only its own, of the users' Secrets only those it works with.
fn sources(gate: &ValidatedGate, role: Role) -> Vec<VolumeProjection> {
    let config = VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: metadata::config_name(gate),
            items: Some(vec![item(FILE, SETTINGS_DIR)]),
            ..ConfigMapProjection::default()
        }),
        ..VolumeProjection::default()
    };
    let mut sources = vec![config];
    let keys = keys(role);
    if !keys.is_empty() {
        sources.push(secret(&metadata::keys_name(gate), keys, KEYS_DIR));
    }
    if signs_in(role) {
        let mut known = secret(&metadata::keys_name(gate), &[SESSION_PUBLIC_KEY], KEYS_DIR);
        // Not in Secrets that were made before keys were rotated.
        if let Some(secret) = &mut known.secret {
            secret.optional = Some(true);
        }
        sources.push(known);
    }
    let spec = &gate.spec;
    if let (true, Some(s3)) = (has_store(role), &spec.storage.s3) {
        let name = &s3.credentials_secret_name;
        sources.push(secret(name, &CREDENTIALS, S3_CREDENTIALS_DIR));
    }
    if let (true, Some(name)) = (is_public(role), &spec.exposure.tls_secret_name) {
        sources.push(secret(name, &CERTIFICATE, TLS_DIR));
    }
    if let (true, Some(postgres)) = (has_catalog(role), &spec.database.postgres) {
        sources.push(url(&postgres.secret_name, &postgres.key, DATABASE_URL));
    }
    if let (true, Some(store)) = (counts(role), &spec.limits.shared_store) {
        sources.push(url(&store.secret_name, &store.key, SHARED_STORE_URL));
    }
    for provider in spec.auth.oidc.iter().filter(|_| signs_in(role)) {
        if let Some(name) = &provider.client_secret_name {
            let folder = format!("{OIDC_SECRETS_DIR}/{}", provider.name);
            sources.push(secret(name, &[OIDC_SECRET], &folder));
        }
    }
    sources
}

/// Files of the generated keys that every Secret has. Where there is S3 the key of object URLs signs none: others are derived
/// from it, of the audit log and of cursors.
fn keys(role: Role) -> &'static [&'static str] {
    match role {
        Role::All => &[
            SESSION_KEY,
            PLAYBACK_KEY,
            PLAYBACK_PUBLIC_KEY,
            OBJECT_URL_KEY,
        ],
        Role::Auth => &[SESSION_KEY, PLAYBACK_KEY, PLAYBACK_PUBLIC_KEY],
        Role::Streaming => &[PLAYBACK_PUBLIC_KEY],
        Role::Gateway | Role::Metadata | Role::Monitor | Role::Upload | Role::Worker => {
            &[OBJECT_URL_KEY]
        }
        Role::Cache => &[],
    }
}

fn is_public(role: Role) -> bool {
    matches!(role, Role::All | Role::Gateway)
}

/// Counts requests, or streams, with its other replicas.
fn counts(role: Role) -> bool {
    is_public(role) || role == Role::Streaming
}

fn signs_in(role: Role) -> bool {
    matches!(role, Role::All | Role::Auth)
}

fn has_store(role: Role) -> bool {
    use Role::{All, Metadata, Streaming, Upload, Worker};
    matches!(role, All | Upload | Metadata | Streaming | Worker)
}

fn has_catalog(role: Role) -> bool {
    has_store(role) || matches!(role, Role::Auth | Role::Monitor)
}

/// A key of a user's Secret as a file of our name.
fn url(secret: &str, key: &str, file: &str) -> VolumeProjection {
    let item = KeyToPath {
        key: key.to_owned(),
        ..item(file, URLS_DIR)
    };
    VolumeProjection {
        secret: Some(SecretProjection {
            name: secret.to_owned(),
            items: Some(vec![item]),
            ..SecretProjection::default()
        }),
        ..VolumeProjection::default()
    }
}

fn secret(name: &str, keys: &[&str], folder: &str) -> VolumeProjection {
    VolumeProjection {
        secret: Some(SecretProjection {
            name: name.to_owned(),
            items: Some(keys.iter().map(|key| item(key, folder)).collect()),
            ..SecretProjection::default()
        }),
        ..VolumeProjection::default()
    }
}

/// A key as a file of the same name in `folder`, which is below the mount point.
fn item(key: &str, folder: &str) -> KeyToPath {
    let below = folder.strip_prefix(SETTINGS_DIR).unwrap_or(folder);
    let path = format!("{below}/{key}");
    KeyToPath {
        key: key.to_owned(),
        path: path.trim_start_matches('/').to_owned(),
        ..KeyToPath::default()
    }
}
