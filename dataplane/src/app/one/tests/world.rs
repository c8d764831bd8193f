//! A gate whose roles run apart, each in a runtime of its own with a folder that holds what the
//! operator would mount and nothing else, on a real PostgreSQL and a real S3 server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use streamgate_contract::config::RoleConfig;
use streamgate_contract::names;
use streamgate_contract::peers::{ROLES, audience, callees};
use streamgate_contract::roles::Role;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::serve_as;
use super::cluster::{Cluster, Service};
use crate::adapters::postgres::PostgresCatalog;
use crate::adapters::postgres::server::Server;
use crate::adapters::s3::versity::{BUCKET, REGION, Versity};
use crate::adapters::s3::{Bucket, S3};
use crate::app::AllArgs;
use crate::ports::catalog::{Content, ContentState, Contents, Outputs, Segment, suite};
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::{self, Account, text};
use crate::tokens::fixture::pem;

/// Seconds of a lease.
pub const LEASE: u64 = 3;
/// Tracks of the content and how many segments each has.
pub const TRACKS: [&str; 2] = ["v720", "a-en-aac"];
const SEGMENTS: u32 = 2;
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A pod of a role.
struct Pod {
    args: AllArgs,
    running: Option<(Runtime, oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Pod {
    /// Ends it as SIGKILL does: every socket at once.
    fn kill(&mut self) {
        if let Some((runtime, ..)) = self.running.take() {
            runtime.shutdown_background();
        }
    }
}

/// The gate.
pub struct World {
    folder: tempfile::TempDir,
    cluster: Cluster,
    _s3: Versity,
    _postgres: Server,
    catalog: PostgresCatalog,
    objects: S3,
    service: Service,
    pods: BTreeMap<(Role, u8), Pod>,
    client: Client,
}

/// A free port that stays free while its pod is away: below those the kernel gives to whoever connects.
fn free() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u16 = 12_000;
    const PORTS: u32 = 20_000;
    let first = std::process::id();
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (first.wrapping_add(next) % PORTS) as u16;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Pods of a role: two where one is replaced while the other serves.
fn replicas(role: Role) -> u8 {
    if role == Role::Streaming { 2 } else { 1 }
}

/// Files of the folder of keys that a role may see.
fn keys(role: Role) -> &'static [&'static str] {
    match role {
        Role::Auth => &["session.pem", "playback.pem", "playback.pub.pem"],
        Role::Streaming => &["playback.pub.pem"],
        Role::Gateway | Role::Metadata | Role::Monitor | Role::Upload | Role::Worker => {
            &["object-url.key"]
        }
        _ => &[],
    }
}

impl World {
    /// Starts every role and waits until each is ready.
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (postgres, s3) = (Server::start().await, Versity::start().await);
        let catalog = PostgresCatalog::open(&postgres.url()).await.unwrap();
        let objects = S3::new(Bucket {
            name: BUCKET.into(),
            region: REGION.into(),
            endpoint: Some(s3.url.clone()),
            force_path_style: true,
            credentials: s3.credentials(),
        });
        let mut world = Self {
            folder: tempfile::tempdir().unwrap(),
            cluster: Cluster::start().await,
            catalog,
            objects,
            service: Service::start().await,
            pods: BTreeMap::new(),
            client: Client::new(),
            _postgres: postgres,
            _s3: s3,
        };
        world.lay_out();
        for role in ROLES {
            for n in 0..replicas(role) {
                world.run(role, n);
            }
        }
        for role in ROLES {
            for n in 0..replicas(role) {
                world.ready(role, n).await;
            }
        }
        world.route();
        world
    }

    /// Writes what the operator would mount.
    fn lay_out(&mut self) {
        for role in ROLES {
            for n in 0..replicas(role) {
                let args = self.args(role);
                self.pods.insert(
                    (role, n),
                    Pod {
                        args,
                        running: None,
                    },
                );
            }
        }
        let config = self.config();
        for ((role, _), pod) in &self.pods {
            std::fs::write(&pod.args.config, &config).unwrap();
            for file in keys(*role) {
                std::fs::write(pod.args.keys.join(file), key(file)).unwrap();
            }
            for callee in callees(*role) {
                let token = self
                    .cluster
                    .token(&audience("uid", callee), &format!("gate-{role}"));
                std::fs::write(pod.args.role_tokens.join(callee.name()), token).unwrap();
            }
        }
    }

