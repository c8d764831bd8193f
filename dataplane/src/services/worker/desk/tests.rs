//! The desk over real HTTP with the authenticate layer in front, the real SQLite catalog behind it;
//! only the cluster stands in memory (the control plane's turn is in `tests/it/worker.rs`).

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use reqwest::Method;
use serde_json::{Value, json};
use streamgate_crds::transcode_job::{OutputStatus, Phase, Progress};

use super::*;
use crate::layers::authenticate::authenticate;
use crate::ports::identity::Identities;
use crate::ports::jobs::Marks;
use crate::ports::jobs::memory::MemoryJobs;
use crate::services::auth::fixture::{Account, World, admin, owner};
use crate::services::worker::http;

mod room;
mod schedules;
mod submit;
mod ticks;

/// A gate with a desk.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) jobs: Arc<MemoryJobs>,
    pub(super) desk: Arc<Desk>,
    pub(super) url: String,
    pub(super) owner: String,
    pub(super) admin: String,
    http: reqwest::Client,
}

/// What a request was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) body: Value,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let world = World::generous().await;
        let jobs = Arc::new(MemoryJobs::default());
        let desk = desk(&world, jobs.clone());
        let url = serve(&world, desk.clone()).await;
        let (owner, _) = world.sign_in(&owner()).await;
        let (admin, _) = world.sign_in(&admin()).await;
        Self {
            world,
            jobs,
            desk,
            url,
            owner,
            admin,
            http: reqwest::Client::new(),
        }
    }

    /// A job for a content, of somebody or nobody.
    pub(super) async fn job(&self, name: &str, content: &str, of: Option<&Account>) {
        let spec = json!({"streamGateRef": {"name": "gate"}, "source": {"upload": {"id": name}}});
        let spec = serde_json::from_value(spec).unwrap();
        let marks = Marks {
            owner: of.map(|account| account.wallet().to_string()),
            content: Some(content.parse().unwrap()),
            request: None,
        };
        let made = self.jobs.create("default", name, &spec, &marks);
        made.await.unwrap();
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.json().await.unwrap_or_default(),
        }
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, Some(token), None, &[]).await
    }

    pub(super) async fn post(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::POST, path, Some(token), None, &[]).await
    }
}

/// A desk over the world's catalog.
pub(super) fn desk(world: &World, jobs: Arc<MemoryJobs>) -> Arc<Desk> {
    let parts = Parts {
        catalog: world.catalog.clone(),
        objects: world.objects.clone(),
        jobs,
        clock: world.clock.clone(),
        cursor_key: CursorKey::new([1; 32]),
    };
    Arc::new(Desk::new(parts, &world.config, &Registry::new()).unwrap())
}

