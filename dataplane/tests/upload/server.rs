//! The upload role in a process of its own, so that SIGKILL is real: the test binary starts itself
//! again with its settings in the environment.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::middleware::from_fn_with_state;
use serde::{Deserialize, Serialize};
use streamgate_contract::rules::{Erc721Rule, GateRule};
use streamgate_contract::uploads::UploadLimits;
use streamgate_dataplane::adapters::filesystem::Filesystem;
use streamgate_dataplane::adapters::s3::{Bucket, S3};
use streamgate_dataplane::adapters::sqlite::Sqlite3Catalog;
use streamgate_dataplane::adapters::system_clock::SystemClock;
use streamgate_dataplane::health;
use streamgate_dataplane::layers::authenticate::authenticate;
use streamgate_dataplane::ports::catalog::Uploads;
use streamgate_dataplane::ports::chain::Wallet;
use streamgate_dataplane::ports::identity::{Identities, IdentityError, Principal};
use streamgate_dataplane::ports::objects::{ObjectKey, Objects};
use streamgate_dataplane::server;
use streamgate_dataplane::services::metadata::cursor::CursorKey;
use streamgate_dataplane::services::upload::{Settings, UploadService, http};
use tokio_util::sync::CancellationToken;

use crate::versity::{BUCKET, REGION, Versity};

/// Environment variable with the settings of a server.
const SETTINGS: &str = "STREAMGATE_TEST_UPLOAD_SERVER";
/// Most bytes of an upload.
pub const MAX_BYTES: u64 = 256 << 20;

/// Where a server keeps things and listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    folder: PathBuf,
    port: u16,
    /// Endpoint and folder of credentials, when the objects are in S3.
    s3: Option<(String, PathBuf)>,
}

impl Place {
    /// A place in `folder`, with the objects in S3 when there is a server for them.
    pub fn new(folder: &Path, s3: Option<&Versity>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            folder: folder.to_owned(),
            port: listener.local_addr().unwrap().port(),
            s3: s3.map(|server| (server.url.clone(), server.credentials())),
        }
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The object store.
    pub fn store(&self) -> Arc<dyn Objects> {
        match &self.s3 {
            None => Arc::new(Filesystem::open(self.folder.join("objects")).unwrap()),
            Some((url, credentials)) => Arc::new(S3::new(Bucket {
                name: BUCKET.into(),
                region: REGION.into(),
                endpoint: Some(url.clone()),
                force_path_style: true,
                credentials: credentials.clone(),
            })),
        }
    }

    /// The bytes of an upload, by its path or id.
    pub async fn bytes(&self, upload: &str) -> Vec<u8> {
        let id = upload.rsplit('/').next().unwrap().parse().unwrap();
        let upload = self.catalog().await.upload(&id).await.unwrap();
        let store = self.store();
        let mut bytes = Vec::new();
        for key in upload.part_keys() {
            let key = ObjectKey::parse(key).unwrap();
            bytes.extend_from_slice(&store.get(&key).await.unwrap());
        }
        bytes
    }

    /// The catalog.
    pub async fn catalog(&self) -> Sqlite3Catalog {
        let path = self.folder.join("catalog.db");
        Sqlite3Catalog::open(&path).await.unwrap()
    }
}

/// A running server, killed when it is dropped.
pub struct Server(Child);

impl Server {
    /// Starts a server and waits until it answers.
    pub async fn start(place: &Place) -> Self {
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serves_when_asked", "--nocapture"])
            .env(SETTINGS, serde_json::to_string(place).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(process);
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(place.address())
                .await
                .is_ok()
            {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server does not answer");
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        // Child::kill is SIGKILL on Unix.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tokens are the names of people.
struct People;

#[async_trait]
impl Identities for People {
    async fn identify(&self, token: &str) -> Result<Principal, IdentityError> {
        let person = |n, creator| Principal {
            wallet: Wallet::of_key([n; 20]),
            creator,
            admin: false,
        };
        match token {
            "creator" => Ok(person(1, true)),
            "rival" => Ok(person(2, true)),
            "viewer" => Ok(person(3, false)),
            _ => Err(IdentityError::Refused),
        }
    }
}

/// Serves until killed, when this process was started as a server.
pub fn serve_when_asked() {
    let Ok(settings) = std::env::var(SETTINGS) else {
        return;
    };
    let place: Place = serde_json::from_str(&settings).unwrap();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().worker_threads(2).build().unwrap();
    runtime.block_on(serve(place));
}

async fn serve(place: Place) {
    let rule = GateRule {
        name: "holders".into(),
        erc721: Some(Erc721Rule {
            chain: "local".into(),
            contract: format!("0x{}", "72".repeat(20)),
            token_id: None,
            through: None,
        }),
        ..GateRule::default()
    };
    let settings = Settings {
        max_upload_bytes: MAX_BYTES,
        limits: UploadLimits::default(),
        rules: vec![rule],
        default_rule: None,
        cursor_key: CursorKey::new([1; 32]),
        read_early: false,
    };
    let catalog = Arc::new(place.catalog().await);
    let registry = prometheus::Registry::new();
    let clock = Arc::new(SystemClock);
    let service = UploadService::new(place.store(), catalog, clock, settings, &registry);
    let service = Arc::new(service.unwrap());
    tokio::spawn(service.clone().run(CancellationToken::new()));
    let people: Arc<dyn Identities> = Arc::new(People);
    let routes = http::routes(service).layer(from_fn_with_state(people, authenticate));
    let listener = tokio::net::TcpListener::bind(place.address()).await;
    let registry = prometheus::Registry::new();
    let figures = health::service::Service::new(&registry).unwrap();
    let figures = figures.connections("public");
    server::serve(listener.unwrap(), routes, figures, CancellationToken::new()).await;
}
