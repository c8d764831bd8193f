//! Who is let in: on every playlist, init segment and segment.

use reqwest::Method;

use super::fixture::{Stage, files};
use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::ports::catalog::suite;
use crate::services::auth::fixture::{Account, CONTRACT, GATE, LEASE, NOW, World, config, owner};
use crate::tokens::fixture::signer;
use crate::tokens::{Session, Token, Viewing};

fn viewing(content: &str, output: &str) -> Viewing {
    Viewing {
        sub: owner().wallet(),
        sid: "session".into(),
        content: content.parse().unwrap(),
        output: output.parse().unwrap(),
        rules: "0".into(),
        proven: Vec::new(),
        bound: None,
    }
}

/// Every file below this handle answers so.
async fn all(stage: &Stage, handle: &str, files: &[String], status: u16, reason: &str) {
    for file in files {
        let (got, problem) = stage.get(&format!("{handle}/{file}")).await;
        let said = problem["reason"].as_str().unwrap_or_default();
        assert_eq!((got, said), (status, reason), "{file}");
    }
}

#[tokio::test]
async fn without_a_valid_handle_nothing_is_served() {
    let stage = Stage::new(World::generous().await).await;
    let files = files(&stage.published("c", None).await);
    let good = stage.world.handle(&owner(), "c").await;
    all(&stage, &good, &files, 200, "").await;

    let end = NOW + 602;
    let mut forged = good.clone();
    forged.replace_range(good.len() - 9..good.len() - 5, "AAAA");
    let other_key = signer(9)
        .sign(&Token::new(GATE, NOW, end, viewing("c", "c-o")))
        .unwrap();
    let elsewhere = Token::new("https://evil.example", NOW, end, viewing("c", "c-o"));
    let elsewhere = signer(2).sign(&elsewhere).unwrap();
    let (session, _) = stage.world.sign_in(&owner()).await;
    let claims = Session {
        sub: owner().wallet(),
        jti: "x".into(),
        auth_time: NOW,
        proven: Vec::new(),
    };
    let of_kind = signer(2).sign(&Token::new(GATE, NOW, end, claims)).unwrap();
    for handle in [
        "no-handle",
        &forged,
        &other_key,
        &elsewhere,
        &session,
        &of_kind,
    ] {
        all(&stage, handle, &files, 401, "InvalidHandle").await;
    }
    for path in ["/master.m3u8", "master.m3u8", "/v720.m3u8", "a/b/c/d"] {
        let (status, problem) = stage.get(path).await;
        assert_eq!(
            (status, &problem["reason"]),
            (401, &"InvalidHandle".into()),
            "{path:?}"
        );
    }

    stage.wait(602).await;
    all(&stage, &good, &files, 401, "HandleExpired").await;
}

#[tokio::test]
async fn a_refusal_challenges_and_never_repeats_the_handle() {
    let stage = Stage::new(World::generous().await).await;
    let response = stage
        .request(Method::GET, "planted-canary/master.m3u8")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(!response.text().await.unwrap().contains("planted-canary"));
}

#[tokio::test]
async fn a_handle_opens_its_own_content_only() {
    let stage = Stage::new(World::generous().await).await;
    let mine = stage.published("mine", None).await;
    let other = stage.published("other", None).await;
    let handle = stage.world.handle(&owner(), "mine").await;
    for path in &other {
        let (status, problem) = stage.get(&format!("{handle}/{path}")).await;
        assert_eq!(
            (status, &problem["reason"]),
            (403, &"OutsideHandle".into()),
            "{path}"
        );
        let (status, _) = stage
            .get(&format!("{handle}/{path}?content=other&output=other-o"))
            .await;
        assert_eq!(status, 403, "{path}");
    }
    let (status, _) = stage
        .get(&format!("{handle}/{}?content=other", mine[0]))
        .await;
    assert_eq!(status, 200);
    for path in [
        "v1080.m3u8",
        "x",
        "v720/x.m4s",
        "v720/../mine",
        "v720/a/b",
        "%2e%2e/%2e%2e",
    ] {
        let (status, problem) = stage.get(&format!("{handle}/{path}")).await;
        assert!(
            matches!(status, 403 | 404) || problem["reason"] == "InvalidHandle",
            "{path}: {status}"
        );
    }
}

