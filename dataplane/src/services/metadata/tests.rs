//! Who sees which contents, over real HTTP with the authenticate layer in front.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::plays::CountedEntitlements;
use super::*;
use crate::adapters::moka_cache::Families;
use crate::adapters::moka_cache::library::KeptLibrary;
use crate::layers::authenticate::authenticate;
use crate::ports::catalog::plays::{Day, Plays, Tally, Watched};
use crate::ports::catalog::reads::Direct;
use crate::ports::catalog::{Outputs, Sessions};
use crate::ports::identity::{Entitlements, Identities, Viewer};
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::{Account, CONTRACT, World, admin, owner};

/// The library as a process keeps it.
fn kept(catalog: Arc<dyn Catalog>) -> Arc<dyn Reads> {
    let figures = Families::new(&prometheus::Registry::new()).unwrap();
    let direct = Arc::new(Direct(catalog.clone()));
    Arc::new(KeptLibrary::new(direct, catalog, figures.of("metadata")))
}

fn role(world: &World) -> Arc<Metadata> {
    let rules = &world.config.rules;
    let parts = Parts {
        catalog: world.catalog.clone(),
        reads: kept(world.catalog.clone()),
        objects: world.objects.clone(),
        clock: world.clock.clone(),
        cursor_key: CursorKey::new([1; 32]),
    };
    Arc::new(Metadata::new(parts, rules, None))
}

mod kills;
mod million;
mod shelves;
mod warming;