    fn args(&self, role: Role) -> AllArgs {
        let root = self
            .folder
            .path()
            .join(format!("{role}-{}", self.pods.len()));
        let folder = |name: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        AllArgs {
            config: folder("settings").join("config.yaml"),
            keys: folder("keys"),
            s3_credentials: match role {
                Role::Auth | Role::Gateway | Role::Cache | Role::Monitor => folder("none"),
                _ => self._s3.credentials(),
            },
            oidc_secrets: folder("none"),
            role_tokens: folder("tokens"),
            audit: folder("audit"),
            tls: folder("none"),
            public: free(),
            internal: free(),
            admin: free(),
        }
    }

    fn config(&self) -> String {
        let config = fixture::config("http://127.0.0.1:9", 1);
        let mut config = serde_json::to_value(config).unwrap();
        let url = self.folder.path().join("database");
        std::fs::write(&url, self._postgres.url()).unwrap();
        let address = |role: &Role| match replicas(*role) {
            1 => self.pods[&(*role, 0)].args.internal,
            _ => self.service.address,
        };
        let behind = ROLES.iter().filter(|role| **role != Role::Gateway);
        let peers = behind.map(|role| (role.name(), format!("http://{}", address(role))));
        config["peers"] = json!(peers.collect::<BTreeMap<_, _>>());
        config["database"] = json!({"postgres": {"urlFile": url, "connections": 4}});
        config["storage"] = json!({"s3": {"bucket": BUCKET, "region": REGION,
            "endpoint": self._s3.url, "forcePathStyle": true}});
        config["rules"] = json!([{"name": "friends", "allowList":
            {"wallets": [fan().wallet().to_string()]}}]);
        config["chains"] = json!([]);
        config["auth"]["leaseSeconds"] = LEASE.into();
        config["limits"] = json!({"maxUploadBytes": 100_000_000, "requestTimeoutSeconds": 30,
            "requestsPerSecond": 100_000, "requestBurst": 100_000,
            "roles": (["auth", "streaming", "metadata", "upload"]).map(|role| json!(
                {"role": role, "requestsPerSecond": 100_000, "burst": 100_000}))});
        // As the file writes it: not as JSON does.
        let config: RoleConfig = serde_json::from_value(config).unwrap();
        serde_yaml::to_string(&config).unwrap()
    }

    /// Starts a pod.
    pub fn run(&mut self, role: Role, n: u8) {
        let url = self.cluster.url.parse().unwrap();
        let pod = self.pods.get_mut(&(role, n)).unwrap();
        let args = pod.args.clone();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        let (stop, told) = oneshot::channel::<()>();
        let work = runtime.spawn(async move {
            let client = kube::Client::try_from(kube::Config::new(url)).unwrap();
            let client = Some(client).filter(|_| role != Role::Gateway);
            let told = async { drop(told.await) };
            serve_as(role, args, client, told).await.unwrap();
        });
        pod.running = Some((runtime, stop, work));
    }

