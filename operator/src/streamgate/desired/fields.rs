//! Every field of a StreamGate and what changes with it: the table is held against the schema of
//! the CRD, so a field without a row fails.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use streamgate_crds::definitions;

use super::golden::documents;
use super::*;
use crate::streamgate::validate::{Invalid, validate};
use crate::streamgate::{rollout::Rollout, samples, status};

/// What a change of a field is seen in.
#[derive(Debug)]
enum Seen {
    /// These children change, and no other.
    Children(&'static [&'static str]),
    /// The reason of the condition `Ready` becomes this.
    Ready(&'static str),
    /// TranscodeJobs read it from the StreamGate when they are planned; no child of the gate has
    /// it. It is checked here all the same where a wrong value is possible.
    Jobs,
}

use Seen::{Children, Jobs, Ready};

/// The configuration reaches the pod by its hash.
const CONFIG: Seen = Children(&["ConfigMap", "Deployment"]);

/// Path of each leaf, another valid value for it, and what is seen.
fn rows() -> Vec<(&'static str, Value, Seen)> {
    let wallet = "0x00000000000000000000000000000000000000FF";
    let mut rows = vec![
        (
            "version",
            json!("0.3.0"),
            Children(&["Deployment", "status"]),
        ),
        ("topology", json!("Compact"), Jobs),
        (
            "volume.size",
            json!("30Gi"),
            Children(&["PersistentVolumeClaim"]),
        ),
        (
            "volume.storageClassName",
            json!("slow"),
            Children(&["PersistentVolumeClaim"]),
        ),
        (
            "storage.s3.credentialsSecretName",
            json!("other"),
            Children(&["Deployment"]),
        ),
        (
            "auth.oidc[].name",
            json!("work"),
            Children(&["ConfigMap", "Deployment"]),
        ),
        (
            "auth.oidc[].clientSecretName",
            json!("other"),
            Children(&["Deployment"]),
        ),
        (
            "components.*.resources.requests.*",
            json!("300m"),
            Children(&["Deployment"]),
        ),
        (
            "components.*.resources.limits.*",
            json!("3Gi"),
            Children(&["Deployment"]),
        ),
        (
            "components.*.nodeSelector.*",
            json!("hdd"),
            Children(&["Deployment"]),
        ),
        (
            "components.*.priorityClassName",
            json!("batch"),
            Children(&["Deployment"]),
        ),
        (
            "exposure.publicUrl",
            json!("https://other.example"),
            Children(&["ConfigMap", "Deployment", "status"]),
        ),
        (
            "exposure.serviceType",
            json!("LoadBalancer"),
            Children(&["Service gateway"]),
        ),
        (
            "exposure.nodePort",
            json!(30081),
            Children(&["Service gateway"]),
        ),
        (
            "playback.allowedOrigins[]",
            json!("https://a.example"),
            CONFIG,
        ),
        ("playback.streamsPerViewer", json!(4), CONFIG),
        ("playback.bytesPerSecond", json!(3_000_000), CONFIG),
        ("playback.bind[]", json!("Device"), CONFIG),
        ("playback.countryHeader", json!("x-country"), CONFIG),
        (
            "exposure.tlsSecretName",
            json!("other-tls"),
            Children(&["Deployment"]),
        ),
        (
            "allowedNamespaces[]",
            json!("team-b"),
            Children(&["ConfigMap", "Deployment", "grant"]),
        ),
        ("dataPolicy", json!("Retain"), Children(&["data owner"])),
        ("paused", json!(true), Ready("Paused")),
        ("transcode.parallelism", json!(3), Jobs),
        ("transcode.sandbox", json!("Required"), Jobs),
        ("transcode.scheduling.nodeSelector.*", json!("no"), Jobs),
        (
            "transcode.scheduling.priorityClassName",
            json!("urgent"),
            Jobs,
        ),
        ("transcode.scheduling.tolerations[].key", json!("gpu"), Jobs),
        (
            "transcode.scheduling.tolerations[].operator",
            json!("Equal"),
            Jobs,
        ),
        (
            "transcode.scheduling.tolerations[].value",
            json!("no"),
            Jobs,
        ),
        (
            "transcode.scheduling.tolerations[].effect",
            json!("NoExecute"),
            Jobs,
        ),
        (
            "transcode.resources.requests.*",
            json!("much"),
            Ready("InvalidSpec"),
        ),
        (
            "transcode.resources.limits.*",
            json!("much"),
            Ready("InvalidSpec"),
        ),
    ];
    let config = [
        ("storage.s3.bucket", json!("films")),
        ("storage.s3.region", json!("eu-north-1")),
        ("storage.s3.endpoint", json!("http://other:9000")),
        ("storage.s3.forcePathStyle", json!(false)),
        ("chains[].name", json!("side")),
        ("chains[].chainId", json!(5)),
        ("chains[].rpcUrls[]", json!("http://other:8545")),
        ("chains[].quorum", json!(2)),
        ("chains[].finality", json!("Safe")),
        ("chains[].confirmations", json!(3)),
        ("chains[].maxAgeSeconds", json!(61)),
        ("solana[].name", json!("devnet")),
        ("solana[].rpcUrls[]", json!("http://other:8899")),
        ("solana[].quorum", json!(2)),
        (
            "solana[].genesisHash",
            json!("4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"),
        ),
        ("solana[].commitment", json!("Finalized")),
        ("solana[].maxAgeSeconds", json!(61)),
        ("rules[].splToken.cluster", json!("devnet")),
        (
            "rules[].splToken.mint",
            json!("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
        ),
        ("rules[].splToken.minimum", json!("8")),
        ("rules[].metaplexNft.cluster", json!("devnet")),
        (
            "rules[].metaplexNft.collection",
            json!("So11111111111111111111111111111111111111112"),
        ),
        ("rules[].erc721.through.delegation.registry", json!(wallet)),
        (
            "rules[].erc721.through.delegation.rights",
            json!(format!("0x{}", "02".repeat(32))),
        ),
        ("rules[].erc721.through.accounts[].contract", json!(wallet)),
        (
            "rules[].erc721.through.accounts[].implementation",
            json!(wallet),
        ),
        (
            "rules[].erc721.through.accounts[].salt",
            json!(format!("0x{}", "02".repeat(32))),
        ),
        ("rules[].erc721.through.accounts[].registry", json!(wallet)),
        ("rules[].erc1155.through.delegation.registry", json!(wallet)),
        (
            "rules[].erc1155.through.delegation.rights",
            json!(format!("0x{}", "02".repeat(32))),
        ),
        ("rules[].erc1155.through.accounts[].contract", json!(wallet)),
        (
            "rules[].erc1155.through.accounts[].implementation",
            json!(wallet),
        ),
        (
            "rules[].erc1155.through.accounts[].salt",
            json!(format!("0x{}", "02".repeat(32))),
        ),
        ("rules[].erc1155.through.accounts[].registry", json!(wallet)),
        ("rules[].erc20.through.delegation.registry", json!(wallet)),
        (
            "rules[].erc20.through.delegation.rights",
            json!(format!("0x{}", "02".repeat(32))),
        ),
        ("rules[].erc20.through.accounts[].contract", json!(wallet)),
        (
            "rules[].erc20.through.accounts[].implementation",
            json!(wallet),
        ),
        (
            "rules[].erc20.through.accounts[].salt",
            json!(format!("0x{}", "02".repeat(32))),
        ),
        ("rules[].erc20.through.accounts[].registry", json!(wallet)),
        ("rules[].name", json!("ticket")),
        ("rules[].title", json!("Other pass")),
        ("rules[].getUrl", json!("https://other.example")),
        ("webhooks.hosts[]", json!("other.example")),
        ("webhooks.privateNetworks[]", json!("10.0.0.0/24")),
        ("auth.oidc[].issuer", json!("https://other.example")),
        ("auth.oidc[].clientId", json!("other")),
        ("auth.oidc[].scopes[]", json!("email")),
        ("rules[].oidcClaim.provider", json!("other")),
        ("rules[].oidcClaim.claim", json!("teams")),
        ("rules[].oidcClaim.values[]", json!("press")),
        ("rules[].webhook.url", json!("https://hooks.example/other")),
        ("rules[].webhook.publicKey", json!("bb".repeat(32))),
        ("rules[].erc721.chain", json!("side")),
        ("rules[].erc721.contract", json!(wallet)),
        ("rules[].erc721.tokenId", json!("8")),
        ("rules[].erc1155.chain", json!("side")),
        ("rules[].erc1155.contract", json!(wallet)),
        ("rules[].erc1155.tokenId", json!("8")),
        ("rules[].erc1155.minimum", json!("8")),
        ("rules[].erc20.chain", json!("side")),
        ("rules[].erc20.contract", json!(wallet)),
        ("rules[].erc20.minimum", json!("8")),
        ("rules[].native.chain", json!("side")),
        ("rules[].native.minimum", json!("8")),
        ("rules[].call.chain", json!("side")),
        ("rules[].call.contract", json!(wallet)),
        ("rules[].call.function", json!("isFriend(address,uint8)")),
        ("rules[].call.arguments[]", json!(wallet)),
        ("rules[].call.minimum", json!("8")),
        ("rules[].allowList.wallets[]", json!(wallet)),
        (
            "rules[].merkle.root",
            json!(format!("0x{}", "01".repeat(32))),
        ),
        ("rules[].allOf[]", json!("coins")),
        ("rules[].anyOf[]", json!("coins")),
        ("rules[].not", json!("coins")),
        ("defaultRule", json!("ticket")),
        ("auth.domain", json!("other.example")),
        ("auth.challengeSeconds", json!(121)),
        ("auth.refreshSeconds", json!(86_401)),
        ("auth.sessionSeconds", json!(3601)),
        ("auth.leaseSeconds", json!(61)),
        ("auth.pauseAllowanceSeconds", json!(601)),
        ("people.creators[]", json!(wallet)),
        ("people.admins[]", json!(wallet)),
        ("people.creatorRule", json!("coins")),
        ("people.adminRule", json!("coins")),
        ("limits.maxUploadBytes", json!(1_000_001)),
        ("limits.uploads.lifeHours", json!(25)),
        ("limits.uploads.openPerWallet", json!(9)),
        ("limits.uploads.bytesPerWallet", json!(5_000_001)),
        ("limits.uploads.bytesPerSecond", json!(1_000_001)),
        ("limits.requestsPerSecond", json!(11)),
        ("limits.requestBurst", json!(21)),
        ("limits.requestTimeoutSeconds", json!(6)),
        ("limits.roles[].role", json!("upload")),
        ("limits.roles[].requestsPerSecond", json!(3)),
        ("limits.roles[].burst", json!(11)),
        ("limits.mode", json!("Enforce")),
        ("limits.trustedProxies[]", json!("fd00::/8")),
        ("limits.maxConcurrentRequests", json!(513)),
        ("audit.rules[].role", json!("upload")),
        ("audit.rules[].methods[]", json!("PUT")),
        ("audit.rules[].level", json!("None")),
        ("audit.mode", json!("BlockingStrict")),
        ("audit.retentionDays", json!(31)),
        ("audit.maxBytes", json!(4_194_304)),
        ("transcode.renditions[].height", json!(240)),
        ("transcode.renditions[].maxKbps", json!(800)),
        ("transcode.renditions[].crf", json!(25)),
        ("transcode.renditions[].codec", json!("HEVC")),
        ("transcode.renditions[].options.*", json!("slow")),
        ("transcode.audio.kbps", json!(97)),
        ("transcode.audio.codec", json!("AAC")),
        ("transcode.audio.passthrough", json!(false)),
        ("transcode.profiles.*.renditions[].height", json!(240)),
        ("transcode.profiles.*.renditions[].maxKbps", json!(801)),
        ("transcode.profiles.*.renditions[].crf", json!(26)),
        ("transcode.profiles.*.renditions[].codec", json!("H264")),
        ("transcode.profiles.*.renditions[].options.*", json!("slow")),
        ("transcode.profiles.*.audio.kbps", json!(98)),
        ("transcode.profiles.*.audio.codec", json!("AAC")),
        ("transcode.profiles.*.audio.passthrough", json!(false)),
        ("transcode.profiles.*.grid.gopMilliseconds", json!(1002)),
        ("transcode.profiles.*.grid.gopsPerSegment", json!(4)),
        ("transcode.profiles.*.grid.segmentsPerChunk", json!(3)),
        ("transcode.profiles.*.grid.chunksPerSpan", json!(4)),
        ("transcode.grid.gopMilliseconds", json!(1001)),
        ("transcode.grid.gopsPerSegment", json!(3)),
        ("transcode.grid.segmentsPerChunk", json!(2)),
        ("transcode.grid.chunksPerSpan", json!(3)),
        ("log", json!("warn")),
    ];
    rows.extend(config.map(|(path, value)| (path, value, CONFIG)));
    rows
}

/// Every leaf of the spec in the schema: `[]` for the entries of a list, `*` for those of a map.
fn leaves(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(fields) = schema["properties"].as_object() {
        fields
            .iter()
            .for_each(|(name, field)| leaves(&below(name), field, found));
    } else if schema["items"].is_object() {
        leaves(&format!("{path}[]"), &schema["items"], found);
    } else if schema["additionalProperties"].is_object() {
        leaves(&below("*"), &schema["additionalProperties"], found);
    } else {
        found.insert(path.to_owned());
    }
}

/// Sets the leaf at `path` in a spec that has every field.
fn set(spec: &mut Value, path: &str, value: &Value) {
    let Some((head, rest)) = path.split_once('.') else {
        *entry(spec, path) = value.clone();
        return;
    };
    match head.strip_suffix("[]") {
        Some(list) => set_first(&mut spec[list], head, rest, value),
        None => set(entry(spec, head), rest, value),
    }
}

/// Sets the leaf at `rest` in the first entry of a list that has it: of things that have one kind
/// each, no entry has every field.
fn set_first(list: &mut Value, path: &str, rest: &str, value: &Value) {
    let pointer = format!("/{}", rest.replace("[]", "/0").replace('.', "/"));
    let pointer = pointer.trim_end_matches("/*");
    let entries = list.as_array_mut().unwrap().iter_mut();
    let entry = entries.into_iter().find(|e| e.pointer(pointer).is_some());
    let entry = entry.unwrap_or_else(|| panic!("the full sample lacks {path}{rest}"));
    set(entry, rest, value);
}

/// The field of this name; its first entry for `name[]`, and of a map for `*`.
fn entry<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    match name.strip_suffix("[]") {
        Some(list) => &mut value[list][0],
        None if name == "*" => value.as_object_mut().unwrap().values_mut().next().unwrap(),
        None => value
            .get_mut(name)
            .unwrap_or_else(|| panic!("the full sample lacks {name}")),
    }
}

