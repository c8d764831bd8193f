//! Sign-in at a real OpenID provider, with a browser that follows its redirects by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Url;
use serde_json::{Value, json};
use streamgate_contract::config::RoleConfig;

use super::over_http::serve_at;
use crate::adapters::openid::OpenId;
use crate::adapters::openid::browser::Browser;
use crate::adapters::openid::server::{Server, free_port};
use crate::ports::identity::Identities;
use crate::services::auth::Outside;
use crate::services::auth::fixture::{Generous, NOW, World, config};
use crate::services::auth::http::routes;

/// A gate with the provider `corp`, at its own time.
struct Gate {
    world: World,
    url: Url,
}

impl Gate {
    async fn new(gate_port: u16, issuer: &str, secrets: &Path) -> Self {
        let url = format!("http://127.0.0.1:{gate_port}");
        let mut config: RoleConfig = config("http://127.0.0.1:1", 1);
        config.public_url = url.clone();
        config.rules = serde_json::from_value(json!([
            {"name": "staff", "oidcClaim": {"provider": "corp", "claim": "groups", "values": ["staff"]}},
        ]))
        .unwrap();
        config.people.creator_rule = Some("staff".into());
        config.auth.oidc = serde_json::from_value(json!([{"name": "corp", "issuer": issuer,
            "clientId": "gate", "hasSecret": true, "scopes": ["openid", "groups"]}]))
        .unwrap();
        let outside = Outside {
            providers: Arc::new(OpenId::new(&config.auth.oidc, secrets).unwrap()),
            ..Outside::nobody()
        };
        let world = World::with(Arc::new(Generous::default()), config, outside).await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        world.clock.advance(now.as_secs() as i64 - NOW);
        serve_at(gate_port, routes(world.auth.clone())).await;
        let url = url.parse().unwrap();
        Self { world, url }
    }

    fn login(&self, who: &str) -> Url {
        let path = format!("/api/v1/auth/oidc/corp/login?return=/watch?as={who}");
        self.url.join(&path).unwrap()
    }

    /// Where the provider sends the browser back to.
    async fn away(&self, browser: &mut Browser, who: &str) -> Url {
        let response = browser.get(&self.login(who)).await;
        let location = response.headers()["location"].to_str().unwrap();
        let provider: Url = format!("{location}&login_hint={who}").parse().unwrap();
        browser.until(provider, "/callback").await
    }

    async fn reason(&self, browser: &mut Browser, url: &Url) -> String {
        let problem: Value = browser.get(url).await.json().await.unwrap();
        problem["reason"].as_str().unwrap().to_owned()
    }
}

fn secrets() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("corp")).unwrap();
    std::fs::write(
        folder.path().join("corp/clientSecret"),
        "the secret of the gate\n",
    )
    .unwrap();
    folder
}

#[tokio::test]
async fn people_sign_in_at_a_real_provider_by_each_algorithm() {
    let secrets = secrets();
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let (port, gate_port) = (free_port(), free_port());
        let callback = format!("http://127.0.0.1:{gate_port}/api/v1/auth/oidc/corp/callback");
        let server = Server::start(port, algorithm, "first", &callback).await;
        let gate = Gate::new(gate_port, &server.issuer, secrets.path()).await;
        for (who, creator) in [("alice", true), ("bob", false)] {
            let mut browser = Browser::start();
            let back = gate.away(&mut browser, who).await;
            let arrived = browser.get(&back).await;
            assert_eq!(arrived.status(), 303, "{algorithm}");
            assert_eq!(arrived.headers()["location"], format!("/watch?as={who}"));
            let place = (
                gate.url.authority().to_owned(),
                "__Host-streamgate".to_owned(),
            );
            let token = browser.cookies[&place].clone();
            let person = gate.world.auth.identify(&token).await.unwrap();
            assert!(person.wallet.to_string().starts_with("oidc:"));
            assert_eq!(person.creator, creator, "by the rule on the claim");
            assert_eq!(
                gate.reason(&mut browser, &back).await,
                "BindingRequired",
                "once"
            );
        }
        // A new key, which the gate has never seen, without a restart of the gate.
        drop(server);
        let _server = Server::start(port, algorithm, "second", &callback).await;
        gate.world.clock.advance(10);
        let mut browser = Browser::start();
        let back = gate.away(&mut browser, "alice").await;
        assert_eq!(
            browser.get(&back).await.status(),
            303,
            "{algorithm} after a rotation"
        );
    }
}

#[tokio::test]
async fn a_sign_in_is_of_one_browser_and_one_code() {
    let (secrets, port, gate_port) = (secrets(), free_port(), free_port());
    let callback = format!("http://127.0.0.1:{gate_port}/api/v1/auth/oidc/corp/callback");
    let server = Server::start(port, "ES256", "first", &callback).await;
    let gate = Gate::new(gate_port, &server.issuer, secrets.path()).await;
    let mut mine = Browser::start();
    let back = gate.away(&mut mine, "alice").await;

    let mut theirs = Browser::start();
    assert_eq!(
        gate.reason(&mut theirs, &back).await,
        "BindingRequired",
        "no cookie"
    );
    let foreign = gate.away(&mut theirs, "bob").await;
    // Somebody else's answer in my browser, and my code behind their state.
    assert_eq!(gate.reason(&mut mine, &foreign).await, "BindingRequired");
    let pairs = |url: &Url| url.query_pairs().into_owned().collect::<BTreeMap<_, _>>();
    let mut mixed = foreign.clone();
    let code = pairs(&back)["code"].clone();
    let state = pairs(&foreign)["state"].clone();
    mixed
        .query_pairs_mut()
        .clear()
        .append_pair("code", &code)
        .append_pair("state", &state);
    mixed.query_pairs_mut().append_pair("iss", &server.issuer);
    assert_eq!(
        gate.reason(&mut theirs, &mixed).await,
        "CodeRefused",
        "another verifier"
    );
    let mut declined = back.clone();
    declined
        .query_pairs_mut()
        .clear()
        .append_pair("error", "access_denied");
    assert_eq!(gate.reason(&mut mine, &declined).await, "SignInDeclined");
    assert_eq!(mine.get(&back).await.status(), 303);

    let nowhere = gate.url.join("/api/v1/auth/oidc/none/login").unwrap();
    assert_eq!(gate.reason(&mut mine, &nowhere).await, "UnknownProvider");
    let evil = gate
        .url
        .join("/api/v1/auth/oidc/corp/login?return=//evil.example")
        .unwrap();
    assert_eq!(gate.reason(&mut mine, &evil).await, "InvalidReturn");
    drop(server);
    gate.world.clock.advance(7_200);
    let away = gate.away_code(&mut mine).await;
    assert_eq!(gate.reason(&mut mine, &away).await, "ProviderUnavailable");
}

impl Gate {
    /// A return with a code that nobody gave out.
    async fn away_code(&self, browser: &mut Browser) -> Url {
        let response = browser.get(&self.login("alice")).await;
        let location: Url = response.headers()["location"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let pairs: BTreeMap<_, _> = location.query_pairs().into_owned().collect();
        let mut back = self.url.join("/api/v1/auth/oidc/corp/callback").unwrap();
        let issuer = location.origin().ascii_serialization();
        back.query_pairs_mut()
            .append_pair("code", "none")
            .append_pair("state", &pairs["state"])
            .append_pair("iss", &issuer);
        back
    }
}
