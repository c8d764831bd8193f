//! The role over real HTTP.

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::services::auth::fixture::{Account, World, owner, text};
use crate::services::auth::http::routes;

/// Serves a router on loopback until the test ends.
pub(super) async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// The same at a port that is known before.
pub(super) async fn serve_at(port: u16, router: axum::Router) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

pub(super) async fn post(url: &str, path: &str, token: Option<&str>, body: &Value) -> Response {
    let mut request = client().post(format!("{url}{path}")).json(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap()
}

pub(super) async fn json_of(response: Response) -> (StatusCode, Value) {
    (response.status(), response.json().await.unwrap())
}

pub(super) fn set_cookie(response: &Response) -> String {
    response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_person_signs_in_looks_around_and_signs_out() {
    let world = World::generous().await;
    world.content("c", None).await;
    let url = serve(routes(world.auth.clone())).await;
    let account = owner();
    let address = json!({"address": account.wallet().to_string()});
    let challenge = post(&url, "/api/v1/auth/challenge", None, &address).await;
    let bound = set_cookie(&challenge);
    assert!(bound.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=300"));
    let (status, challenge) = json_of(challenge).await;
    assert_eq!(status, 200);
    assert_eq!(challenge["expiresAt"], "2026-11-24T03:05:00Z");
    let message = challenge["message"].as_str().unwrap();
    let login = json!({"message": message, "signature": text(&account.sign(message))});
    let elsewhere = post(&url, "/api/v1/auth/login", None, &login).await;
    let (_, refused) = json_of(elsewhere).await;
    assert_eq!(refused["reason"], "BindingRequired");
    let bound = bound.split(';').next().unwrap();
    let here = client().post(format!("{url}/api/v1/auth/login"));
    let here = here.header("cookie", bound).json(&login);
    let response = here.send().await.unwrap();
    let cookie = set_cookie(&response);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let (_, session) = json_of(response).await;
    let token = session["token"].as_str().unwrap();
    let attributes = "Path=/; Secure; HttpOnly; SameSite=Lax";
    assert_eq!(cookie, format!("__Host-streamgate={token}; {attributes}"));
    assert_eq!(session["creator"], true);

    let cookie = format!("theme=dark; __Host-streamgate={token}");
    let profile = client()
        .get(format!("{url}/api/v1/auth/profile"))
        .header("cookie", cookie);
    let (status, profile) = json_of(profile.send().await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &profile["address"]),
        (200, &address["address"])
    );

    let wanted = json!({"content": "c"});
    let (status, playback) =
        json_of(post(&url, "/api/v1/playback", Some(token), &wanted).await).await;
    assert_eq!(status, 200);
    let full = playback["url"].as_str().unwrap();
    let path = playback["path"].as_str().unwrap();
    assert_eq!(full, format!("https://gate.example{path}"));
    assert!(path.starts_with("/v/ey") && path.ends_with("/master.m3u8"));

    // As a cookie the handle is in no URL, and sent for the files of this content alone.
    let wanted_as_cookie = json!({"content": "c", "cookie": true});
    let response = post(&url, "/api/v1/playback", Some(token), &wanted_as_cookie).await;
    let cookie = response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    let (handle, attributes) = cookie.split_once("; ").unwrap();
    assert!(handle.starts_with("__Secure-playback=ey"), "{handle}");
    let kept = "Path=/v/c/; Max-Age=602; Secure; HttpOnly; SameSite=None; Partitioned";
    assert_eq!(attributes, kept);
    let (_, playback) = json_of(response).await;
    assert_eq!(playback["url"], "https://gate.example/v/c/master.m3u8");

    let out = post(&url, "/api/v1/auth/logout", Some(token), &Value::Null).await;
    assert_eq!(out.status(), 204);
    assert!(
        out.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .ends_with("Max-Age=0")
    );
    let (status, refused) =
        json_of(post(&url, "/api/v1/playback", Some(token), &wanted).await).await;
    assert_eq!(
        (status.as_u16(), refused["reason"].as_str()),
        (401, Some("InvalidSession"))
    );
}

#[tokio::test]
async fn refusals_are_problems_with_a_reason() {
    let world = World::generous().await;
    world.content("alone", None).await;
    let url = serve(routes(world.auth.clone())).await;
    let (token, _) = world.sign_in(&Account::new(9)).await;
    let token = Some(token.as_str());
    let login = |message: &str| json!({"message": message, "signature": "0x00"});
    let cases = [
        (
            "auth/challenge",
            None,
            json!({"address": "me"}),
            400,
            "InvalidAddress",
        ),
        (
            "auth/challenge",
            None,
            json!({"address": 1}),
            400,
            "InvalidBody",
        ),
        (
            "auth/challenge",
            None,
            json!({"address": "0x", "more": 1}),
            400,
            "InvalidBody",
        ),
        ("auth/login", None, login("hello"), 400, "MalformedMessage"),
        (
            "auth/login",
            None,
            login(&"x".repeat(20_000)),
            413,
            "BodyTooLarge",
        ),
        ("auth/logout", None, json!({}), 401, "SignInRequired"),
        (
            "playback",
            None,
            json!({"content": "alone"}),
            401,
            "SignInRequired",
        ),
        (
            "playback",
            Some("forged"),
            json!({"content": "alone"}),
            401,
            "InvalidSession",
        ),
        (
            "playback",
            token,
            json!({"content": "alone"}),
            403,
            "OwnerOnly",
        ),
        (
            "playback",
            token,
            json!({"content": "nothing"}),
            404,
            "NotPlayable",
        ),
        (
            "playback",
            token,
            json!({"content": "../etc"}),
            400,
            "InvalidBody",
        ),
    ];
    for (path, token, body, status, reason) in cases {
        let response = post(&url, &format!("/api/v1/{path}"), token, &body).await;
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let (got, problem) = json_of(response).await;
        assert_eq!(
            (got.as_u16(), problem["reason"].as_str()),
            (status, Some(reason)),
            "{path}"
        );
    }
    let plain = client().post(format!("{url}/api/v1/auth/login")).body("{}");
    let (status, problem) = json_of(plain.send().await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), problem["reason"].as_str()),
        (415, Some("NotJson"))
    );
}

#[tokio::test]
async fn the_published_keys_are_public_and_verify_tokens() {
    let world = World::generous().await;
    let url = serve(routes(world.auth.clone())).await;
    let keys = client()
        .get(format!("{url}/.well-known/jwks.json"))
        .send()
        .await
        .unwrap();
    let (_, keys) = json_of(keys).await;
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys.clone()).unwrap();
    assert_eq!(set.keys.len(), 2);
    assert!(!keys.to_string().contains("\"d\""), "no private part");
    let (token, _) = world.sign_in(&owner()).await;
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&kid).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.set_audience(&["session"]);
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
}