/// Serves a desk; its URL up to the version.
pub(super) async fn serve(world: &World, desk: Arc<Desk>) -> String {
    let identities: Arc<dyn Identities> = world.auth.clone();
    let layer = from_fn_with_state(identities, authenticate);
    let router = http::routes(desk).layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn ids(answer: &Answer) -> Vec<&str> {
    let jobs = answer.body["jobs"].as_array().unwrap();
    jobs.iter().map(|job| job["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn owners_see_their_jobs_and_admins_all() {
    let stage = Stage::new().await;
    stage.job("mine", "a", Some(&owner())).await;
    stage.job("theirs", "b", Some(&Account::new(9))).await;
    stage.job("nobodys", "c", None).await;
    let (stranger, _) = stage.world.sign_in(&Account::new(8)).await;
    for (token, seen) in [
        (&stage.owner, &["mine"][..]),
        (&stage.admin, &["nobodys", "theirs", "mine"]),
        (&stranger, &[]),
    ] {
        let list = stage.get("/jobs", token).await;
        assert_eq!((list.status, ids(&list)), (200, seen.to_vec()));
        for id in ["mine", "theirs", "nobodys"] {
            let one = stage.get(&format!("/jobs/{id}"), token).await;
            let there = seen.contains(&id);
            assert_eq!(one.status, if there { 200 } else { 404 }, "{id}");
            assert_eq!(one.headers.contains_key("etag"), there);
            let cancel = stage.post(&format!("/jobs/{id}/cancel"), token).await;
            assert_eq!(cancel.status, if there { 202 } else { 404 }, "{id}");
        }
    }
    let unknown = stage.ask(Method::GET, "/jobs", None, None, &[]).await;
    assert_eq!(unknown.status, 401);
    for nowhere in ["kube-system:x", "UPPER", "a%2Fb"] {
        let answer = stage.get(&format!("/jobs/{nowhere}"), &stage.admin).await;
        assert_eq!(
            (answer.status, &answer.body["reason"]),
            (404, &"NotFound".into())
        );
    }
}

#[tokio::test]
async fn a_job_of_another_gate_is_nobodys() {
    let stage = Stage::new().await;
    let spec = json!({"streamGateRef": {"name": "other"}, "source": {"upload": {"id": "u"}}});
    let spec = serde_json::from_value(spec).unwrap();
    let marks = Marks::default();
    let made = stage.jobs.create("default", "foreign", &spec, &marks);
    made.await.unwrap();
    assert!(ids(&stage.get("/jobs", &stage.admin).await).is_empty());
    assert_eq!(stage.get("/jobs/foreign", &stage.admin).await.status, 404);
}

#[tokio::test]
async fn lists_go_on_by_signed_cursors_and_take_filters() {
    let stage = Stage::new().await;
    for n in 0..5 {
        let content = if n % 2 == 0 { "even" } else { "odd" };
        stage.job(&format!("j{n}"), content, Some(&owner())).await;
    }
    stage.jobs.status("j3", |s| s.phase = Some(Phase::Encoding));
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = stage
            .get(&format!("/jobs?limit=2{cursor}"), &stage.owner)
            .await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        match page.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        // Newer jobs do not move the pages.
        stage
            .job(&format!("new{}", seen.len()), "new", Some(&owner()))
            .await;
    }
    assert_eq!(seen, ["j4", "j3", "j2", "j1", "j0"]);
    let wallet = owner().wallet().to_string();
    for (query, expected) in [
        ("content=odd", &["j3", "j1"][..]),
        ("phase=Encoding", &["j3"]),
        ("phase=Encoding&content=even", &[]),
        (&format!("owner={wallet}&content=odd"), &["j3", "j1"]),
    ] {
        let list = stage.get(&format!("/jobs?{query}"), &stage.admin).await;
        assert_eq!(ids(&list), expected, "{query}");
    }
    for (query, reason) in [
        ("limit=0", "InvalidQuery"),
        ("phase=Nothing", "InvalidQuery"),
        ("owner=me", "InvalidAddress"),
        ("cursor=AAAA", "InvalidCursor"),
        // Signed for another list.
        (&cursor[1..], "InvalidCursor"),
    ] {
        let list = stage.get(&format!("/jobs?{query}"), &stage.admin).await;
        assert_eq!(
            (list.status, &list.body["reason"]),
            (400, &reason.into()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_job_is_shown_as_its_status_says() {
    let stage = Stage::new().await;
    stage.job("clip", "film", Some(&owner())).await;
    let fresh = stage.get("/jobs/clip", &stage.owner).await;
    assert_eq!(fresh.body["phase"], "Pending");
    assert!(fresh.body.get("progress").is_none());
    stage.jobs.status("clip", |status| {
        status.phase = Some(Phase::Encoding);
        status.attempt = Some(1);
        status.progress = Some(Progress {
            percent: 40,
            segments: "12/30".into(),
            speed: Some("3.2x".into()),
            eta_seconds: Some(7),
            bytes: 900,
            updated: None,
        });
    });
    let job = stage.get("/jobs/clip", &stage.owner).await;
    assert_ne!(job.headers["etag"], fresh.headers["etag"]);
    let shown = json!({"percent": 40, "segments": "12/30", "speed": "3.2x", "etaSeconds": 7,
        "bytes": 900});
    assert_eq!(job.body["progress"], shown);
    assert_eq!(
        (&job.body["attempt"], &job.body["content"]),
        (&json!(1), &json!("film"))
    );
    stage.jobs.status("clip", |status| {
        status.phase = Some(Phase::Succeeded);
        status.output = Some(OutputStatus {
            content: "film".into(),
            id: "o1".into(),
            segments: 30,
            bytes: 9_000,
            taken_from: None,
        });
    });
    let job = stage.get("/jobs/clip", &stage.owner).await;
    assert_eq!(
        job.body["output"],
        json!({"id": "o1", "segments": 30, "bytes": 9_000})
    );
}

#[tokio::test]
async fn cancelling_and_retrying_are_asked_once_each_however_often() {
    let stage = Stage::new().await;
    stage.job("clip", "film", Some(&owner())).await;
    for _ in 0..2 {
        let answer = stage.post("/jobs/clip/cancel", &stage.owner).await;
        let asked = json!({"action": "Cancel", "attempt": 0});
        assert_eq!((answer.status, &answer.body["asked"]), (202, &asked));
    }
    let early = stage.post("/jobs/clip/retry", &stage.owner).await;
    assert_eq!(
        (early.status, &early.body["reason"]),
        (409, &"JobNotFailed".into())
    );
    stage.jobs.status("clip", |status| {
        status.phase = Some(Phase::Failed);
        status.reason = Some("Cancelled".into());
    });
    assert_eq!(
        stage.post("/jobs/clip/cancel", &stage.owner).await.status,
        202
    );
    for _ in 0..2 {
        let answer = stage.post("/jobs/clip/retry", &stage.owner).await;
        let asked = json!({"action": "Retry", "attempt": 0});
        assert_eq!((answer.status, &answer.body["asked"]), (202, &asked));
    }
    stage.jobs.status("clip", |status| {
        status.phase = Some(Phase::Succeeded);
        status.attempt = Some(1);
    });
    let late = stage.post("/jobs/clip/cancel", &stage.owner).await;
    assert_eq!(
        (late.status, &late.body["reason"]),
        (409, &"JobEnded".into())
    );
}

#[tokio::test]
async fn profiles_say_what_they_stand_for() {
    let stage = Stage::new().await;
    let answer = stage.get("/profiles", &stage.owner).await;
    assert_eq!(answer.body["default"]["audio"]["kbps"], 128);
    let profiles = answer.body["profiles"].as_array().unwrap();
    let names: Vec<&str> = profiles
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["auto", "av1", "hevc", "mobile", "standard", "vp9"]);
    assert_eq!(profiles[0]["ladder"], "Auto");
    assert_eq!(profiles[1]["renditions"][0]["codec"], "AV1");
    assert_eq!(profiles[1]["audio"]["codec"], "Opus");
    assert_eq!(profiles[3]["builtIn"], true);
    let unknown = stage.ask(Method::GET, "/profiles", None, None, &[]).await;
    assert_eq!(unknown.status, 401);
}
