//! Every way a sign-in can fail, and the one way it succeeds.

use alloy_primitives::{Signature, U256};

use crate::ports::identity::{Identities, IdentityError};
use crate::services::auth::fixture::{Account, GATE, NOW, World, admin, browser, owner, text};
use crate::services::auth::{AuthError, Challenge};
use crate::tokens::fixture::signer;
use crate::tokens::{Session, Token, Viewing};

async fn challenge(world: &World, account: &Account) -> Challenge {
    let browser = browser();
    let challenge = world.auth.challenge(account.wallet(), None, browser);
    challenge.await.unwrap()
}

/// Signs a changed message and tries.
async fn attempt(change: impl Fn(&World, String) -> String) -> AuthError {
    let world = World::generous().await;
    let account = Account::new(7);
    let message = change(&world, challenge(&world, &account).await.message);
    let signature = text(&account.sign(&message));
    world
        .auth
        .sign_in(&message, &signature, Some(browser()))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn the_challenge_is_a_message_of_this_gate() {
    let world = World::generous().await;
    let challenge = challenge(&world, &Account::new(7)).await;
    let nonce = challenge.message.split("Nonce: ").nth(1).unwrap();
    let expected = format!(
        "gate.example wants you to sign in with your Ethereum account:\n{}\n\n\
         Sign in to StreamGate. This costs nothing and moves nothing.\n\n\
         URI: {GATE}\nVersion: 1\nChain ID: 1\nNonce: {}\nIssued At: 2026-11-24T03:00:00Z\n\
         Expiration Time: 2026-11-24T03:05:00Z",
        alloy_primitives::Address::from(Account::new(7).wallet().evm().unwrap()),
        nonce.lines().next().unwrap()
    );
    assert_eq!(challenge.message, expected);
    assert_eq!(challenge.expires, NOW + 300);
}

#[tokio::test]
async fn a_signed_challenge_begins_one_session() {
    let world = World::generous().await;
    let account = Account::new(7);
    let challenge = challenge(&world, &account).await;
    let signature = text(&account.sign(&challenge.message));
    let signed_in = world
        .auth
        .sign_in(&challenge.message, &signature, Some(browser()))
        .await
        .unwrap();
    let who = world.auth.identify(&signed_in.token).await.unwrap();
    assert_eq!(
        (who.wallet, who.creator, who.admin),
        (account.wallet(), false, false)
    );
    let again = world
        .auth
        .sign_in(&challenge.message, &signature, Some(browser()))
        .await;
    assert!(matches!(again, Err(AuthError::NonceSpent)), "{again:?}");
}

#[tokio::test]
async fn creators_and_admins_are_those_the_configuration_names() {
    let world = World::generous().await;
    let (_, profile) = world.sign_in(&owner()).await;
    assert!(profile.principal.creator && !profile.principal.admin);
    let (_, profile) = world.sign_in(&admin()).await;
    assert!(profile.principal.creator && profile.principal.admin);
}

#[tokio::test]
async fn a_message_for_somebody_else_is_refused() {
    let foreign = [
        ("gate.example wants", "evil.example wants", "domain"),
        (
            "URI: https://gate.example",
            "URI: https://evil.example",
            "URI",
        ),
        ("gate.example wants", "http://gate.example wants", "scheme"),
        ("Chain ID: 1\n", "Chain ID: 5\n", "chain id"),
    ];
    for (from, to, what) in foreign {
        let error = attempt(|_, m| m.replacen(from, to, 1)).await;
        assert!(
            matches!(error, AuthError::Foreign(w) if w == what),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_message_out_of_its_time_is_refused() {
    let out_of_time = [
        ("2026-11-24T03:05:00Z", "2026-11-24T03:00:00Z"),
        (
            "Issued At: 2026-11-24T03:00:00Z",
            "Issued At: 2026-11-24T03:01:01Z",
        ),
        (
            "Issued At: 2026-11-24T03:00:00Z",
            "Issued At: 2026-11-24T02:55:00Z",
        ),
        ("03:05:00Z", "03:05:00Z\nNot Before: 2026-11-24T03:00:01Z"),
    ];
    for (from, to) in out_of_time {
        let error = attempt(|_, m| m.replacen(from, to, 1)).await;
        assert!(matches!(error, AuthError::OutOfTime(_)), "{to}: {error:?}");
    }
    let late = attempt(|world, message| {
        world.clock.advance(300);
        message
    });
    assert!(matches!(late.await, AuthError::OutOfTime(_)));
}

#[tokio::test]
async fn a_nonce_of_somebody_elses_making_is_refused() {
    let error = attempt(|_, m| m.replacen("Nonce: ", "Nonce: 0", 1)).await;
    assert!(matches!(error, AuthError::NonceSpent), "{error:?}");
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_spends_no_nonce() {
    let world = World::generous().await;
    let account = Account::new(7);
    let message = challenge(&world, &account).await.message;
    let good = account.sign(&message);
    let order = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let order: U256 = order.parse().unwrap();
    let high = Signature::new(good.r(), order - good.s(), !good.v());
    let mut parity = text(&good);
    parity.replace_range(130.., "07");
    let cases = [
        ("of another wallet", text(&Account::new(8).sign(&message))),
        ("of another message", text(&account.sign("hello"))),
        ("in its second form", text(&high)),
        ("with an impossible parity", parity),
        ("of zeros", format!("0x{}1b", "00".repeat(64))),
        ("too short", "0x00".into()),
        ("without 0x", text(&good)[2..].to_owned()),
        ("absent", String::new()),
    ];
    for (what, signature) in cases {
        let error = world
            .auth
            .sign_in(&message, &signature, Some(browser()))
            .await
            .unwrap_err();
        let refused = matches!(
            error,
            AuthError::WrongSigner | AuthError::InvalidSignature(_)
        );
        assert!(refused, "{what}: {error:?}");
    }
    world
        .auth
        .sign_in(&message, &text(&good), Some(browser()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_chain_that_is_not_the_gates_gets_no_challenge() {
    let world = World::generous().await;
    let refused = world
        .auth
        .challenge(Account::new(7).wallet(), Some(5), browser())
        .await;
    assert!(matches!(refused, Err(AuthError::UnknownChain(5))));
}

#[tokio::test]
async fn a_session_ends_by_time_and_by_signing_out() {
    let world = World::generous().await;
    let (first, profile) = world.sign_in(&owner()).await;
    let (second, _) = world.sign_in(&owner()).await;
    assert!(world.auth.identify(&first).await.is_ok());
    world.auth.sign_out(&profile.session).await.unwrap();
    let ended = world.auth.identify(&first).await;
    assert!(matches!(ended, Err(IdentityError::Refused)), "{ended:?}");
    assert!(
        world.auth.identify(&second).await.is_ok(),
        "another session holds"
    );
    world.clock.advance(3_600);
    assert!(world.auth.identify(&second).await.is_err());
}

#[tokio::test]
async fn a_handle_or_anothers_token_is_no_session() {
    let world = World::generous().await;
    world.content("c", None).await;
    let handle = world.handle(&owner(), "c").await;
    assert!(world.auth.identify(&handle).await.is_err());
    let sub = owner().wallet();
    let claims = Session {
        sub,
        jti: "x".into(),
        auth_time: NOW,
        proven: Vec::new(),
    };
    let token = Token::new(GATE, NOW, NOW + 60, claims);
    assert!(
        world
            .auth
            .identify(&signer(1).sign(&token).unwrap())
            .await
            .is_ok()
    );
    assert!(
        world
            .auth
            .identify(&signer(2).sign(&token).unwrap())
            .await
            .is_err()
    );
    let viewing = Viewing {
        sub,
        sid: "x".into(),
        content: "c".parse().unwrap(),
        output: "o".parse().unwrap(),
        rules: String::new(),
        proven: Vec::new(),
        bound: None,
    };
    let viewing = Token::new(GATE, NOW, NOW + 60, viewing);
    assert!(
        world
            .auth
            .identify(&signer(1).sign(&viewing).unwrap())
            .await
            .is_err()
    );
}
