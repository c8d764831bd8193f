//! A gate's folder, as the operator would mount it: configuration, keys, catalog and objects; handles
//! for many viewers of many contents; and the same bytes as plain files.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use streamgate_contract::config::RoleConfig;
use streamgate_contract::names;
use streamgate_contract::plan::Plan;
use streamgate_dataplane::adapters::filesystem::Filesystem;
use streamgate_dataplane::adapters::sqlite::Sqlite3Catalog;
use streamgate_dataplane::ports::catalog::{
    Content, ContentState, Contents, Output, Outputs, Segment,
};
use streamgate_dataplane::ports::chain::Wallet;
use streamgate_dataplane::ports::objects::{ObjectKey, Objects};
use streamgate_dataplane::tokens::{Signer, Token, Viewing};

/// Sizes of segments in bytes, and how many contents have one.
const SIZES: [(usize, usize); 6] = [
    (4 << 10, 256),
    (16 << 10, 256),
    (64 << 10, 256),
    (256 << 10, 256),
    (1 << 20, 128),
    (4 << 20, 32),
];
/// Contents.
const CONTENTS: usize = 256;
/// Seconds for which handles are good.
const LIFE: i64 = 6 * 3_600;
/// Track of the contents.
const TRACK: &str = "v720";
/// Tracks of the long title.
const LADDER: [(&str, u32); 5] = [
    ("v1080", 1080),
    ("v720", 720),
    ("v540", 540),
    ("v360", 360),
    ("v240", 240),
];
/// Segments of the long title: 2 h of 4 s.
const LONG: u32 = 1_800;

/// Makes a gate's folder.
#[derive(clap::Args)]
pub struct Seed {
    /// The folder; must not exist.
    folder: PathBuf,
    /// Viewers, each with a wallet, a session and a handle of its own.
    #[arg(long, default_value_t = 1_024)]
    viewers: usize,
    /// Makes the title of two hours, too.
    #[arg(long)]
    long: bool,
}

/// The gate's public URL: issuer of handles.
pub const GATE: &str = "http://gate.example";

