//! Who sees which contents, over real HTTP with the authenticate layer in front.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use serde_json::{Value, json};

use super::*;
use crate::layers::authenticate::authenticate;
use crate::ports::catalog::{Outputs, Sessions};
use crate::ports::identity::Identities;
use crate::services::auth::fixture::{Account, CONTRACT, World, admin, owner};

async fn serve(world: &World) -> String {
    let rules = &world.config.rules;
    let metadata = Arc::new(Metadata::new(world.catalog.clone(), rules, None));
    let identities: Arc<dyn Identities> = world.auth.clone();
    let layer = from_fn_with_state(identities, authenticate);
    let router = http::routes(metadata).layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/contents", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn get(url: &str, token: Option<&str>) -> (u16, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut request = reqwest::Client::new().get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn ids(list: &Value) -> Vec<&str> {
    let contents = list["contents"].as_array().unwrap();
    contents.iter().map(|c| c["id"].as_str().unwrap()).collect()
}

/// Two contents in work and one that is published.
async fn world() -> World {
    let world = World::generous().await;
    for (id, rule) in [
        ("first", None),
        ("second", Some("holders")),
        ("third", None),
    ] {
        world.content(id, rule).await;
    }
    let output = "second-o".parse().unwrap();
    for track in ["v720", "a-en-aac"] {
        for number in [None, Some(0), Some(1)] {
            let segment = crate::ports::catalog::suite::segment(track, number, "00");
            world.catalog.commit(&output, &segment).await.unwrap();
        }
    }
    world.catalog.publish(&output).await.unwrap();
    world
}

#[tokio::test]
async fn published_contents_are_for_everybody_and_others_for_owner_and_admin() {
    let world = world().await;
    let url = serve(&world).await;
    let everything = ["third", "second", "first"];
    for (account, seen) in [
        (None, &everything[1..2]),
        (Some(Account::new(9)), &everything[1..2]),
        (Some(owner()), &everything[..]),
        (Some(admin()), &everything[..]),
    ] {
        let token = match &account {
            Some(account) => Some(world.sign_in(account).await.0),
            None => None,
        };
        let (status, list) = get(&url, token.as_deref()).await;
        assert_eq!((status, ids(&list)), (200, seen.to_vec()));
        for id in everything {
            let (status, _) = get(&format!("{url}/{id}"), token.as_deref()).await;
            assert_eq!(status, if seen.contains(&id) { 200 } else { 404 }, "{id}");
        }
    }
}

#[tokio::test]
async fn a_content_says_what_it_asks_of_a_viewer() {
    let world = world().await;
    let url = serve(&world).await;
    let (_, content) = get(&format!("{url}/second"), None).await;
    assert_eq!(
        (&content["state"], &content["required"]["rule"]),
        (&"published".into(), &"holders".into())
    );
    assert_eq!(content["required"]["contract"], CONTRACT);
    let (token, _) = world.sign_in(&owner()).await;
    let (_, content) = get(&format!("{url}/first"), Some(&token)).await;
    assert_eq!(
        (&content["state"], &content["required"]),
        (&"processing".into(), &Value::Null)
    );
}

#[tokio::test]
async fn lists_are_bounded() {
    let world = world().await;
    let url = serve(&world).await;
    let (token, _) = world.sign_in(&owner()).await;
    let (_, list) = get(&format!("{url}?limit=2"), Some(&token)).await;
    assert_eq!(ids(&list), ["third", "second"]);
    for query in ["limit=0", "limit=201", "limit=x", "owner=me"] {
        let (status, problem) = get(&format!("{url}?{query}"), None).await;
        assert_eq!(
            (status, &problem["reason"]),
            (400, &"InvalidLimit".into()),
            "{query}"
        );
    }
    let (status, _) = get(&format!("{url}/UPPER"), None).await;
    assert_eq!(status, 404);
}

/// PATCH; status, entity tag and body.
async fn patch(
    url: &str,
    token: Option<&str>,
    known: Option<&str>,
    change: Value,
) -> (u16, String, Value) {
    let mut request = reqwest::Client::new().patch(url).json(&change);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(known) = known {
        request = request.header("if-match", known);
    }
    let response = request.send().await.unwrap();
    let tag = response
        .headers()
        .get("etag")
        .map(|t| t.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (
        status,
        tag.unwrap_or_default(),
        response.json().await.unwrap(),
    )
}

#[tokio::test]
async fn owners_change_what_nobody_else_changed_meanwhile() {
    let world = world().await;
    let url = format!("{}/second", serve(&world).await);
    let (token, _) = world.sign_in(&owner()).await;
    let token = Some(token.as_str());
    let (status, tag, content) = patch(&url, token, Some("*"), json!({"title": "Mine"})).await;
    assert_eq!((status, &content["title"]), (200, &"Mine".into()));
    let rename = json!({"title": "Again"});
    let (status, next, _) = patch(&url, token, Some(&tag), rename.clone()).await;
    assert_eq!(status, 200);
    let (read, _) = get(&url, None).await;
    assert_eq!(read, 200);
    for (known, change, status, reason) in [
        (Some(tag.as_str()), rename.clone(), 412, "VersionChanged"),
        (None, rename, 428, "IfMatchRequired"),
        (
            Some(next.as_str()),
            json!({"title": ""}),
            422,
            "InvalidTitle",
        ),
        (
            Some(next.as_str()),
            json!({"rule": "none"}),
            422,
            "UnknownRule",
        ),
        (
            Some(next.as_str()),
            json!({"state": "processing"}),
            422,
            "InvalidState",
        ),
        (
            Some(next.as_str()),
            json!({"owner": "me"}),
            400,
            "MalformedBody",
        ),
    ] {
        let (code, _, problem) = patch(&url, token, known, change).await;
        assert_eq!((code, &problem["reason"]), (status, &reason.into()));
    }
    let (stranger, _) = world.sign_in(&Account::new(9)).await;
    for (token, status) in [(None, 401), (Some(stranger.as_str()), 403)] {
        let (code, _, _) = patch(&url, token, Some("*"), json!({"rule": null})).await;
        assert_eq!(code, status);
    }
}

#[tokio::test]
async fn a_content_is_taken_down_and_brought_back() {
    let world = world().await;
    let url = format!("{}/second", serve(&world).await);
    let (token, _) = world.sign_in(&admin()).await;
    let epoch = world.catalog.epoch().await.unwrap();
    let down = json!({"state": "withdrawn"});
    assert_eq!(patch(&url, Some(&token), Some("*"), down).await.0, 200);
    assert_eq!(get(&url, None).await.0, 404);
    let ended = world.catalog.epoch().await.unwrap();
    assert!(ended > epoch, "whoever watches is asked anew");
    let back = json!({"state": "published"});
    assert_eq!(patch(&url, Some(&token), Some("*"), back).await.0, 200);
    assert_eq!(get(&url, None).await.0, 200);
}
