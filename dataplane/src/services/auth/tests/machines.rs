//! Keys of machines, over HTTP, from their making to their end.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::over_http::{json_of, post, serve};
use crate::ports::catalog::MachineKeys;
use crate::ports::identity::Identities;
use crate::services::auth::fixture::{Account, World, admin, owner};
use crate::services::auth::http::routes;

const KEYS: &str = "/api/v1/auth/keys";

struct Gate {
    world: World,
    url: String,
    admin: String,
}

impl Gate {
    async fn new() -> Self {
        let world = World::generous().await;
        world.content("c", Some("holders")).await;
        let url = serve(routes(world.auth.clone())).await;
        let (admin, _) = world.sign_in(&admin()).await;
        Self { world, url, admin }
    }

    async fn make(&self, scopes: &[&str], more: Value) -> Value {
        let mut wish = json!({"name": "encoder", "scopes": scopes});
        for (name, value) in more.as_object().unwrap() {
            wish[name] = value.clone();
        }
        let (status, made) = json_of(post(&self.url, KEYS, Some(&self.admin), &wish).await).await;
        assert_eq!(status, 201, "{made}");
        made
    }

    async fn call(&self, method: Method, path: &str, token: &str) -> StatusCode {
        let request = Client::new().request(method, format!("{}{path}", self.url));
        request.bearer_auth(token).send().await.unwrap().status()
    }

    async fn refused(&self, path: &str, token: &str, body: Value) -> String {
        let (_, problem) = json_of(post(&self.url, path, Some(token), &body).await).await;
        problem["reason"].as_str().unwrap_or_default().to_owned()
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_its_wallet_may() {
    let gate = Gate::new().await;
    let identify = async |key: &Value| {
        let text = key["key"].as_str().unwrap();
        let who = gate.world.auth.identify(text).await.unwrap();
        (who.wallet, who.creator, who.admin)
    };
    let owners = json!({"wallet": owner().wallet().to_string()});
    let key = gate.make(&["upload"], owners.clone()).await;
    assert_eq!(identify(&key).await, (owner().wallet(), true, false));
    let key = gate.make(&["watch", "admin"], owners).await;
    assert_eq!(identify(&key).await, (owner().wallet(), false, false));
    let own = gate.make(&["admin", "upload"], json!({})).await;
    assert_eq!(identify(&own).await, (admin().wallet(), true, true));
    let viewers = json!({"wallet": Account::new(9).wallet().to_string()});
    let viewer = gate.make(&["watch"], viewers).await;
    let text = viewer["key"].as_str().unwrap();
    let wanted = json!({"content": "c"});
    let playback = post(&gate.url, "/api/v1/playback", Some(text), &wanted).await;
    assert_eq!(playback.status(), 200);
    let cannot = gate.refused("/api/v1/playback", own["key"].as_str().unwrap(), wanted);
    assert_eq!(cannot.await, "ScopeRequired");
}

#[tokio::test]
async fn only_admins_who_signed_in_manage_keys() {
    let gate = Gate::new().await;
    let (stranger, _) = gate.world.sign_in(&Account::new(9)).await;
    let key = gate.make(&["admin"], json!({})).await;
    let key = key["key"].as_str().unwrap();
    let wish = json!({"name": "more", "scopes": ["admin"]});
    assert_eq!(
        gate.refused(KEYS, &stranger, wish.clone()).await,
        "AdminRequired"
    );
    assert_eq!(gate.refused(KEYS, key, wish).await, "SessionRequired");
    for token in [key, &stranger] {
        assert_eq!(gate.call(Method::GET, KEYS, token).await, 403);
        assert_eq!(
            gate.call(Method::DELETE, &format!("{KEYS}/x"), token).await,
            403
        );
    }
    let refreshed = gate.refused("/api/v1/auth/refresh", key, json!({})).await;
    assert_eq!(refreshed, "SessionRequired");
    for wish in [
        json!({"name": "", "scopes": ["watch"]}),
        json!({"name": "x\n", "scopes": ["watch"]}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["root"]}),
    ] {
        assert_eq!(gate.refused(KEYS, &gate.admin, wish).await, "MalformedKey");
    }
}

#[tokio::test]
async fn a_key_ends_when_it_is_removed_or_over_and_its_secret_is_nowhere() {
    let gate = Gate::new().await;
    let key = gate.make(&["upload"], json!({})).await;
    let short = gate
        .make(&["upload"], json!({"expiresInSeconds": 60}))
        .await;
    let text = |key: &Value| key["key"].as_str().unwrap().to_owned();
    let identify = async |key: &str| gate.world.auth.identify(key).await.is_ok();
    assert!(identify(&text(&key)).await && identify(&text(&short)).await);

    let listed = Client::new().get(format!("{}{KEYS}", gate.url));
    let listed = listed.bearer_auth(&gate.admin).send().await.unwrap();
    let (_, listed) = json_of(listed).await;
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2);
    let secret = text(&key).rsplit_once('_').unwrap().1.to_owned();
    let kept = gate.world.catalog.keys().await.unwrap();
    assert!(!listed.to_string().contains(&secret) && !format!("{kept:?}").contains(&secret));

    for (at, byte) in text(&key).bytes().enumerate() {
        // Every tenth place, and each kind of part: argon2 is slow by design.
        if at % 10 == 0 {
            let mut forged = text(&key).into_bytes();
            forged[at] = if byte == b'a' { b'b' } else { b'a' };
            assert!(
                !identify(&String::from_utf8(forged).unwrap()).await,
                "at {at}"
            );
        }
    }
    gate.world.clock.advance(60);
    assert!(identify(&text(&key)).await && !identify(&text(&short)).await);

    let path = format!("{KEYS}/{}", key["id"].as_str().unwrap());
    assert_eq!(gate.call(Method::DELETE, &path, &gate.admin).await, 204);
    assert_eq!(gate.call(Method::DELETE, &path, &gate.admin).await, 404);
    assert!(!identify(&text(&key)).await);
}
