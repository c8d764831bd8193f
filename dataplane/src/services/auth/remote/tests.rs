//! Against the routes of a real auth role, over a line that breaks.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body as Sent;
use tower::ServiceExt;

use super::*;
use crate::ports::catalog::{Outputs, suite};
use crate::services::auth::fixture::{Account, World, owner};
use crate::services::auth::http::roles::routes;

/// The routes of an auth role, at the other end of a connection that can break.
struct Line {
    routes: axum::Router,
    breaks: AtomicU32,
    asked: AtomicU32,
}

#[async_trait]
impl Upstream for Line {
    async fn send(
        &self,
        role: Role,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, UpstreamError> {
        assert_eq!(role, Role::Auth);
        self.asked.fetch_add(1, Ordering::SeqCst);
        let less = |left: u32| left.checked_sub(1);
        let broken = self
            .breaks
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        if broken.is_ok() {
            let source = "reset".into();
            return Err(UpstreamError::Broken { role, source });
        }
        let answer = self.routes.clone().oneshot(request.map(Sent::new)).await;
        let Ok(answer) = answer;
        Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
    }
}

async fn line(world: &World, breaks: u32) -> Arc<Line> {
    Arc::new(Line {
        routes: routes(world.auth.clone()),
        breaks: breaks.into(),
        asked: AtomicU32::new(0),
    })
}

async fn playable() -> World {
    let world = World::generous().await;
    world.content("c", Some("holders")).await;
    world.content("own", None).await;
    for id in ["c-o", "own-o"] {
        let id = id.parse().unwrap();
        for track in ["v720", "a-en-aac"] {
            for number in [None, Some(0), Some(1)] {
                let segment = suite::segment(track, number, "00");
                world.catalog.commit(&id, &segment).await.unwrap();
            }
        }
        world.catalog.publish(&id).await.unwrap();
    }
    world
}

fn viewer(session: &str) -> Viewer {
    Viewer {
        wallet: Account::new(9).wallet(),
        session: session.into(),
        proven: Vec::new(),
    }
}

#[tokio::test]
async fn what_auth_decides_is_what_the_asking_role_hears() {
    let world = playable().await;
    for breaks in [0, 1] {
        let line = line(&world, breaks).await;
        let remote = RemoteEntitlements::new(line.clone(), world.catalog.clone());
        for id in ["c", "own", "none"] {
            let content = id.parse().unwrap();
            let here = world.auth.entitle(&viewer("s"), &content).await;
            let there = remote.entitle(&viewer("s"), &content).await;
            assert_eq!(format!("{here:?}"), format!("{there:?}"), "{id}");
        }
        assert_eq!(line.asked.load(Ordering::SeqCst), 3 + breaks);
        let here = world.auth.epoch().await.unwrap();
        assert_eq!(remote.epoch().await.unwrap(), here);
    }
}

#[tokio::test]
async fn an_auth_that_does_not_answer_admits_nobody_and_stops_no_epoch() {
    let world = playable().await;
    let line = line(&world, u32::MAX).await;
    let remote = RemoteEntitlements::new(line.clone(), world.catalog.clone());
    let denied = remote.entitle(&viewer("s"), &"c".parse().unwrap()).await;
    match denied {
        Err(Denied::Undecided { reason, .. }) => assert_eq!(reason, "AuthUnreachable"),
        other => panic!("{other:?}"),
    }
    assert!(remote.epoch().await.is_ok());
    let identities = RemoteIdentities::new(line);
    let unknown = identities.identify("token").await;
    assert!(
        matches!(unknown, Err(IdentityError::Unavailable(_))),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn a_session_is_looked_at_once_and_forged_ones_each_time() {
    let world = playable().await;
    let line = line(&world, 0).await;
    let identities = RemoteIdentities::new(line.clone());
    let (token, profile) = world.sign_in(&owner()).await;
    for _ in 0..3 {
        assert_eq!(
            identities.identify(&token).await.unwrap(),
            profile.principal
        );
    }
    assert_eq!(line.asked.load(Ordering::SeqCst), 1);
    for _ in 0..2 {
        let refused = identities.identify("forged").await;
        assert!(
            matches!(refused, Err(IdentityError::Refused)),
            "{refused:?}"
        );
    }
    assert_eq!(line.asked.load(Ordering::SeqCst), 3);
    let long = "x".repeat(4_000);
    assert!(identities.identify(&long).await.is_err());
    assert_eq!(
        line.asked.load(Ordering::SeqCst),
        3,
        "a long token was sent on"
    );
}

#[tokio::test]
async fn how_the_chains_are_is_what_auth_says_asked_once_for_all() {
    let config = crate::services::auth::fixture::config("http://127.0.0.1:1/secret", 1);
    let world = World::on_chains(config).await;
    let line = line(&world, 0).await;
    let remote = RemoteStandings::new(line.clone());
    for _ in 0..3 {
        let told = remote.standings().await.unwrap();
        assert_eq!(told, world.auth.standings().await.unwrap());
        assert_eq!((told.len(), told[0].chain.as_str()), (1, "test"));
    }
    assert_eq!(line.asked.load(Ordering::SeqCst), 1);
    let broken = RemoteStandings::new(self::line(&world, u32::MAX).await);
    assert!(broken.standings().await.is_err());
}