async fn serve(world: &World) -> String {
    let metadata = role(world);
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
    for query in ["limit=0", "limit=201", "limit=x", "owned=me"] {
        let (status, problem) = get(&format!("{url}?{query}"), None).await;
        assert_eq!(
            (status, &problem["reason"]),
            (400, &"InvalidQuery".into()),
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
            "InvalidBody",
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
            422,
            "InvalidBody",
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

/// A request with a session; status, headers and body.
async fn send(request: reqwest::RequestBuilder, token: &str) -> (u16, HeaderMap, Value) {
    let response = request.bearer_auth(token).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    (
        status,
        headers,
        serde_json::from_str(&text).unwrap_or(Value::Null),
    )
}

#[tokio::test]
async fn a_repeated_creation_makes_one_content() {
    let world = world().await;
    let url = serve(&world).await;
    let (token, _) = world.sign_in(&owner()).await;
    let http = reqwest::Client::new();
    let create = async |key: &str, body: Value| {
        let request = http.post(&url).json(&body).header("idempotency-key", key);
        send(request, &token).await
    };
    let body = json!({"title": "Made by hand", "contact": "me@example.org", "rule": "holders"});
    let (status, headers, made) = create("k-1", body.clone()).await;
    assert_eq!((status, headers["etag"].to_str().unwrap()), (201, "\"1\""));
    let location = headers["location"].to_str().unwrap();
    assert_eq!(
        location,
        format!("/api/v1/contents/{}", made["id"].as_str().unwrap())
    );
    let (status, _, again) = create("k-1", body.clone()).await;
    assert_eq!((status, &again), (200, &made));
    let other = json!({"title": "Something else"});
    let (status, _, problem) = create("k-1", other.clone()).await;
    assert_eq!((status, &problem["reason"]), (422, &"KeyReused".into()));
    let (status, _, second) = create("k-2", other).await;
    assert_eq!(status, 201);
    assert_ne!(second["id"], made["id"]);
    for body in [
        json!({}),
        json!({"title": "x", "contact": "x"}),
        json!({"title": "x", "rule": "no"}),
    ] {
        assert_eq!(create("k-3", body).await.0, 422);
    }
    let (token, _) = world.sign_in(&Account::new(9)).await;
    let request = http.post(&url).json(&body);
    let (status, _, problem) = send(request, &token).await;
    assert_eq!(
        (status, &problem["reason"]),
        (403, &"CreatorRequired".into())
    );
}

#[tokio::test]
async fn a_removed_content_is_gone_and_its_objects_a_day_later() {
    let world = world().await;
    let (metadata, url) = (role(&world), format!("{}/second", serve(&world).await));
    let key = ObjectKey::parse("contents/second/second-o/v720/init-00.mp4").unwrap();
    world.objects.put(&key, "x".into()).await.unwrap();
    let (token, _) = world.sign_in(&owner()).await;
    let (stranger, _) = world.sign_in(&Account::new(9)).await;
    let http = reqwest::Client::new();
    let remove = |tag: &str| http.delete(&url).header("if-match", tag);
    assert_eq!(send(remove("*"), &stranger).await.0, 403);
    assert_eq!(send(http.delete(&url), &token).await.0, 428);
    assert_eq!(send(remove("\"99\""), &token).await.0, 412);
    let epoch = world.catalog.epoch().await.unwrap();
    assert_eq!(send(remove("\"2\""), &token).await.0, 204);
    assert!(world.catalog.epoch().await.unwrap() > epoch);
    assert_eq!(send(http.get(&url), &token).await.0, 404);
    metadata.tidy().await;
    assert_eq!(world.objects.head(&key).await.unwrap(), Some(1));
    world.clock.advance(super::tidy::GRACE_SECONDS);
    metadata.tidy().await;
    assert_eq!(world.objects.head(&key).await.unwrap(), None);
}

#[tokio::test]
async fn pages_follow_each_other_by_signed_cursors() {
    let world = world().await;
    let url = serve(&world).await;
    let (token, _) = world.sign_in(&owner()).await;
    let (_, first) = get(&format!("{url}?limit=2"), Some(&token)).await;
    let cursor = first["next"].as_str().unwrap();
    let (_, second) = get(&format!("{url}?limit=2&cursor={cursor}"), Some(&token)).await;
    assert_eq!(
        (ids(&first), ids(&second)),
        (vec!["third", "second"], vec!["first"])
    );
    assert_eq!(second["next"], Value::Null);
    // It is good for this list and this viewer alone.
    for (query, token) in [
        (
            format!("cursor={cursor}&state=published"),
            Some(token.as_str()),
        ),
        (format!("cursor={cursor}"), None),
        ("cursor=AAAA".to_owned(), Some(token.as_str())),
    ] {
        let (status, problem) = get(&format!("{url}?{query}"), token).await;
        assert_eq!(
            (status, &problem["reason"]),
            (400, &"InvalidCursor".into()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn searches_rank_and_page_over_what_may_be_seen() {
    let world = world().await;
    let url = serve(&world).await;
    let search = url.replace("contents", "search");
    let (token, _) = world.sign_in(&owner()).await;
    for (id, title) in [("first", "Blue whales"), ("third", "The blue whale")] {
        let renamed = patch_of(&url, id, &token, json!({"title": title}));
        assert_eq!(renamed.await.0, 200);
    }
    let (_, all) = get(&format!("{search}?q=BLUE+whale"), Some(&token)).await;
    assert_eq!(ids(&all), ["third", "first"]);
    let (_, one) = get(&format!("{search}?q=blue&limit=1"), Some(&token)).await;
    assert_eq!(ids(&one), ["third"]);
    let next = one["next"].as_str().unwrap();
    let (_, two) = get(
        &format!("{search}?q=blue&limit=1&cursor={next}"),
        Some(&token),
    )
    .await;
    assert_eq!((ids(&two), &two["next"]), (vec!["first"], &Value::Null));
    let (_, none) = get(&format!("{search}?q=blue"), None).await;
    assert!(ids(&none).is_empty(), "they are not published");
    for query in ["q=", "q=--", "limit=1", "q=a&limit=0"] {
        assert_eq!(
            get(&format!("{search}?{query}"), None).await.0,
            400,
            "{query}"
        );
    }
}

async fn patch_of(url: &str, id: &str, token: &str, change: Value) -> (u16, String, Value) {
    patch(&format!("{url}/{id}"), Some(token), Some("*"), change).await
}
