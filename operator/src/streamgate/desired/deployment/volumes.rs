//! What the gate's pod mounts: configuration, keys and the user's secrets as one read-only tree, and
//! the data volume.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, KeyToPath, PersistentVolumeClaimVolumeSource, ProjectedVolumeSource,
    SecretProjection, Volume, VolumeMount, VolumeProjection,
};
use streamgate_contract::config::{
    DATA_DIR, KEY_FILES, KEYS_DIR, OIDC_SECRET, OIDC_SECRETS_DIR, S3_CREDENTIALS_DIR, TLS_DIR,
};

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

/// The volumes. One projected volume, because a mount inside a read-only mount cannot be made.
pub fn volumes(gate: &ValidatedGate) -> Vec<Volume> {
    let claim = PersistentVolumeClaimVolumeSource {
        claim_name: metadata::data_name(gate),
        ..PersistentVolumeClaimVolumeSource::default()
    };
    vec![
        Volume {
            name: SETTINGS.to_owned(),
            projected: Some(ProjectedVolumeSource {
                default_mode: Some(MODE),
                sources: Some(sources(gate)),
            }),
            ..Volume::default()
        },
        Volume {
            name: DATA.to_owned(),
            persistent_volume_claim: Some(claim),
            ..Volume::default()
        },
    ]
}

/// Where they are mounted.
pub fn mounts() -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str, read_only| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..VolumeMount::default()
    };
    vec![
        mount(SETTINGS, SETTINGS_DIR, Some(true)),
        mount(DATA, DATA_DIR, None),
    ]
}

fn sources(gate: &ValidatedGate) -> Vec<VolumeProjection> {
    let config = VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: metadata::config_name(gate),
            items: Some(vec![item(FILE, SETTINGS_DIR)]),
            ..ConfigMapProjection::default()
        }),
        ..VolumeProjection::default()
    };
    let keys = secret(&metadata::keys_name(gate), &KEY_FILES, KEYS_DIR);
    let mut sources = vec![config, keys];
    if let Some(s3) = &gate.spec.storage.s3 {
        let name = &s3.credentials_secret_name;
        sources.push(secret(name, &CREDENTIALS, S3_CREDENTIALS_DIR));
    }
    if let Some(name) = &gate.spec.exposure.tls_secret_name {
        sources.push(secret(name, &CERTIFICATE, TLS_DIR));
    }
    for provider in &gate.spec.auth.oidc {
        if let Some(name) = &provider.client_secret_name {
            let folder = format!("{OIDC_SECRETS_DIR}/{}", provider.name);
            sources.push(secret(name, &[OIDC_SECRET], &folder));
        }
    }
    sources
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