fn changed(before: &Value, after: &Value) -> BTreeSet<&'static str> {
    let documents = |spec: &Value| {
        let gate = validate(&samples::gate(spec.clone())).unwrap();
        documents(&desired(&gate, &samples::settings()).unwrap())
    };
    let (before, after) = (documents(before), documents(after));
    let differs = before.iter().zip(&after).filter(|(b, a)| b != a);
    differs.map(|(b, _)| b.0).collect()
}

fn ready(spec: &Value) -> String {
    let gate = samples::gate(spec.clone());
    let outcome = match validate(&gate) {
        _ if gate.spec.paused => status::Outcome::Paused(Rollout::Available),
        Err(Invalid(_)) => super::super::stuck("InvalidSpec", &Invalid(Vec::new())),
        Ok(_) => panic!("{spec} changes no condition"),
    };
    let status = status::status(&gate, &outcome, jiff::Timestamp::UNIX_EPOCH);
    status.conditions[0].reason.clone()
}

#[test]
fn every_field_has_a_row_and_every_row_a_field() {
    let (_, crd) = &definitions::all()[0];
    let crd = serde_json::to_value(crd).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut fields = BTreeSet::new();
    leaves("", schema, &mut fields);
    let rows: BTreeSet<_> = rows().iter().map(|(path, ..)| (*path).to_owned()).collect();
    let missing: Vec<_> = fields.difference(&rows).collect();
    let stale: Vec<_> = rows.difference(&fields).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "without a row: {missing:?}; without a field: {stale:?}"
    );
    assert!(fields.len() > 45, "{} fields", fields.len());
}

#[test]
fn every_field_changes_the_children_or_the_condition_of_its_row() {
    let before = samples::full();
    let rows = rows();
    for (path, value, seen) in &rows {
        let mut after = before.clone();
        set(&mut after, path, value);
        match seen {
            Children(children) => {
                assert_ne!(
                    before, after,
                    "{path}: the row writes what is there already"
                );
                let children: BTreeSet<_> = children.iter().copied().collect();
                assert_eq!(changed(&before, &after), children, "{path}");
            }
            Ready(reason) => assert_eq!(ready(&after), *reason, "{path}"),
            Jobs => assert!(changed(&before, &after).is_empty(), "{path}"),
        }
    }
    println!("{} fields: {} rows pass", rows.len(), rows.len());
}
