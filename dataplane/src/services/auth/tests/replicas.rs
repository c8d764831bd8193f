//! Two replicas on one catalog, and browsers that take each other's challenges.

use std::sync::Arc;

use crate::ports::chain::Wallet;
use crate::services::auth::fixture::{Account, LEASE, World, browser, text};
use crate::services::auth::{Auth, AuthError, Browser, Outside, Parts};
use crate::tokens::fixture::signer;

/// Another replica of the same gate.
fn replica(world: &World) -> Auth {
    let parts = Parts {
        catalog: world.catalog.clone(),
        chain: Arc::new(crate::services::auth::fixture::Generous::default()),
        clock: world.clock.clone(),
        outside: Outside::nobody(),
        session_key: signer(1),
        playback_key: signer(2),
    };
    Auth::new(parts, &world.config, &prometheus::Registry::new()).unwrap()
}

#[tokio::test]
async fn a_signed_challenge_is_taken_by_one_replica_alone() {
    let world = World::generous().await;
    let other = replica(&world);
    for round in 0..8u8 {
        let account = Account::new(round + 1);
        let challenge = world.auth.challenge(account.wallet(), None, browser());
        let message = challenge.await.unwrap().message;
        let signature = text(&account.sign(&message));
        let (here, there) = tokio::join!(
            world.auth.sign_in(&message, &signature, Some(browser())),
            other.sign_in(&message, &signature, Some(browser())),
        );
        let won = [&here, &there].into_iter().filter(|o| o.is_ok()).count();
        assert_eq!(won, 1, "{here:?} {there:?}");
        let spent = |o: &Result<_, AuthError>| matches!(o, Err(AuthError::NonceSpent));
        assert!(spent(&here) || spent(&there));
    }
}

#[tokio::test]
async fn a_challenge_is_good_in_the_browser_that_asked_for_it() {
    let world = World::generous().await;
    let account = Account::new(7);
    let mine = Browser::with("mine");
    let challenge = world.auth.challenge(account.wallet(), None, &mine).await;
    let message = challenge.unwrap().message;
    let signature = text(&account.sign(&message));
    let sign_in = async |browser: Option<Browser>| {
        let signed_in = world.auth.sign_in(&message, &signature, browser.as_ref());
        signed_in.await.map(|s| s.wallet)
    };
    let stolen = sign_in(Some(Browser::with("theirs"))).await;
    assert!(matches!(stolen, Err(AuthError::NonceSpent)), "{stolen:?}");
    let bare = sign_in(None).await;
    assert!(matches!(bare, Err(AuthError::Unbound)), "{bare:?}");
    // Whoever stole it has not spent it.
    let wallet: Wallet = sign_in(Some(mine)).await.unwrap();
    assert_eq!(wallet, account.wallet());
}

#[tokio::test]
async fn a_session_is_renewed_until_its_sign_in_is_too_old_and_ends_as_one() {
    let mut config = crate::services::auth::fixture::config("http://127.0.0.1:1", 1);
    config.auth.session_seconds = 100;
    config.auth.refresh_seconds = 250;
    let world = World::new(
        Arc::new(crate::services::auth::fixture::Generous::default()),
        config,
    )
    .await;
    let (first, profile) = world.sign_in(&Account::new(7)).await;
    world.clock.advance(90);
    let second = world.auth.refresh(&profile).unwrap();
    world.clock.advance(90);
    assert!(world.auth.session(&first).await.is_err(), "over");
    let profile = world.auth.session(&second.token).await.unwrap();
    let third = world.auth.refresh(&profile).unwrap();
    let begun = second.expires - 190;
    assert_eq!(
        third.expires,
        begun + 250,
        "no longer than from the sign-in"
    );
    let other = replica(&world);
    assert!(other.session(&third.token).await.is_ok());
    other.sign_out(&profile.session).await.unwrap();
    for token in [&second.token, &third.token] {
        assert!(world.auth.session(token).await.is_err(), "one session");
    }
    world.clock.advance(LEASE + 70);
    let late = world.auth.refresh(&profile);
    assert!(matches!(late, Err(AuthError::RefreshOver)), "{late:?}");
}