/// A wallet that the allow list names.
pub fn wallet(number: usize) -> Wallet {
    let mut address = [0x11; 20];
    address[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    Wallet::of_key(address)
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// Signs handles of the gate.
pub fn signer() -> Signer {
    Signer::from_pem(&key(2).to_pkcs8_pem(Default::default()).unwrap()).unwrap()
}

/// What the operator would write.
pub fn config(folder: &Path, viewers: usize) -> Value {
    let wallets: Vec<_> = (0..viewers).map(|n| wallet(n).to_string()).collect();
    let free = |role| json!({"role": role, "requestsPerSecond": 1_000_000, "burst": 1_000_000});
    json!({
        "gate": {"namespace": "default", "name": "gate", "uid": "uid", "allowedNamespaces": []},
        "publicUrl": GATE, "chains": [], "log": "info",
        "rules": [{"name": "listed", "allowList": {"wallets": wallets}}],
        "storage": {"filesystem": {"path": folder.join("objects")}},
        "database": {"sqlite": {"path": folder.join("catalog.db")}},
        "auth": {"domain": "gate.example", "challengeSeconds": 300,
            "sessionSeconds": 3_600, "leaseSeconds": 600, "pauseAllowanceSeconds": 600},
        "people": {"creators": [], "admins": []},
        "limits": {"maxUploadBytes": 1, "requestsPerSecond": 1_000_000, "requestBurst": 1_000_000,
            "requestTimeoutSeconds": 30, "roles": [free("streaming")],
            "maxConcurrentRequests": 20_000},
        "transcode": {"renditions": [], "audio": {"kbps": 128}, "limits": {"maxSide": 1,
            "maxFrameRate": 1, "maxDurationSeconds": 1, "maxStreams": 1}, "grid": {}},
    })
}

/// A plan of these tracks with so many segments of 4 s.
fn plan(tracks: &[(&str, u32)], segments: u32) -> Plan {
    let starts: Vec<u64> = (0..=u64::from(segments)).map(|n| n * 4 * 12_800).collect();
    let track = |(id, height): &(&str, u32)| {
        json!({"id": id, "codecs": "avc1.64001f", "timescale": 12_800, "initSha256": "00",
            "initBytes": 3, "starts": starts, "media": {"kind": "video", "width": height * 16 / 9,
                "height": height, "maxKbps": height * 4, "crf": 23,
                "frameRate": {"num": 25, "den": 1}}})
    };
    serde_json::from_value(json!({
        "engine": "test", "spans": [],
        "source": {"bytes": 1, "container": "mov", "audio": [], "video": {"stream": 0,
            "codec": "h264", "width": 1280, "height": 720, "frameRate": {"num": 25, "den": 1},
            "timeBase": {"num": 1, "den": 25}, "frames": 1, "pts": [0],
            "endPts": u64::from(segments) * 100}},
        "grid": {"gopFrames": 50, "segmentFrames": 100, "segmentsPerChunk": 4, "chunksPerSpan": 4,
            "segments": segments},
        "tracks": tracks.iter().map(track).collect::<Vec<_>>(),
    }))
    .unwrap()
}

/// Bytes nobody else has.
fn bytes(content: usize, size: usize) -> Bytes {
    let mut seed = Sha256::digest(format!("{content} {size}"));
    let mut bytes = Vec::with_capacity(size + 32);
    while bytes.len() < size {
        seed = Sha256::digest(seed);
        bytes.extend_from_slice(&seed);
    }
    bytes.truncate(size);
    bytes.into()
}

struct Gate {
    folder: PathBuf,
    catalog: Sqlite3Catalog,
    objects: Filesystem,
}

impl Gate {
    async fn planned(&self, name: &str, plan: Plan) -> Output {
        let content = Content {
            id: name.parse().unwrap(),
            title: name.to_owned(),
            owner: wallet(usize::MAX / 2).to_string(),
            rule: Some("listed".to_owned()),
            state: ContentState::Processing,
            current_output: None,
        };
        self.catalog.create_content(&content).await.unwrap();
        let output = Output {
            id: format!("{name}-o").parse().unwrap(),
            content: content.id,
            job: format!("job-{name}"),
            plan,
            complete: false,
        };
        self.catalog.plan_output(&output).await.unwrap()
    }

    /// Commits an object; the path of its file below a handle. Without bytes there is no object.
    async fn commit(
        &self,
        output: &Output,
        track: &str,
        number: Option<u32>,
        bytes: Result<Bytes, u64>,
    ) -> String {
        let track: streamgate_contract::TrackId = track.parse().unwrap();
        let (sha256, length) = match &bytes {
            Ok(bytes) => (Sha256::digest(bytes), bytes.len() as u64),
            Err(length) => (
                Sha256::digest(format!("{} {track} {number:?}", output.id)),
                *length,
            ),
        };
        let sha256 = hex::encode(sha256);
        let (content, id) = (&output.content, &output.id);
        let key = match number {
            None => names::init_key(content, id, &track, &sha256),
            Some(number) => names::segment_key(content, id, &track, number, &sha256),
        };
        if let Ok(bytes) = bytes {
            let key = ObjectKey::parse(&key).unwrap();
            self.objects.put(&key, bytes).await.unwrap();
        }
        let path = format!("{track}/{}", key.rsplit('/').next().unwrap());
        let segment = Segment {
            track,
            number,
            key,
            bytes: length,
            sha256,
            head_bytes: None,
        };
        assert!(self.catalog.commit(id, &segment).await.unwrap());
        path
    }

    /// A content with a segment of every size it has; their paths.
    async fn content(&self, n: usize) -> Vec<(usize, String)> {
        let name = format!("c{n}");
        let sizes: Vec<_> = SIZES.iter().filter(|(_, contents)| n < *contents).collect();
        let plan = plan(&[(TRACK, 720)], sizes.len() as u32);
        let output = self.planned(&name, plan).await;
        let init = Bytes::from(format!("init {n}"));
        self.commit(&output, TRACK, None, Ok(init)).await;
        let mut paths = Vec::new();
        for (number, (size, _)) in sizes.into_iter().enumerate() {
            let bytes = bytes(n, *size);
            let file = self.folder.join(format!("www/{size}/{n}.m4s"));
            std::fs::write(file, &bytes).unwrap();
            let path = self.commit(&output, TRACK, Some(number as u32), Ok(bytes));
            paths.push((*size, path.await));
        }
        self.catalog.publish(&output.id).await.unwrap();
        paths
    }

    async fn long(&self) {
        let output = self.planned("long", plan(&LADDER, LONG)).await;
        for (track, height) in LADDER {
            for number in std::iter::once(None).chain((0..LONG).map(Some)) {
                let length = u64::from(height) * 2_000;
                self.commit(&output, track, number, Err(length)).await;
            }
        }
        self.catalog.publish(&output.id).await.unwrap();
    }
}

/// What live viewers ask for in turn, a segment of 64 KiB and a playlist each; and one segment for
/// a thousand of them.
fn live(folder: &Path, args: &Seed, contents: &[Vec<(usize, String)>], signer: &Signer, now: i64) {
    let of_size = |n: usize, size| {
        let mut paths = contents[n].iter();
        paths.find(|(s, _)| *s == size).map(|(_, path)| path)
    };
    let (mut segments, mut playlists, mut cold) = (String::new(), String::new(), String::new());
    for viewer in 0..args.viewers {
        let n = viewer % CONTENTS;
        let handle = handle(signer, viewer, &format!("c{n}"), now);
        let path = of_size(n, 64 << 10).unwrap();
        writeln!(segments, "/v/{handle}/{path} {}", 64 << 10).unwrap();
        writeln!(playlists, "/v/{handle}/{TRACK}.m3u8 0").unwrap();
    }
    let path = of_size(0, 1 << 20).unwrap();
    for viewer in 0..args.viewers.min(1_000) {
        let handle = self::handle(signer, viewer, "c0", now);
        writeln!(cold, "/v/{handle}/{path} {}", 1 << 20).unwrap();
    }
    std::fs::write(folder.join("live.txt"), segments + &playlists).unwrap();
    std::fs::write(folder.join("cold.txt"), cold).unwrap();
}

/// The handle of a viewer for a content.
pub fn handle(signer: &Signer, viewer: usize, content: &str, now: i64) -> String {
    let viewing = Viewing {
        sub: wallet(viewer),
        sid: format!("session-{viewer}"),
        content: content.parse().unwrap(),
        output: format!("{content}-o").parse().unwrap(),
        rules: hex::encode(Sha256::digest(GATE)),
        proven: Vec::new(),
        bound: None,
    };
    signer
        .sign(&Token::new(GATE, now, now + LIFE, viewing))
        .unwrap()
}

pub fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs() as i64
}

fn write_keys(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let private = |seed| key(seed).to_pkcs8_pem(Default::default()).unwrap();
    let public = key(2).verifying_key().to_public_key_pem(Default::default());
    std::fs::write(folder.join("session.pem"), private(1).as_bytes()).unwrap();
    std::fs::write(folder.join("playback.pem"), private(2).as_bytes()).unwrap();
    std::fs::write(folder.join("playback.pub.pem"), public.unwrap()).unwrap();
    std::fs::write(folder.join("object-url.key"), [3; 32]).unwrap();
}

/// Lists paths of handles that another key signs.
#[derive(clap::Args)]
pub struct Handles {
    /// A folder that `seed` made.
    folder: PathBuf,
    /// The key: Ed25519, PKCS#8 PEM.
    key: PathBuf,
    /// The file that lists paths.
    list: PathBuf,
}

/// The same paths as for segments of 64 KiB, with handles of the other key.
pub fn handles(args: &Handles) {
    let signer = Signer::from_pem(&std::fs::read_to_string(&args.key).unwrap()).unwrap();
    let listed = std::fs::read_to_string(args.folder.join("gate-65536.txt")).unwrap();
    let (mut list, now) = (String::new(), now());
    for (viewer, line) in listed.lines().enumerate() {
        let (_, rest) = line.trim_start_matches("/v/").split_once('/').unwrap();
        let handle = handle(&signer, viewer, &format!("c{}", viewer % CONTENTS), now);
        writeln!(list, "/v/{handle}/{rest}").unwrap();
    }
    std::fs::write(&args.list, list).unwrap();
}

pub async fn run(args: Seed) {
    let folder = std::path::absolute(&args.folder).unwrap();
    std::fs::create_dir_all(folder.join("www")).unwrap();
    for (size, _) in SIZES {
        std::fs::create_dir(folder.join(format!("www/{size}"))).unwrap();
    }
    write_keys(&folder.join("keys"));
    let config: RoleConfig = serde_json::from_value(config(&folder, args.viewers)).unwrap();
    let config = serde_json::to_string_pretty(&config).unwrap();
    std::fs::write(folder.join("config.yaml"), config).unwrap();
    let gate = Gate {
        catalog: Sqlite3Catalog::open(&folder.join("catalog.db"))
            .await
            .unwrap(),
        objects: Filesystem::open(folder.join("objects")).unwrap(),
        folder: folder.clone(),
    };
    let mut contents = Vec::new();
    for n in 0..CONTENTS {
        contents.push(gate.content(n).await);
    }
    let (signer, now) = (signer(), now());
    for (size, count) in SIZES {
        let (mut ours, mut theirs) = (String::new(), String::new());
        for viewer in 0..args.viewers {
            let n = viewer % count;
            let (_, path) = contents[n].iter().find(|(s, _)| *s == size).unwrap();
            let handle = handle(&signer, viewer, &format!("c{n}"), now);
            writeln!(ours, "/v/{handle}/{path} {size}").unwrap();
            writeln!(theirs, "/{size}/{n}.m4s {size}").unwrap();
        }
        std::fs::write(folder.join(format!("gate-{size}.txt")), ours).unwrap();
        std::fs::write(folder.join(format!("www-{size}.txt")), theirs).unwrap();
    }
    live(&folder, &args, &contents, &signer, now);
    if args.long {
        gate.long().await;
        let mut paths = String::new();
        for viewer in 0..args.viewers {
            let handle = handle(&signer, viewer, "long", now);
            writeln!(paths, "/v/{handle}/{TRACK}.m3u8 0").unwrap();
        }
        std::fs::write(folder.join("playlists.txt"), paths).unwrap();
    }
}
