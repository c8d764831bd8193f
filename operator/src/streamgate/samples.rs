//! StreamGates for tests, completed the way the API server would.

use serde_json::{Value, json};
use streamgate_crds::StreamGate;

use crate::context::Settings;

/// A gate `demo` in namespace `media` with this spec.
pub fn gate(spec: Value) -> StreamGate {
    let metadata = json!({
        "name": "demo", "namespace": "media", "generation": 1,
        "uid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    });
    let gate = json!({
        "apiVersion": "streamgate.io/v1alpha1", "kind": "StreamGate",
        "metadata": metadata, "spec": spec
    });
    serde_json::from_value(gate).unwrap()
}

/// A spec that uses every field.
pub fn full() -> Value {
    serde_yaml::from_str(FULL).unwrap()
}

/// A spec that uses every field there is in topology Distributed alone.
pub fn distributed() -> Value {
    let mut spec = full();
    spec["topology"] = json!("Distributed");
    let all = spec["components"]["all"].clone();
    spec["components"] = json!({
        "streaming": {"autoscaling": {"minReplicas": 3, "maxReplicas": 9, "cpuPercent": 60}},
        "auth": {"replicas": 3, "resources": all["resources"],
            "nodeSelector": all["nodeSelector"], "priorityClassName": all["priorityClassName"]},
        "cache": {"replicas": 1},
    });
    spec
}

/// Settings of the operator.
pub fn settings() -> Settings {
    Settings {
        dataplane_image: "streamgate-dataplane".into(),
        transcoder_image: "streamgate-transcoder".into(),
        image_pull_policy: "IfNotPresent".into(),
        default_version: "0.1.0".into(),
        watch_namespace: None,
    }
}

const FULL: &str = r#"
version: "0.2.0"
topology: Compact
volume: {size: 20Gi, storageClassName: fast}
storage:
  s3:
    bucket: videos
    region: eu-west-1
    endpoint: http://s3.media.svc:9000
    forcePathStyle: true
    credentialsSecretName: bucket-credentials
database:
  postgres: {secretName: database-url, key: uri, connectionsPerPod: 6}
chains:
- {name: main, chainId: 1, rpcUrls: ["http://evm.media.svc:8545"], quorum: 1, finality: Latest, confirmations: 2, maxAgeSeconds: 60}
solana:
- {name: sol, rpcUrls: ["http://solana.media.svc:8899"], quorum: 1, genesisHash: EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG, commitment: Confirmed, maxAgeSeconds: 60}
webhooks: {hosts: [hooks.example], privateNetworks: [10.96.0.0/12]}
rules:
- name: pass
  title: Season ticket
  getUrl: https://tickets.example
  erc721: {chain: main, contract: "0x00000000000000000000000000000000000000A1", tokenId: "7", through: {delegation: {registry: "0x00000000000000000000000000000000000000B1", rights: "0x0000000000000000000000000000000000000000000000000000000000000001"}, accounts: [{contract: "0x00000000000000000000000000000000000000B2", implementation: "0x00000000000000000000000000000000000000B3", salt: "0x0000000000000000000000000000000000000000000000000000000000000001", registry: "0x00000000000000000000000000000000000000B4"}]}}
- {name: badge, erc1155: {chain: main, contract: "0x00000000000000000000000000000000000000A2", tokenId: "7", minimum: "2", through: {delegation: {registry: "0x00000000000000000000000000000000000000B1", rights: "0x0000000000000000000000000000000000000000000000000000000000000001"}, accounts: [{contract: "0x00000000000000000000000000000000000000B2", implementation: "0x00000000000000000000000000000000000000B3", salt: "0x0000000000000000000000000000000000000000000000000000000000000001", registry: "0x00000000000000000000000000000000000000B4"}]}}}
- {name: coins, erc20: {chain: main, contract: "0x00000000000000000000000000000000000000A3", minimum: "1000", through: {delegation: {registry: "0x00000000000000000000000000000000000000B1", rights: "0x0000000000000000000000000000000000000000000000000000000000000001"}, accounts: [{contract: "0x00000000000000000000000000000000000000B2", implementation: "0x00000000000000000000000000000000000000B3", salt: "0x0000000000000000000000000000000000000000000000000000000000000001", registry: "0x00000000000000000000000000000000000000B4"}]}}}
- {name: rich, native: {chain: main, minimum: "1000"}}
- name: member
  call: {chain: main, contract: "0x00000000000000000000000000000000000000A4", function: "isMember(address,uint8)", arguments: [$viewer, "2"], minimum: "1"}
- {name: friends, allowList: {wallets: ["0x00000000000000000000000000000000000000E1"]}}
- {name: backers, merkle: {root: "0x0000000000000000000000000000000000000000000000000000000000000001"}}
- {name: staff, oidcClaim: {provider: corp, claim: groups, values: [staff]}}
- name: asked
  webhook: {url: "https://hooks.example/admit", publicKey: "00000000000000000000000000000000000000000000000000000000000000aa"}
- {name: sols, splToken: {cluster: sol, mint: So11111111111111111111111111111111111111112, minimum: "5"}}
- {name: art, metaplexNft: {cluster: sol, collection: EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v}}
- {name: everything, allOf: [rich, badge]}
- {name: anything, anyOf: [rich, badge]}
- {name: outsiders, not: badge}
defaultRule: pass
auth: {domain: watch.example, challengeSeconds: 120, sessionSeconds: 3600, refreshSeconds: 86400, leaseSeconds: 60, pauseAllowanceSeconds: 600, oidc: [{name: corp, issuer: "https://id.example", clientId: gate, clientSecretName: corp-client, scopes: [openid, groups]}], keys: {rotationSeconds: 86400, withdrawn: ["0123456789abcdef"]}}
people:
  creators: ["0x00000000000000000000000000000000000000C1"]
  admins: ["0x00000000000000000000000000000000000000D1"]
  creatorRule: badge
  adminRule: badge
limits:
  maxUploadBytes: 1000000
  uploads: {lifeHours: 24, openPerWallet: 8, bytesPerWallet: 5000000, bytesPerSecond: 1000000}
  requestsPerSecond: 10
  requestBurst: 20
  requestTimeoutSeconds: 5
  roles: [{role: auth, requestsPerSecond: 2, burst: 10}]
  mode: Shadow
  trustedProxies: [10.0.0.0/8]
  maxConcurrentRequests: 512
  sharedStore: {secretName: limits-url, key: redis}
audit:
  rules: [{role: auth, methods: [POST], level: Request}]
  mode: Batch
  retentionDays: 30
  maxBytes: 2097152
playback:
  allowedOrigins: ["https://player.example"]
  streamsPerViewer: 3
  bytesPerSecond: 2000000
  bind: [Address]
  countryHeader: cf-ipcountry
components:
  all:
    resources: {requests: {cpu: 250m, memory: 512Mi}, limits: {memory: 2Gi}}
    nodeSelector: {disk: ssd}
    priorityClassName: streaming
exposure: {publicUrl: "https://watch.example", serviceType: NodePort, nodePort: 30080, tlsSecretName: watch-tls}
transcode:
  renditions: [{height: 360, maxKbps: 700, crf: 24, codec: H264, options: {preset: medium}}]
  ladder: Auto
  whileUploading: false
  audio: {kbps: 96, codec: Opus, passthrough: true, loudness: {mode: Measure, targetLufs: -16, peakDbtp: -3}}
  profiles:
    small:
      renditions: [{height: 360, maxKbps: 700, crf: 30, codec: HEVC, options: {preset: fast}}]
      ladder: Auto
      audio: {kbps: 64, codec: Opus, passthrough: true, loudness: {mode: Measure, targetLufs: -18, peakDbtp: -4}}
      grid: {gopMilliseconds: 1000, gopsPerSegment: 2, segmentsPerChunk: 1, chunksPerSpan: 2}
  grid: {gopMilliseconds: 1000, gopsPerSegment: 2, segmentsPerChunk: 1, chunksPerSpan: 2}
  parallelism: 2
  sandbox: BestEffort
  resources: {requests: {cpu: "1"}, limits: {memory: 1Gi}}
  scheduling:
    nodeSelector: {encoders: "yes"}
    tolerations: [{key: spot, operator: Equal, value: "yes", effect: NoSchedule}]
    priorityClassName: batch
allowedNamespaces: [team-a]
log: debug
dataPolicy: Delete
paused: false
"#;
