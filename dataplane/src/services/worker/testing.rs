//! What the tests of this role share: a gate, a job, a plan of the worked example (600 frames,
//! 6 segments, 3 video spans and sound) with two rungs.

use std::sync::Arc;

use serde_json::json;
use streamgate_contract::config::{GateIdentity, RoleConfig};
use streamgate_contract::plan::Plan;
use streamgate_crds::transcode_job::Phase;

use crate::ports::catalog::Output;
use crate::ports::jobs::{Job, Marks};

pub const UID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

pub fn gate() -> GateIdentity {
    GateIdentity {
        namespace: "media".into(),
        name: "demo".into(),
        uid: "gate-uid".into(),
        allowed_namespaces: vec!["tenant".into()],
    }
}

pub fn config() -> RoleConfig {
    let text = json!({
        "gate": gate(), "publicUrl": "http://localhost", "log": "info",
        "storage": {"filesystem": {"path": "/unused"}}, "database": {"sqlite": {"path": "/unused"}},
        "chains": [], "rules": [{"name": "pass", "erc721": {"chain": "c", "contract": "0x0"}}],
        "auth": {"domain": "d", "challengeSeconds": 1, "sessionSeconds": 1, "leaseSeconds": 1,
            "pauseAllowanceSeconds": 1},
        "people": {"creators": [], "admins": []},
        "limits": {"maxUploadBytes": 1, "requestsPerSecond": 1, "requestBurst": 1,
            "requestTimeoutSeconds": 1},
        "transcode": {"renditions": [{"height": 720, "maxKbps": 2800}], "audio": {},
            "grid": {}, "limits": streamgate_contract::plan::SourceLimits::default()},
    });
    serde_json::from_value(text).unwrap()
}

/// A job of namespace `media` with a claim as its source, making content `film`.
pub fn job() -> Job {
    let spec = json!({"streamGateRef": {"name": "demo"}, "content": {"id": "film"},
        "source": {"persistentVolumeClaim": {"claimName": "c", "path": "a.mp4"}}});
    Job {
        uid: UID.into(),
        namespace: "media".into(),
        name: "film".into(),
        version: "1".into(),
        spec: Arc::new(serde_json::from_value(spec).unwrap()),
        phase: Phase::Encoding,
        attempt: 0,
        deleted: false,
        marks: Marks::default(),
        created_at: 0,
        status: Arc::default(),
    }
}

pub fn plan() -> Plan {
    let starts = |step: u64| (0..=6).map(|n| n * step).collect::<Vec<_>>();
    let video = |height: u32| {
        json!({"id": format!("v{height}"), "codecs": "avc1.64001f", "timescale": 25,
            "initSha256": crate::services::worker::testing::sha256(b"init"), "initBytes": 4,
            "starts": starts(100), "media": {"kind": "video", "width": height, "height": height,
            "maxKbps": 1000, "crf": 23, "frameRate": {"num": 25, "den": 1}}})
    };
    let audio = json!({"id": "a-en-aac", "codecs": "mp4a.40.2", "timescale": 48000,
        "initSha256": sha256(b"init"), "initBytes": 4, "starts": starts(192_000),
        "media": {"kind": "audio", "kbps": 128, "sampleRate": 48000, "channels": 2,
            "language": "en"}});
    let span = |n: u32| {
        json!({"work": {"kind": "video", "firstChunk": 2 * n, "chunks": 2},
        "bytes": [{"start": 0, "end": 5}]})
    };
    let sound = json!({"work": {"kind": "audio"}, "bytes": [{"start": 1, "end": 3}]});
    serde_json::from_value(json!({
        "engine": "test",
        "source": {"bytes": 10, "container": "mov",
            "audio": [{"stream": 1, "codec": "aac", "sampleRate": 48000, "channels": 2,
                "language": "eng"}],
            "video": {"stream": 0, "codec": "h264", "width": 1280, "height": 720,
                "frameRate": {"num": 25, "den": 1}, "timeBase": {"num": 1, "den": 25},
                "frames": 600, "pts": (0..600).collect::<Vec<_>>(), "endPts": 600}},
        "grid": {"gopFrames": 50, "segmentFrames": 100, "segmentsPerChunk": 1,
            "chunksPerSpan": 2, "segments": 6},
        "tracks": [video(720), video(360), audio],
        "spans": [span(0), span(1), span(2), sound],
    }))
    .unwrap()
}

pub fn output() -> Output {
    Output {
        id: format!("{UID}-0").parse().unwrap(),
        content: "film".parse().unwrap(),
        job: format!("{UID}/0"),
        plan: plan(),
        complete: false,
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}
