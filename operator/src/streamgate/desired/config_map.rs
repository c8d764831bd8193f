//! The role configuration file: the spec in the words of the data plane.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use streamgate_contract::config::{
    Auth, Chain, DATA_DIR, Database, GateIdentity, Limits, OpenIdProvider, People, RoleConfig,
    SolanaCluster, Storage, Transcode,
};
use streamgate_contract::peers::{DATABASE_URL, ROLES, SHARED_STORE_URL, URLS_DIR, callers};
use streamgate_contract::plan::SourceLimits;
use streamgate_contract::roles::Role;
use streamgate_crds::stream_gate::{
    self, OidcProvider, Postgres, S3Storage, SharedStore, Topology,
};

use super::{metadata, services};
use crate::streamgate::validate::{self, ValidatedGate};

/// Key of the ConfigMap.
pub const FILE: &str = "config.yaml";

/// The ConfigMap with the file.
pub fn config_map(gate: &ValidatedGate, yaml: String) -> ConfigMap {
    ConfigMap {
        metadata: metadata::owned(gate, &metadata::config_name(gate)),
        data: Some(BTreeMap::from([(FILE.to_owned(), yaml)])),
        ..ConfigMap::default()
    }
}

/// The file as text.
pub fn yaml(gate: &ValidatedGate, public_url: &str) -> Result<String, serde_yaml::Error> {
    serde_yaml::to_string(&config(gate, public_url))
}

fn config(gate: &ValidatedGate, public_url: &str) -> RoleConfig {
    let spec = &gate.spec;
    RoleConfig {
        gate: identity(gate),
        public_url: public_url.to_owned(),
        serve_tls: spec.exposure.tls_secret_name.is_some(),
        storage: storage(spec.storage.s3.as_ref()),
        database: database(spec.database.postgres.as_ref()),
        chains: chains(gate),
        solana: gate.spec.solana.iter().map(cluster).collect(),
        webhooks: spec.webhooks.clone(),
        rules: spec.rules.clone(),
        default_rule: spec.default_rule.clone(),
        auth: auth(gate, public_url),
        people: People {
            creators: spec.people.creators.clone(),
            admins: spec.people.admins.clone(),
            creator_rule: spec.people.creator_rule.clone(),
            admin_rule: spec.people.admin_rule.clone(),
        },
        limits: Limits {
            max_upload_bytes: spec.limits.max_upload_bytes,
            uploads: spec.limits.uploads.clone(),
            requests_per_second: spec.limits.requests_per_second,
            request_burst: spec.limits.request_burst,
            request_timeout_seconds: spec.limits.request_timeout_seconds,
            roles: spec.limits.roles.clone(),
            mode: spec.limits.mode,
            trusted_proxies: spec.limits.trusted_proxies.clone(),
            max_concurrent_requests: spec.limits.max_concurrent_requests,
            shared_store: shared_store(spec.limits.shared_store.as_ref()),
        },
        audit: spec.audit.clone(),
        playback: spec.playback.clone(),
        transcode: Transcode {
            renditions: spec.transcode.renditions.clone(),
            ladder: spec.transcode.ladder,
            while_uploading: spec.transcode.while_uploading,
            profiles: spec.transcode.profiles.clone(),
            audio: spec.transcode.audio.clone(),
            grid: spec.transcode.grid.clone(),
            limits: SourceLimits::default(),
        },
        peers: peers(gate),
        log: spec.log.clone(),
    }
}

fn identity(gate: &ValidatedGate) -> GateIdentity {
    GateIdentity {
        namespace: gate.namespace.clone(),
        name: gate.name.clone(),
        uid: gate.uid.clone(),
        allowed_namespaces: gate.spec.allowed_namespaces.clone(),
    }
}

fn database(postgres: Option<&Postgres>) -> Database {
    match postgres {
        None => Database::Sqlite {
            path: format!("{DATA_DIR}/catalog.sqlite"),
        },
        Some(postgres) => Database::Postgres {
            url_file: format!("{URLS_DIR}/{DATABASE_URL}"),
            connections: postgres.connections_per_pod,
        },
    }
}

fn shared_store(store: Option<&SharedStore>) -> Option<String> {
    store.map(|_| format!("{URLS_DIR}/{SHARED_STORE_URL}"))
}

/// Where the roles are that somebody asks; nowhere else when all are in one pod.
fn peers(gate: &ValidatedGate) -> BTreeMap<Role, String> {
    let asked = ROLES.iter().filter(|role| !callers(**role).is_empty());
    let asked = asked.filter(|_| gate.spec.topology == Topology::Distributed);
    asked
        .map(|role| (*role, services::internal_url(gate, *role)))
        .collect()
}

fn storage(s3: Option<&S3Storage>) -> Storage {
    match s3 {
        None => Storage::Filesystem {
            path: format!("{DATA_DIR}/objects"),
        },
        Some(s3) => Storage::S3 {
            bucket: s3.bucket.clone(),
            region: s3.region.clone(),
            endpoint: s3.endpoint.clone(),
            force_path_style: s3.force_path_style,
        },
    }
}

fn chains(gate: &ValidatedGate) -> Vec<Chain> {
    let chains = gate.spec.chains.iter();
    chains
        .map(|chain| Chain {
            name: chain.name.clone(),
            chain_id: chain.chain_id,
            rpc_urls: chain.rpc_urls.clone(),
            // At most 8, so it fits.
            quorum: chain.quorum as usize,
            finality: chain.finality,
            confirmations: chain.confirmations.into(),
            max_age_seconds: chain.max_age_seconds.into(),
        })
        .collect()
}

fn cluster(cluster: &stream_gate::SolanaCluster) -> SolanaCluster {
    SolanaCluster {
        name: cluster.name.clone(),
        rpc_urls: cluster.rpc_urls.clone(),
        // At most 8, so it fits.
        quorum: cluster.quorum as usize,
        genesis_hash: cluster.genesis_hash.clone(),
        commitment: cluster.commitment,
        max_age_seconds: cluster.max_age_seconds.into(),
    }
}

fn provider(provider: &OidcProvider) -> OpenIdProvider {
    OpenIdProvider {
        name: provider.name.clone(),
        issuer: provider.issuer.clone(),
        client_id: provider.client_id.clone(),
        has_secret: provider.client_secret_name.is_some(),
        scopes: provider.scopes.clone(),
    }
}

fn auth(gate: &ValidatedGate, public_url: &str) -> Auth {
    let auth = &gate.spec.auth;
    let domain = auth.domain.as_deref();
    Auth {
        domain: domain
            .unwrap_or_else(|| validate::authority(public_url))
            .to_owned(),
        challenge_seconds: auth.challenge_seconds,
        session_seconds: auth.session_seconds,
        refresh_seconds: auth.refresh_seconds,
        lease_seconds: auth.lease_seconds,
        pause_allowance_seconds: auth.pause_allowance_seconds,
        oidc: auth.oidc.iter().map(provider).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streamgate::samples;

    #[test]
    fn the_data_plane_reads_back_what_was_written() {
        let gate = validate::validate(&samples::gate(samples::full())).unwrap();
        let text = yaml(&gate, "https://watch.example").unwrap();
        let read: RoleConfig = serde_yaml::from_str(&text).unwrap();
        assert_eq!(read, config(&gate, "https://watch.example"));
    }

    #[test]
    fn the_sign_in_domain_follows_the_public_url() {
        let gate = validate::validate(&samples::gate(serde_json::json!({}))).unwrap();
        let domain = |url| config(&gate, url).auth.domain;
        assert_eq!(
            domain("https://watch.example:8443/tv"),
            "watch.example:8443"
        );
    }
}