    /// Waits until a pod is ready.
    pub async fn ready(&self, role: Role, n: u8) {
        let url = format!("http://{}/readyz", self.pods[&(role, n)].args.admin);
        let begun = Instant::now();
        loop {
            let answer = self.client.get(&url).send().await;
            if answer.as_ref().is_ok_and(|a| a.status() == StatusCode::OK) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{role} is not ready: {answer:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kills a pod.
    pub fn kill(&mut self, role: Role, n: u8) {
        self.pods.get_mut(&(role, n)).unwrap().kill();
    }

    /// Ends a pod as a rollout does: told, then waited for, while the Service sends nobody there.
    pub async fn end(&mut self, role: Role, n: u8) {
        let pod = self.pods.get_mut(&(role, n)).unwrap();
        let (runtime, stop, work) = pod.running.take().unwrap();
        let _ = stop.send(());
        // What Services need to hear of it.
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.route();
        work.await.unwrap();
        runtime.shutdown_background();
    }

    /// Tells the Service who runs.
    pub fn route(&self) {
        let runs = self
            .pods
            .iter()
            .filter(|((role, _), _)| *role == Role::Streaming);
        let runs = runs.filter(|(_, pod)| pod.running.is_some());
        self.service
            .set(runs.map(|(_, pod)| pod.args.internal).collect());
    }

    /// Where the gateway listens.
    pub fn gateway(&self) -> SocketAddr {
        self.pods[&(Role::Gateway, 0)].args.public
    }

    /// A request to the gateway.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let gateway = self.gateway();
        self.client
            .request(method, format!("http://{gateway}{path}"))
    }

    /// A request to the internal listener of a role.
    pub fn inside(&self, method: Method, role: Role, path: &str) -> RequestBuilder {
        let address = self.pods[&(role, 0)].args.internal;
        self.client
            .request(method, format!("http://{address}{path}"))
    }

    /// A token as kubelet would project it for the account of a role.
    pub fn token(&self, callee: Role, account: &str) -> String {
        self.cluster.token(&audience("uid", callee), account)
    }

    /// Where the log of a pod of the gateway is.
    pub fn audit(&self, role: Role) -> &Path {
        &self.pods[&(role, 0)].args.audit
    }

    /// Status and JSON of an answer.
    pub async fn ask(&self, request: RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Signs in through the gateway as a browser does; the session's token.
    pub async fn sign_in(&self, account: &Account) -> String {
        let address = json!({"address": account.wallet().to_string()});
        let challenge = self.request(Method::POST, "/api/v1/auth/challenge");
        let challenge = challenge.json(&address).send().await.unwrap();
        assert_eq!(challenge.status(), 200);
        let cookie = challenge.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let challenge: Value = challenge.json().await.unwrap();
        let message = challenge["message"].as_str().unwrap();
        let login = json!({"message": message, "signature": text(&account.sign(message))});
        let request = self.request(Method::POST, "/api/v1/auth/login");
        let request = request.header("cookie", cookie).json(&login);
        let (status, session) = self.ask(request).await;
        assert_eq!(status, 200, "{session}");
        session["token"].as_str().unwrap().to_owned()
    }

    /// Path of the playlist of the content for a session.
    pub async fn playback(&self, token: &str) -> String {
        let request = self.request(Method::POST, "/api/v1/playback");
        let request = request.bearer_auth(token).json(&json!({"content": "film"}));
        let (status, playback) = self.ask(request).await;
        assert_eq!(status, 200, "{playback}");
        playback["path"].as_str().unwrap().to_owned()
    }

    /// Publishes the content; paths of its objects below the handle, with their bytes.
    pub async fn publish(&self) -> Vec<(String, Bytes)> {
        let content = Content {
            owner: fixture::owner().wallet().to_string(),
            rule: Some("friends".into()),
            state: ContentState::Processing,
            ..suite::content("film")
        };
        self.catalog.create_content(&content).await.unwrap();
        let output = suite::output("film-o", "film", "job");
        self.catalog.plan_output(&output).await.unwrap();
        let mut objects = Vec::new();
        for track in TRACKS {
            for number in std::iter::once(None).chain((0..SEGMENTS).map(Some)) {
                objects.push(self.commit(track, number).await);
            }
        }
        self.catalog.publish(&output.id).await.unwrap();
        objects
    }

    async fn commit(&self, track: &str, number: Option<u32>) -> (String, Bytes) {
        let bytes = Bytes::from(format!("{track} {number:?} ").repeat(20_000));
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let (id, output) = ("film".parse().unwrap(), "film-o".parse().unwrap());
        let track = track.parse().unwrap();
        let key = match number {
            None => names::init_key(&id, &output, &track, &sha256),
            Some(n) => names::segment_key(&id, &output, &track, n, &sha256),
        };
        let place = ObjectKey::parse(&key).unwrap();
        self.objects.put(&place, bytes.clone()).await.unwrap();
        let path = format!("{track}/{}", key.rsplit('/').next().unwrap());
        let segment = Segment {
            track,
            number,
            key,
            bytes: bytes.len() as u64,
            sha256,
            head_bytes: number.map(|_| 40),
        };
        assert!(self.catalog.commit(&output, &segment).await.unwrap());
        (path, bytes)
    }
}

/// May watch.
pub fn fan() -> Account {
    Account::new(7)
}

fn key(file: &str) -> Vec<u8> {
    match file {
        "session.pem" => pem(1).0.into_bytes(),
        "playback.pem" => pem(2).0.into_bytes(),
        "playback.pub.pem" => pem(2).1.into_bytes(),
        _ => vec![3; 32],
    }
}
