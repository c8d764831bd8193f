//! Claim gate-1: every kind of token there is, shown in the place of every other, at the whole gate
//! with a real OpenID provider. Each is a good one, and opens its own place in the end.

mod outside;
mod place;
mod stage;

use place::Place;
use stage::Stage;

use crate::services::auth::fixture::owner;

/// A good token of a kind, and the places that are its own.
struct Kind {
    name: &'static str,
    text: String,
    own: &'static [Place],
}

/// Every kind.
async fn kinds(stage: &Stage) -> Vec<Kind> {
    use Place::*;
    let kind = |name, text: &str, own| Kind {
        name,
        text: text.to_owned(),
        own,
    };
    let outside = stage.tokens_of_the_provider().await;
    // Bound to the same secret as the challenge whose message and signature stand beside them.
    let secret = &stage.login.secret;
    let as_text = stage.challenge_in("personal_sign", &owner(), secret).await;
    let as_data = stage.challenge_in("eip712", &owner(), secret).await;
    vec![
        kind("session", &stage.session, &[Bearer, Cookie, Verify]),
        kind(
            "renewed session",
            &stage.renewed().await,
            &[Bearer, Cookie, Verify],
        ),
        kind("machine key", &stage.machine_key().await, &[Bearer, Verify]),
        kind(
            "playback handle",
            &stage.handle().await,
            &[HandlePath, HandleQuery, HandleHeader, HandleCookie],
        ),
        kind("challenge", &stage.login.message, &[Message]),
        kind("wallet's signature", &stage.login.signature, &[Signature]),
        kind("challenge as a text", &as_text.message, &[]),
        kind("signature of a text", &as_text.signature, &[]),
        kind("challenge as typed data", &as_data.message, &[]),
        kind("signature of typed data", &as_data.signature, &[]),
        kind(
            "browser's secret",
            &stage.login.secret,
            &[Verifier, ChallengeCookie],
        ),
        kind("binding", &stage::binding(&stage.login.secret), &[]),
        kind("nonce", stage.login.nonce(), &[]),
        kind("provider's code", &stage.away.code, &[Code]),
        kind("provider's state", &stage.away.state, &[State]),
        kind(
            "browser's secret for a provider",
            &stage.away.cookie,
            &[ProviderCookie],
        ),
        kind("ID token", &outside.id_token, &[]),
        kind("provider's access token", &outside.access_token, &[]),
        kind("pod token", &stage.pod_token, &[Pod]),
        kind(
            "signature of an object URL",
            &stage.object_signature(),
            &[ObjectUrl],
        ),
        kind("cursor", &stage.cursor().await, &[Cursor]),
    ]
}

#[tokio::test]
async fn gate_1_every_kind_of_token_is_refused_in_every_others_place() {
    let mut stage = Stage::new().await;
    let kinds = kinds(&stage).await;
    let (mut refused, mut taken) = (0, Vec::new());
    for kind in &kinds {
        for place in Place::ALL.iter().filter(|place| !kind.own.contains(place)) {
            match stage.opens(*place, &kind.text).await {
                false => refused += 1,
                true => taken.push((kind.name, *place)),
            }
        }
    }
    println!(
        "gate-1 tokens: {} kinds in {} places, {refused} refused in another's place, {} taken: {taken:?}",
        kinds.len(),
        Place::ALL.len(),
        taken.len()
    );
    assert!(taken.is_empty(), "{taken:?}");
    // Each is good, and no attempt has spent it: what can be used once is used now.
    for kind in &kinds {
        for place in kind.own.iter().filter(|place| !place.is_used_once()) {
            assert!(
                stage.opens(*place, &kind.text).await,
                "{} in {place:?}",
                kind.name
            );
        }
    }
    for place in [Place::Verifier, Place::Code] {
        let kind = kinds.iter().find(|kind| kind.own.contains(&place)).unwrap();
        assert!(
            stage.opens_once(place, &kind.text).await,
            "{} in {place:?}",
            kind.name
        );
        assert!(
            !stage.opens_once(place, &kind.text).await,
            "{} twice",
            kind.name
        );
    }
    let secret = stage.login.secret.clone();
    assert!(stage.signs_in_anew(Place::ChallengeCookie, &secret).await);
}