#[tokio::test]
async fn signing_out_and_taking_down_end_running_streams() {
    let stage = Stage::new(World::generous().await).await;
    let files = files(&stage.published("c", Some("holders")).await);
    let (_, profile) = stage.world.sign_in(&Account::new(9)).await;
    let playback = stage
        .world
        .auth
        .playback(&profile, &"c".parse().unwrap(), Vec::new())
        .await
        .unwrap();
    let handle = playback.path.split('/').nth(2).unwrap().to_owned();
    let other = stage.world.handle(&Account::new(8), "c").await;
    all(&stage, &handle, &files, 200, "").await;
    stage.world.auth.sign_out(&profile.session).await.unwrap();
    stage.wait(1).await;
    all(&stage, &handle, &files, 401, "SessionEnded").await;
    all(&stage, &other, &files, 200, "").await;
    suite::withdraw(&*stage.world.catalog, "c").await;
    stage.wait(1).await;
    all(&stage, &other, &files, 404, "NotPlayable").await;
}

#[tokio::test]
async fn a_replica_that_hears_nothing_of_revocations_refuses() {
    let stage = Stage::new(World::generous().await).await;
    let files = files(&stage.published("c", None).await);
    let handle = stage.world.handle(&owner(), "c").await;
    stage.world.clock.advance(1);
    assert!(stage.streaming.ready());
    all(&stage, &handle, &files, 200, "").await;
    stage.world.clock.advance(1);
    assert!(!stage.streaming.ready());
    all(&stage, &handle, &files, 503, "EpochStale").await;
    stage.hear().await;
    all(&stage, &handle, &files, 200, "").await;
}

#[tokio::test]
async fn on_a_real_node_the_holder_plays_through_leases_until_the_token_moves() {
    let node = Anvil::start().await;
    let config = config(&node.url, CHAIN_ID);
    let stage = Stage::new(World::on_chains(config).await).await;
    let files = files(&stage.published("c", Some("holders")).await);
    let (holder, stranger) = (Account::new(8), Account::new(9));
    node.erc721(holder.wallet(), "7001").await;
    let handle = stage.world.handle(&holder, "c").await;
    for _ in 0..=3 * LEASE / 10 {
        all(&stage, &handle, &files, 200, "").await;
        stage.wait(10).await;
    }

    // A stranger gets no handle; with one from when they held the token they get no further.
    let mut claims = viewing("c", "c-o");
    claims.sub = stranger.wallet();
    let now = NOW + 3 * LEASE;
    let strangers = signer(2)
        .sign(&Token::new(GATE, now, now + 600, claims))
        .unwrap();
    all(&stage, &strangers, &files, 403, "TokenRequired").await;
    let (_, problem) = stage.get(&format!("{strangers}/master.m3u8")).await;
    let required = &problem["required"];
    assert_eq!(
        (&required["rule"], &required["chain"]),
        (&"holders".into(), &"test".into())
    );
    assert_eq!(required["contract"], CONTRACT);

    stage.wait(LEASE).await;
    all(&stage, &handle, &files, 200, "").await;
    node.transfer(holder.wallet(), stranger.wallet(), "7001")
        .await;
    stage.wait(LEASE - 1).await;
    all(&stage, &handle, &files, 200, "").await;
    stage.wait(1).await;
    all(&stage, &handle, &files, 403, "TokenRequired").await;
    all(&stage, &strangers, &files, 200, "").await;

    drop(node);
    stage.wait(LEASE - 1).await;
    all(&stage, &strangers, &files, 200, "").await;
    stage.wait(1).await;
    all(&stage, &strangers, &files[..2], 503, "ChainUnavailable").await;
}
