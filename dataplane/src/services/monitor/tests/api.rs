//! The API of the monitor over real HTTP, with a real catalog and real sessions.

use axum::middleware::from_fn_with_state;
use reqwest::Method;
use serde_json::{Value, json};

use super::*;
use crate::layers::authenticate::authenticate;
use crate::ports::identity::Identities;
use crate::services::auth::fixture::{Account, World as Gate, admin, owner};

/// A monitor that is served, with sessions of its gate.
pub struct Served {
    pub story: Story,
    gate: Gate,
    pub url: String,
    pub admin: String,
}

impl Served {
    pub async fn begin() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (story, gate) = (Story::begin().await, Gate::generous().await);
        let admin = gate.sign_in(&admin()).await.0;
        let mut served = Self {
            story,
            gate,
            url: String::new(),
            admin,
        };
        served.serve().await;
        served
    }

    async fn serve(&mut self) {
        let identities: Arc<dyn Identities> = self.gate.auth.clone();
        let layer = from_fn_with_state(identities, authenticate);
        let router = http::routes(self.story.monitor.clone()).layer(layer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    /// The monitor is gone, and a new one begins on the same catalog and cluster.
    async fn restart(&mut self) {
        self.story.restart().await;
        self.serve().await;
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        token: Option<&str>,
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.url);
        let mut request = reqwest::Client::new().request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, None, Some(&self.admin)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Silences what the matchers match for so many seconds from now.
    async fn silence(&self, matchers: Value, seconds: i64) -> (u16, Value) {
        let ends_at = jiff::Timestamp::from_second(self.story.clock.now() + seconds).unwrap();
        let wish = json!({"matchers": matchers, "endsAt": ends_at.to_string(), "comment": "work"});
        let path = "/api/v1/monitor/silences";
        let token = Some(self.admin.as_str());
        self.ask(Method::POST, path, Some(wish), token).await
    }

    /// What handlers were told so far.
    fn told(&self) -> Vec<String> {
        self.story.world.told.lock().unwrap().clone()
    }

    /// Waits until handlers were told so much.
    async fn is_told(&self, expected: &[&str]) {
        for _ in 0..100 {
            if self.told() == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.told(), expected);
    }
}

fn deep() -> Value {
    json!([{"name": "alertname", "value": "Deep"}])
}

#[tokio::test]
async fn what_the_monitor_knows_is_for_admins() {
    let served = Served::begin().await;
    let (owner, _) = served.gate.sign_in(&owner()).await;
    let (stranger, _) = served.gate.sign_in(&Account::new(9)).await;
    for (method, path) in [
        (Method::GET, "/api/v1/monitor/overview"),
        (Method::GET, "/api/v1/monitor/alerts"),
        (Method::GET, "/api/v1/monitor/alerts/history"),
        (Method::GET, "/api/v1/monitor/rules"),
        (Method::GET, "/api/v1/monitor/silences"),
        (Method::DELETE, "/api/v1/monitor/silences/x"),
    ] {
        for (token, status, reason) in [
            (None, 401, "SignInRequired"),
            (Some(owner.as_str()), 403, "AdminRequired"),
            (Some(stranger.as_str()), 403, "AdminRequired"),
        ] {
            let (code, body) = served.ask(method.clone(), path, None, token).await;
            assert_eq!((code, &body["reason"]), (status, &reason.into()), "{path}");
        }
    }
    let wish = json!({"matchers": deep(), "endsAt": "2099-01-01T00:00:00Z", "comment": "c"});
    let path = "/api/v1/monitor/silences";
    let asked = served.ask(Method::POST, path, Some(wish), Some(&owner));
    assert_eq!(asked.await.0, 403);
    assert_eq!(served.get(path).await, json!({"silences": []}));
}

#[tokio::test]
async fn overview_alerts_rules_and_history_follow_an_alert_to_its_end() {
    let served = Served::begin().await;
    let overview = served.get("/api/v1/monitor/overview").await;
    assert_eq!(overview["status"], "unknown");
    served.story.pass(9, 15).await;
    let alerts = served.get("/api/v1/monitor/alerts").await;
    let alert = &alerts["alerts"][0];
    assert_eq!(
        (&alert["state"], &alert["value"]),
        (&"pending".into(), &json!(9.0))
    );
    served.story.pass(9, 45).await;
    let overview = served.get("/api/v1/monitor/overview").await;
    assert_eq!(
        overview["roles"],
        json!([{"role": "all", "pods": 1, "up": 1}])
    );
    assert_eq!(
        (&overview["status"], &overview["policies"]),
        (&"ok".into(), &json!(1))
    );
    assert_eq!(overview["alerts"]["firing"], 1);
    assert_eq!(overview["alerts"]["warning"], 1);
    let alerts = served
        .get("/api/v1/monitor/alerts?state=firing&rule=Deep")
        .await;
    let alert = &alerts["alerts"][0];
    assert_eq!(alert["policy"], json!({"namespace": "n", "name": "p"}));
    assert_eq!(alert["labels"]["pod"], "a");
    assert_eq!(alert["labels"]["alertname"], "Deep");
    assert!(alerts.get("next").is_none(), "{alerts}");
    for none in [
        "state=pending",
        "rule=Other",
        "severity=critical",
        "policy=q",
        "silenced=true",
    ] {
        let alerts = served.get(&format!("/api/v1/monitor/alerts?{none}")).await;
        assert_eq!(alerts, json!({"alerts": []}), "{none}");
    }
    let rules = served.get("/api/v1/monitor/rules").await;
    let rule = &rules["rules"][0];
    assert_eq!(
        (&rule["state"], &rule["firing"]),
        (&"firing".into(), &json!(1))
    );
    assert_eq!(
        (&rule["expr"], &rule["for"]),
        (&"depth > 5".into(), &"30s".into())
    );
    assert!(
        !rules.to_string().contains("secret"),
        "URLs of handlers stay here"
    );
    served.story.pass(1, 45).await;
    assert_eq!(
        served.get("/api/v1/monitor/alerts").await,
        json!({"alerts": []})
    );
    let history = served.get("/api/v1/monitor/alerts/history").await;
    let changes = history["changes"].as_array().unwrap();
    let words: Vec<_> = changes
        .iter()
        .map(|c| c["status"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["resolved", "firing"]);
    assert_eq!(changes[0]["startsAt"], changes[1]["startsAt"]);
    assert_eq!(changes[0]["silenced"], false);
}

#[tokio::test]
async fn lists_go_on_by_signed_cursors_and_refuse_others() {
    let served = Served::begin().await;
    served.story.pass(9, 60).await;
    served.story.pass(1, 45).await;
    let path = "/api/v1/monitor/alerts/history";
    let first = served.get(&format!("{path}?limit=1")).await;
    let next = first["next"].as_str().unwrap();
    let second = served.get(&format!("{path}?limit=1&cursor={next}")).await;
    assert_eq!(second["changes"][0]["status"], "firing");
    assert!(second.get("next").is_none(), "{second}");
    for (query, reason) in [
        (format!("limit=1&rule=Deep&cursor={next}"), "InvalidCursor"),
        ("limit=0".into(), "InvalidQuery"),
        ("severity=bad".into(), "InvalidQuery"),
        ("what=1".into(), "InvalidQuery"),
    ] {
        let path = format!("{path}?{query}");
        let (status, body) = served
            .ask(Method::GET, &path, None, Some(&served.admin))
            .await;
        assert_eq!((status, &body["reason"]), (400, &reason.into()), "{query}");
    }
}

#[tokio::test]
async fn every_alert_is_on_one_page_of_the_list() {
    let served = Served::begin().await;
    served.story.world.more.store(2, Ordering::SeqCst);
    served.story.pass(9, 60).await;
    // Two that are younger, and pending.
    served.story.world.more.store(4, Ordering::SeqCst);
    served.story.pass(9, 15).await;
    let (mut path, mut pages) = ("/api/v1/monitor/alerts?limit=2".to_owned(), Vec::new());
    loop {
        let page = served.get(&path).await;
        let of = |alert: &Value| alert["labels"]["n"].as_str().unwrap_or("0").to_owned();
        let alerts = page["alerts"].as_array().unwrap();
        pages.push(alerts.iter().map(of).collect::<Vec<_>>());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        assert!(pages.len() < 5, "{pages:?}");
        path = format!("/api/v1/monitor/alerts?limit=2&cursor={next}");
    }
    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 1], "{pages:?}");
    pages[0].sort();
    assert_eq!(pages[0], ["3", "4"], "those that changed last come first");
    let mut all = pages.concat();
    all.sort();
    assert_eq!(all, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_silence_outlives_a_restart_and_ends_where_it_is_removed() {
    let mut served = Served::begin().await;
    let (status, made) = served.silence(deep(), 3_600).await;
    assert_eq!((status, &made["state"]), (201, &"active".into()), "{made}");
    assert_eq!(made["author"], admin().wallet().to_string());
    served.story.pass(9, 60).await;
    let alerts = served.get("/api/v1/monitor/alerts?silenced=true").await;
    assert_eq!(alerts["alerts"][0]["silencedBy"], json!([made["id"]]));
    served.restart().await;
    let listed = served.get("/api/v1/monitor/silences").await;
    assert_eq!(listed["silences"][0], made);
    served.story.pass(9, 60).await;
    let overview = served.get("/api/v1/monitor/overview").await;
    assert_eq!(overview["alerts"]["silenced"], 1);
    assert!(served.told().is_empty(), "{:?}", served.told());
    let history = served.get("/api/v1/monitor/alerts/history").await;
    let changes = history["changes"].as_array().unwrap();
    assert_eq!((changes.len(), &changes[0]["silenced"]), (1, &json!(true)));

    let path = format!("/api/v1/monitor/silences/{}", made["id"].as_str().unwrap());
    for status in [204, 404] {
        let asked = served.ask(Method::DELETE, &path, None, Some(&served.admin));
        assert_eq!(asked.await.0, status);
    }
    served.story.pass(9, 15).await;
    served.is_told(&["Firing Deep"]).await;
    served.story.pass(1, 30).await;
    served.is_told(&["Firing Deep", "Resolved Deep"]).await;
}

#[tokio::test]
async fn a_silence_that_is_over_or_about_others_silences_nothing() {
    let served = Served::begin().await;
    let other = json!([{"name": "severity", "value": "critical|info", "isRegex": true}]);
    assert_eq!(served.silence(other, 3_600).await.0, 201);
    let (status, short) = served.silence(deep(), 20).await;
    assert_eq!(status, 201);
    served.story.pass(9, 90).await;
    served.is_told(&["Firing Deep"]).await;
    let listed = served.get("/api/v1/monitor/silences").await;
    let silences = listed["silences"].as_array().unwrap();
    let short = silences.iter().find(|s| s["id"] == short["id"]).unwrap();
    assert_eq!(short["state"], "expired");
}

#[tokio::test]
async fn silences_that_are_none_are_refused_with_what_is_wrong() {
    let served = Served::begin().await;
    let (path, token) = ("/api/v1/monitor/silences", Some(served.admin.as_str()));
    let good = json!({"matchers": deep(), "endsAt": "2099-01-01T00:00:00Z", "comment": "c"});
    for (field, value, reason) in [
        ("matchers", json!([]), "InvalidSilence"),
        (
            "matchers",
            json!([{"name": "a", "value": ""}]),
            "InvalidSilence",
        ),
        (
            "matchers",
            json!([{"name": "a", "value": "(", "isRegex": true}]),
            "InvalidSilence",
        ),
        (
            "matchers",
            json!([{"name": "a", "value": "b", "x": 1}]),
            "InvalidBody",
        ),
        ("endsAt", json!("1970-01-01T00:00:01Z"), "InvalidSilence"),
        ("endsAt", json!("tomorrow"), "InvalidBody"),
        ("comment", json!(""), "InvalidBody"),
        ("author", json!("0x0"), "InvalidBody"),
    ] {
        let mut wish = good.clone();
        // The clock of this story stands at 1970.
        wish["endsAt"] = "1970-01-02T00:00:00Z".into();
        wish[field] = value;
        let (status, body) = served
            .ask(Method::POST, path, Some(wish.clone()), token)
            .await;
        assert_eq!((status, &body["reason"]), (422, &reason.into()), "{wish}");
    }
    let (status, body) = served.ask(Method::POST, path, Some(good), token).await;
    assert_eq!(status, 422, "{body}");
    assert!(
        body["detail"].as_str().unwrap().contains("366 days"),
        "{body}"
    );
    assert_eq!(served.get(path).await, json!({"silences": []}));
}
